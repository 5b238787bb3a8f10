//! `docker jackin run`: prepares a login, stages its ticket, becomes docker.

mod docker_line;
mod given;
mod neighbours;
mod subject;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{ArgAction, Args};
use jackin_oci_hook::folder::candidates;

use crate::agent::Agent;
use crate::auth::scope::Cell;
use crate::command::agent_word::agent_word;
use crate::config::{self, Config, nearest};
use crate::delivery::{self, Circumstances, Prepared};
use crate::docker::given_flags::{GivenFlags, RUN};
use crate::docker::program;
use crate::engine::client::{ANNOTATIONS_SINCE, parse_version};
use crate::engine::installation::RUNTIME_NAME;
use crate::engine::registered::require_registered;
use crate::engine::{self, Engine, here};
use crate::failure::{Failure, Kind};
use crate::handoff::{self, Staged, TicketFolder};
use crate::host::{Host, keep_out_of_dumps};
use crate::launch::{LaunchFolder, LaunchId, Login, Record, label};
use crate::plugin::global_flags::GlobalFlags;
use crate::request::Request;
use crate::source::Shell;
use crate::terminal;
use docker_line::{DockerLine, HandleBy};
use given::Given;
use subject::{Subject, Words};

/// Pins the API version that the docker client speaks.
const API_VERSION: &str = "DOCKER_API_VERSION";

/// The exit code of a start that failed before docker was asked, as docker's
/// own for the same.
const NOT_STARTED: u8 = 125;

const USAGE: &str = "\
docker jackin run [--workspace NAME] <ROLE> [DOCKER RUN FLAGS] [-- COMMAND…]
       docker jackin run [--workspace NAME] --image IMAGE [--agent NAME]… [DOCKER RUN FLAGS] [-- COMMAND…]";

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
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// An agent to log in with --image; may be given more than once, and is
    /// claude by default.
    #[arg(long = "agent", value_name = "NAME", value_parser = agent_word())]
    agents: Vec<Agent>,
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
    let failure = match launch(flags, arguments) {
        Ok(never) => match never {},
        Err(failure) => failure,
    };
    if failure.kind == Kind::Usage {
        return Err(failure);
    }
    terminal::show_failure(&failure);
    Ok(ExitCode::from(NOT_STARTED))
}

/// What no successful launch comes back with.
enum Never {}

fn launch(flags: &GlobalFlags, arguments: Arguments) -> Result<Never, Failure> {
    keep_out_of_dumps();
    let host = Host::of_this_process()?;
    let mut config = config::load(&config::path_of(flags, &host), &host)?;
    config.follow_links();
    let workspace = arguments.workspace.clone();
    let (subject, rest) = Subject::find(words(arguments), &config)?;
    let workspace = self::workspace(&config, workspace.as_deref(), &host)?;
    let user = GivenFlags::parse(&RUN, rest)?;
    let given = given::look_over(&[&subject.flags, &user], &host)?;
    let docker = program::find(&host)?;
    let endpoint = here::endpoint(flags, &host)?;

    let now = SystemTime::now();
    let cell = Cell {
        workspace,
        role: subject.role.as_deref(),
    };
    let prepared = delivery::prepare(Circumstances {
        config: &config,
        cell,
        agents: &subject.agents,
        given: &given.variables,
        modes_at_launch: &BTreeMap::new(),
        logins_at_launch: &BTreeMap::new(),
        sources_at_launch: &BTreeMap::new(),
        host: &host,
        shell: Shell::Live(&host),
        now,
    })?;
    show(&config, &given, &prepared);

    let engine = engine::connect(&endpoint)?;
    let handle_by = channel(&engine, &given, &docker, &host)?;
    let tickets = TicketFolder::open(&candidates(host.uid()), host.uid())?;
    let id = launch_id()?;
    let mut request = Request::new(subject.to_request(), id.clone(), config.file.clone(), &host);
    request.workspace = workspace.map(str::to_owned);
    request.modes = prepared.mode_words();
    request.logins.clone_from(&prepared.logins);
    request.sources.clone_from(&prepared.sources);
    request.given = given.variables;
    let mut record = Record::new(id, &subject.image, engine.real_socket(), now);
    record.role.clone_from(&subject.role);
    record.workspace.clone_from(&request.workspace);
    record.agents = prepared.provided.iter().map(Login::from).collect();
    let launches = write_down(&record, &tickets, |launches| {
        for warning in neighbours::warnings(&engine, launches, host.uid(), &prepared.provided, now)
        {
            terminal::show_warning(&warning);
        }
    });
    let staged = stage(&tickets, prepared, &request, &subject.image)?;
    let line = DockerLine {
        flags,
        handle: &staged.handle.expose(),
        handle_by,
        runtime: given.runtime.is_none(),
        labels: &label::all(cell, host.uid(), &record.id, &subject.agents),
        workspace: workspace.and_then(|name| config.workspaces.get(name)),
        folder: host.folder(),
        role_flags: &subject.flags.flags,
        user_flags: &user.flags,
        image: &subject.image,
        command: user.command.as_deref(),
    };
    let failure = program::become_docker(
        &docker,
        &line.arguments(),
        &line.variables(),
        Some(staged.path()),
    );
    staged.withdraw();
    if let Some(launches) = launches {
        launches.remove(&record.id);
    }
    Err(failure)
}

