//! `docker jackin import`: takes over a configuration of jackin's. It shows
//! what it would do, asks, and does it in one edit.

mod accounts;
mod env;
mod github;
mod image;
mod left_out;
mod login;
mod merge;
mod names;
mod place;
mod plan;
mod planner;
mod report;
mod value;

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};

use super::screen::{say, show};
use super::status::Format;
use crate::config::ConfigPlace;
use crate::config::edit;
use crate::failure::{Failure, Kind};
use crate::jackin::{Folder, Jackin, read, state_folder};
use crate::plugin::global_flags::GlobalFlags;
use merge::Merged;
use report::Report;

const EXAMPLES: &str = "\
Examples:
  docker jackin import --dry-run
  docker jackin import ~/backup/jackin --yes";

/// Take over an existing jackin configuration
///
/// Reads config.toml and workspaces/*.toml of jackin, of any of its versions,
/// and what jackin keeps of its roles. Shows what comes of it: what is taken
/// over, what becomes something else, and what has no counterpart; a `!` marks
/// what was kept from agents there and is not here. References stay references,
/// and nothing is asked for a secret. jackin's files are not changed.
///
/// With --format json: `from`, `into`, `files`, `changes` (each with `table`,
/// `key`, `value` as it may be shown, and `standing`: new, there, kept or
/// replaced), `converted` and `left_out` (each with `about`, `why` and
/// `loses_protection`), `not_read` (`place`, `what`) and `applied`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// jackin's folder; by default `$JACKIN_CONFIG_DIR` or ~/.config/jackin.
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Replace what says something else in the configuration.
    #[arg(short, long)]
    force: bool,
    /// How to show it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Carries it out.
///
/// # Errors
/// There is none, or ours is refused.
pub fn run(flags: &GlobalFlags, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let place = ConfigPlace::of_this_process(flags)?;
    let jackin = arguments.read(&place)?;
    let from = Folder::meant(arguments.folder.as_deref(), &place.host);
    let merged = arguments.merged(&jackin, &place, &edit::draft(&place.file, &place.host)?);
    let mut report = Report::new(from, place.file.clone(), &jackin, &merged);
    if !arguments.dry_run && merged.has_changes() {
        if !arguments.yes && !agreed(&report)? {
            anstream::eprintln!("nothing is changed");
            return Ok(ExitCode::FAILURE);
        }
        place.edit(|draft| arguments.merged(&jackin, &place, draft).write(draft))?;
        report.applied = true;
    }
    arguments.tell(&report, &place)
}

impl Arguments {
    fn read(&self, place: &ConfigPlace) -> Result<Jackin, Failure> {
        let folder = Folder::open(Folder::meant(self.folder.as_deref(), &place.host));
        let shown = folder.path.display();
        if folder.is_empty() {
            let message = match folder.remarks() {
                [] => format!("there is no configuration of jackin's in {shown}"),
                [first, ..] => format!("failed to read {shown}/{}: {}", first.place, first.what),
            };
            return Err(Failure::new(Kind::Configuration, message)
                .hint("name its folder: docker jackin import FOLDER"));
        }
        let jackin = read(&folder);
        match jackin.remarks.first() {
            Some(first) if jackin.files.is_empty() => {
                let message = format!("failed to read {shown}/{}: {}", first.place, first.what);
                Err(Failure::new(Kind::Configuration, message))
            }
            _ => Ok(jackin),
        }
    }

    /// What comes of it beside the configuration as `draft` has it.
    fn merged(&self, jackin: &Jackin, place: &ConfigPlace, draft: &edit::Draft) -> Merged {
        let plan = planner::plan(jackin, &state_folder(&place.host), &place.host);
        Merged::new(plan, draft, &place.host, self.force)
    }

    fn tell(&self, report: &Report, place: &ConfigPlace) -> Result<ExitCode, Failure> {
        // Who was asked has seen it.
        if self.format == Format::Json || self.dry_run || self.yes || !report.applied {
            show(report, self.format)?;
        }
        if self.format == Format::Json {
            return Ok(ExitCode::SUCCESS);
        }
        let (count, file) = (report.count(), place.file.display());
        let plural = if count == 1 { "" } else { "s" };
        if count == 0 {
            say(&"\nnothing to do: all of it is there");
        } else if report.applied {
            say(&format_args!(
                "\n{count} setting{plural} taken over into {file}"
            ));
            say(&"  see them: docker jackin config check");
            say(&"  and the logins: docker jackin config auth show");
        } else {
            say(&format_args!(
                "\nnothing is changed; {count} setting{plural} would be set"
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Asks on the terminal, where the plan is shown before.
fn agreed(report: &Report) -> Result<bool, Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let message =
            "an import would change the configuration, and there is no terminal to ask on";
        return Err(Failure::new(Kind::Usage, message)
            .hint("see what it would do: docker jackin import --dry-run")
            .hint("or let it do so: docker jackin import --yes"));
    }
    anstream::eprintln!("{report}");
    anstream::eprint!("Take this over? [y/N] ");
    let _ = stderr().flush();
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(|error| {
        let message = format!("failed to read the answer: {error}");
        Failure::new(Kind::Internal, message)
    })?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
