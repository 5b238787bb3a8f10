//! `docker jackin sync`: what keeps the logins of running containers up to
//! date, and how it does.

mod listing;
mod now;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use crate::agent::Agent;
use crate::command::agent_word::agent_word;
use crate::command::screen;
use crate::command::status::Format;
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::live::renew::{self, Occasion};
use crate::live::watcher::{self, Manner};
use crate::live::{Logins, Machine};
use crate::plugin::global_flags::GlobalFlags;
use listing::Listing;

const EXAMPLES: &str = "\
Examples:
  docker jackin sync
  docker jackin sync --format json
  docker jackin sync --now web
  systemctl --user enable --now docker-jackin-sync

The json format is an object: watcher (null, or pid, since and version), and logins with
agent, origin, ends, published, logged_out (RFC 3339 each), containers (their ids),
renewal (attempts, last, next, failed) and trouble (what, since). What is not known is null.
It ends with 1 when a login is in trouble.";

/// Show the logins that running containers follow, and keep them up to date
///
/// Containers follow the host's logins: when one is renewed on the host, or
/// another account logs in, they use it with their next request. A process in
/// the background sees to that, and has the agent's own program renew a login
/// shortly before it ends. The first container starts that process, it ends
/// with the last one, and this starts it again should it be gone.
///
/// `--now` waits for nothing: every login that ends soon, or that its vendor
/// takes no more, is renewed by the agent's own program and handed on at once. A
/// container that is named and cannot follow, such as one that was given a copy,
/// gets its login again. So it mends a container whose agent shows a 401, without
/// a restart.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Keep logins up to date here, until stopped
    #[arg(long, conflicts_with_all = ["format", "containers"])]
    foreground: bool,
    /// Renew logins and hand them on at once
    #[arg(long, conflicts_with_all = ["foreground", "format"])]
    now: bool,
    /// Containers, or roles, that are to have today's logins
    #[arg(value_name = "CONTAINER|ROLE", requires = "now")]
    containers: Vec<String>,
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    process: Process,
}

/// Which of the processes behind a launch's back this is.
#[derive(Debug, Args)]
struct Process {
    /// Keep logins up to date in the background
    #[arg(long, hide = true)]
    background: bool,
    /// Ask for the renewal of an agent's login
    #[arg(long, hide = true, value_name = "AGENT", value_parser = agent_word())]
    renew: Option<Agent>,
    /// Whether its vendor may take the login no more
    #[arg(long, hide = true, requires = "renew")]
    doubted: bool,
    /// Whether this is the process that stays in the background
    #[arg(long, hide = true)]
    stays: bool,
}

impl Process {
    fn occasion(&self) -> Occasion {
        if self.doubted {
            Occasion::Doubt
        } else {
            Occasion::End
        }
    }
}

/// Shows them, or keeps them up to date.
///
/// # Errors
/// There is no folder for them, or what keeps them up to date does not begin.
pub fn run(flags: &GlobalFlags, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let process = &arguments.process;
    if process.stays {
        // Whatever the engine, or whoever started us, had open.
        jackin_oci_hook::raw::close_inherited_fds().map_err(|error| internal(&error))?;
    }
    let host = Host::of_this_process()?;
    match (process.renew, process.stays) {
        (Some(agent), true) => return renew_and_stay(agent, &host, process.occasion()),
        (Some(agent), false) => {
            let machine = Machine::of(&host);
            return begun(renew::stay_behind(agent, &machine, process.occasion()));
        }
        (None, true) => return stay_in_background(&host),
        (None, false) if process.background => return begin_in_background(&host),
        (None, false) => {}
    }
    if arguments.foreground {
        return stay_in_foreground(&host);
    }
    if arguments.now {
        return now::run(flags, &host, &arguments.containers);
    }
    show(&host, arguments.format)
}

fn show(host: &Host, format: Format) -> Result<ExitCode, Failure> {
    let logins = Logins::of_user(host.uid())?;
    if !logins.all().is_empty() {
        watcher::ensure(host)?;
    }
    let listing = Listing::of(&logins, watcher::is_running(host.uid()), SystemTime::now());
    screen::show(&listing, format)?;
    Ok(if listing.has_trouble() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn stay_in_foreground(host: &Host) -> Result<ExitCode, Failure> {
    let mut say = |line: String| {
        // Who does not read it any more has it go on all the same.
        let _ = writeln!(anstream::stderr(), "{line}");
    };
    watcher::stay(host.uid(), Manner::Foreground, &mut say)?;
    Ok(ExitCode::SUCCESS)
}

/// Begins, unless one runs already. Whoever asks is not kept waiting.
fn begin_in_background(host: &Host) -> Result<ExitCode, Failure> {
    if watcher::runs_as_it_should(host.uid()) {
        return Ok(ExitCode::SUCCESS);
    }
    begun(watcher::stay_behind(host))
}

fn begun(begun: io::Result<()>) -> Result<ExitCode, Failure> {
    begun.map_err(|error| internal(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn stay_in_background(host: &Host) -> Result<ExitCode, Failure> {
    watcher::stay(host.uid(), Manner::Background, &mut |_| {})?;
    Ok(ExitCode::SUCCESS)
}

fn renew_and_stay(agent: Agent, host: &Host, occasion: Occasion) -> Result<ExitCode, Failure> {
    renew::ask_and_stay(agent, &Machine::of(host), occasion)
        .map_err(|error| Failure::new(Kind::Configuration, error))?;
    Ok(ExitCode::SUCCESS)
}

fn internal(error: &io::Error) -> Failure {
    Failure::new(
        Kind::Internal,
        format!("failed to stay in the background: {error}"),
    )
}