fn words(arguments: Arguments) -> Words {
    let line: Vec<OsString> = std::env::args_os().collect();
    Words {
        image: arguments.image,
        agents: arguments.agents,
        rest: subject::with_its_escape(arguments.rest, &line),
    }
}

/// The way by which this engine and this client can tell a container its
/// handle.
fn channel(
    engine: &Engine,
    given: &Given,
    docker: &Path,
    host: &Host,
) -> Result<HandleBy, Failure> {
    require_registered(engine, given.runtime.as_deref().unwrap_or(RUNTIME_NAME))?;
    let api = engine.api_version()?;
    // The client goes no higher than its user lets it.
    let pinned = host.text_variable(API_VERSION);
    let pinned = pinned.as_deref().and_then(parse_version);
    let api = pinned.map_or(api, |pinned| api.min(pinned));
    let annotated = api >= ANNOTATIONS_SINCE && program::knows_annotations(docker, host);
    tracing::debug!(?api, annotated, docker = %docker.display(), "asked the engine");
    Ok(if annotated {
        HandleBy::Annotation
    } else {
        HandleBy::Variable
    })
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

/// The workspace that was named, or the one around the current folder. A name
/// that is not there is refused: it would get another login than was meant.
fn workspace<'a>(
    config: &'a Config,
    named: Option<&str>,
    host: &Host,
) -> Result<Option<&'a str>, Failure> {
    let Some(named) = named else {
        return Ok(config.workspace_of(host.folder()));
    };
    if let Some((name, _)) = config.workspaces.get_key_value(named) {
        return Ok(Some(name));
    }
    let failure = Failure::new(Kind::Usage, format!("unknown workspace {named:?}"));
    let names = config.workspaces.keys().map(String::as_str);
    Err(match nearest(named, names.clone()) {
        Some(meant) => failure.hint(format!("did you mean {meant:?}?")),
        None => failure.hint(format!(
            "workspaces in {}: {}",
            config.file.display(),
            if config.workspaces.is_empty() {
                "none".to_owned()
            } else {
                names.collect::<Vec<_>>().join(", ")
            }
        )),
    })
}

fn show(config: &Config, given: &Given, prepared: &Prepared) {
    let warnings = config.warnings.iter().chain(&given.warnings);
    for warning in warnings.chain(&prepared.warnings) {
        terminal::show_warning(warning);
    }
    terminal::show_lines(&prepared.lines);
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
