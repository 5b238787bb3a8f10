//! `docker jackin run`: prepares a login, stages its ticket, becomes docker.

mod decided;
mod docker_line;
mod dry_run;
mod given;
mod neighbours;
mod subject;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{ArgAction, Args};
use jackin_oci_hook::folder::candidates;

use crate::agent::Agent;
use crate::command::agent_word::agent_word;
use crate::command::image_word::image_word;
use crate::command::status::Format;
use crate::delivery::{self, Prepared};
use crate::docker::program;
use crate::engine::client::{ANNOTATIONS_SINCE, parse_version};
use crate::engine::installation::RUNTIME_NAME;
use crate::engine::registered::require_registered;
use crate::engine::{self, Engine};
use crate::failure::{Failure, Kind};
use crate::handoff::{self, Staged, TicketFolder};
use crate::host::keep_out_of_dumps;
use crate::launch::{LaunchFolder, LaunchId, Login, Record};
use crate::plugin::global_flags::GlobalFlags;
use crate::request::Request;
use crate::terminal;
use decided::Launch;
use docker_line::HandleBy;

/// Pins the API version that the docker client speaks.
const API_VERSION: &str = "DOCKER_API_VERSION";

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
    let now = SystemTime::now();
    let prepared = launch.with_circumstances(now, delivery::prepare)?;
    launch.warn(&prepared.warnings);
    terminal::show_lines(&prepared.lines);

    let engine = engine::connect(&launch.endpoint)?;
    let handle_by = channel(&engine, launch)?;
    let uid = launch.host.uid();
    let tickets = TicketFolder::open(&candidates(uid), uid)?;
    let record = record(launch, &prepared, &engine, now)?;
    let launches = write_down(&record, &tickets, |launches| {
        for warning in neighbours::warnings(&engine, launches, uid, &prepared.provided, now) {
            terminal::show_warning(&warning);
        }
    });
    let request = request(launch, &prepared, &record.id);
    let staged = stage(&tickets, prepared, &request, &launch.subject.image)?;
    let handle = staged.handle.expose();
    let labels = launch.labels(&record.id.to_string());
    let line = launch.docker_line(&handle, handle_by, &labels);
    let (arguments, variables) = (line.arguments(), line.variables());
    let failure =
        program::become_docker(&launch.docker, &arguments, &variables, Some(staged.path()));
    staged.withdraw();
    if let Some(launches) = launches {
        launches.remove(&record.id);
    }
    Err(failure)
}

/// The way by which this engine and this client can tell a container its
/// handle.
fn channel(engine: &Engine, launch: &Launch<'_>) -> Result<HandleBy, Failure> {
    let runtime = launch.given.runtime.as_deref();
    require_registered(engine, runtime.unwrap_or(RUNTIME_NAME))?;
    let api = engine.api_version()?;
    // The client goes no higher than its user lets it.
    let pinned = launch.host.text_variable(API_VERSION);
    let pinned = pinned.as_deref().and_then(parse_version);
    let api = pinned.map_or(api, |pinned| api.min(pinned));
    let docker = &launch.docker;
    let annotated = api >= ANNOTATIONS_SINCE && program::knows_annotations(docker, &launch.host);
    tracing::debug!(?api, annotated, docker = %docker.display(), "asked the engine");
    Ok(if annotated {
        HandleBy::Annotation
    } else {
        HandleBy::Variable
    })
}

fn request(launch: &Launch<'_>, prepared: &Prepared, id: &LaunchId) -> Request {
    let subject = launch.subject.to_request();
    let file = launch.config.file.clone();
    let mut request = Request::new(subject, id.clone(), file, &launch.host);
    request.workspace.clone_from(&launch.workspace);
    request.modes = prepared.mode_words();
    request.logins.clone_from(&prepared.logins);
    request.sources.clone_from(&prepared.sources);
    request.given.clone_from(&launch.given.variables);
    request
}

fn record(
    launch: &Launch<'_>,
    prepared: &Prepared,
    engine: &Engine,
    now: SystemTime,
) -> Result<Record, Failure> {
    let socket = engine.real_socket();
    let mut record = Record::new(launch_id()?, &launch.subject.image, socket, now);
    record.role.clone_from(&launch.subject.role);
    record.workspace.clone_from(&launch.workspace);
    record.agents = prepared.provided.iter().map(Login::from).collect();
    Ok(record)
}

fn launch_id() -> Result<LaunchId, Failure> {
    LaunchId::random().map_err(|error| {
        let message = format!("failed to draw a launch's id: {error}");
        Failure::new(Kind::Internal, message)
    })
}

/// Writes the launch down, once `look` has looked at those before it. Other
/// verbs show what is written there: no launch fails for it.
fn write_down(
    record: &Record,
    tickets: &TicketFolder,
    look: impl FnOnce(&LaunchFolder),
) -> Option<LaunchFolder> {
    let launches = match LaunchFolder::beside(tickets) {
        Ok(launches) => launches,
        Err(failure) => {
            terminal::show_warning(&format!("this launch is not written down: {failure}"));
            return None;
        }
    };
    look(&launches);
    if let Err(error) = launches.write(record) {
        terminal::show_warning(&format!("this launch is not written down: {error}"));
    }
    Some(launches)
}

fn stage(
    tickets: &TicketFolder,
    prepared: Prepared,
    request: &Request,
    image: &str,
) -> Result<Staged, Failure> {
    let request = request.to_raw().map_err(|error| {
        Failure::new(
            Kind::Configuration,
            format!("failed to write down the request: {error}"),
        )
    })?;
    let now = SystemTime::now();
    handoff::stage(tickets, prepared.payload, Some(request), image, now)
}
