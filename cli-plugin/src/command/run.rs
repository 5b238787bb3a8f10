//! `docker jackin run`: prepares a login, stages its ticket, becomes docker.

mod decided;
mod docker_line;
mod dry_run;
mod given;
mod subject;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::agent::Agent;
use crate::command::agent_word::agent_word;
use crate::command::channel::HandleBy;
use crate::command::image_word::image_word;
use crate::command::issue::token::{self, TokenWatch};
use crate::command::issue::{Counter, launch_id};
use crate::command::status::Format;
use crate::delivery;
use crate::docker::program;
use crate::engine::{self, Engine};
use crate::failure::{Failure, Kind};
use crate::handoff::Terms;
use crate::host::keep_out_of_dumps;
use crate::plugin::global_flags::GlobalFlags;
use crate::terminal;
use clap::{ArgAction, Args};
use decided::Launch;

/// The exit code of a start that failed before docker was asked, as docker's
/// own for the same.
const NOT_STARTED: u8 = 125;

const USAGE: &str = "\
docker jackin run [--workspace NAME] [--dry-run] <ROLE> [DOCKER RUN FLAGS] [-- COMMAND…]
       docker jackin run [--workspace NAME] [--dry-run] --image IMAGE [--agent NAME]… [DOCKER RUN FLAGS] [-- COMMAND…]";

const EXAMPLES: &str = "\
Examples:
  docker jackin run web -it
  docker jackin run --workspace my-app web --rm -e LANG=C -- claude -p \"what is this?\"
  docker jackin run --image acme/web-agent:1 --agent claude --agent codex -it";

/// Start a container, with its agents logged in
///
/// A role says which image and agents; with --image none is needed. What
/// follows are flags of `docker run`, handed on untouched, and the container's
/// command behind `--`.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, disable_help_flag = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// The workspace; by default the one whose workdir holds the current
    /// folder.
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// An image to start without a role.
    #[arg(long, value_name = "IMAGE", value_parser = image_word)]
    image: Option<String>,
    /// An agent to log in with --image; may be given more than once, and is
    /// claude by default.
    #[arg(long = "agent", value_name = "NAME", value_parser = agent_word())]
    agents: Vec<Agent>,
    /// Show what would be done, and do nothing: no ticket is made, and no
    /// program is asked for a value.
    #[arg(long)]
    dry_run: bool,
    /// How to show it. The json has agents (agent, auth, `chosen_by`, mode,
    /// source, `not_asked` and the trace of scopes), variables (name, source,
    /// scope, `not_asked`) and docker (program, arguments, variables; null
    /// where the engine cannot be asked).
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "dry_run")]
    format: Format,
    /// Print help.
    // Without `-h`, which is docker's flag for the container's host name.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// The role, flags of `docker run`, and the command behind `--`.
    #[arg(
        value_name = "ROLE",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    rest: Vec<OsString>,
}

/// Starts the container. Does not come back when that worked.
///
/// # Errors
/// The command line asks for something that cannot be.
pub fn run(flags: &GlobalFlags, arguments: Arguments) -> Result<ExitCode, Failure> {
    keep_out_of_dumps();
    let (dry_run, format) = (arguments.dry_run, arguments.format);
    let outcome = Launch::decide(flags, arguments).and_then(|launch| {
        if dry_run {
            dry_run::show(&launch, format)
        } else {
            start(&launch)
        }
    });
    match outcome {
        Err(failure) if failure.kind != Kind::Usage => {
            terminal::show_failure(&failure);
            Ok(ExitCode::from(NOT_STARTED))
        }
        outcome => outcome,
    }
}

fn start(launch: &Launch<'_>) -> Result<ExitCode, Failure> {
    let order = launch.order();
    let attempts = order.renew_what_is_due();
    let now = SystemTime::now();
    let mut prepared = order.with_circumstances(now, delivery::prepare)?;
    let watch = token::watch(&launch.config, &launch.host, &mut prepared, now);
    launch.warn(&prepared.warnings);
    terminal::show_lines(&prepared.lines);

    let engine = engine::connect(&launch.endpoint)?;
    let handle_by = channel(&engine, launch)?;
    watch.map_or(Ok(()), TokenWatch::conclude)?;
    let counter = Counter::open(launch.host.uid())?;
    let id = launch_id()?;
    let terms = Terms::of_image(&launch.subject.image);
    let reserved = counter.reserve(&mut prepared, &attempts, &launch.host, terms, now)?;
    counter.warn_of_neighbours(&engine, &prepared.provided, now);
    let record = order.record(&prepared, &id, &engine, now);
    counter.write_down(&record);
    let request = order.request(&prepared, &id, Some(&record));
    let staged = counter.stage(reserved, prepared, &request, &launch.host)?;
    let handle = staged.handle.expose();
    let labels = launch.labels(id.as_str());
    let line = launch.docker_line(&handle, handle_by, &labels);
    let (arguments, variables) = (line.arguments(), line.variables());
    let failure =
        program::become_docker(&launch.docker, &arguments, &variables, Some(staged.path()));
    counter.take_back(staged);
    counter.forget(&id);
    Err(failure)
}

/// The way by which this engine and this client can tell a container its
/// handle.
fn channel(engine: &Engine, launch: &Launch<'_>) -> Result<HandleBy, Failure> {
    let runtime = launch.given.runtime.as_deref();
    HandleBy::known_to(engine, &launch.docker, &launch.host, runtime)
}
