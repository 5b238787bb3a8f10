//! `docker jackin run`: prepares a login, stages its ticket, becomes docker.

mod docker_line;
mod given;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use jackin_oci_hook::folder::candidates;

use crate::auth::scope::Cell;
use crate::config::{self, Config, Role, nearest};
use crate::delivery::{self, Circumstances, Prepared};
use crate::docker::program;
use crate::docker::run_flags::GivenFlags;
use crate::engine::client::{ANNOTATIONS_SINCE, parse_version};
use crate::engine::registered::require_registered;
use crate::engine::{self, Surroundings};
use crate::failure::{Failure, Kind};
use crate::handoff::{self, Staged, TicketFolder};
use crate::host::{Host, keep_out_of_dumps};
use crate::plugin::global_flags::GlobalFlags;
use crate::request::Request;
use crate::source::Shell;
use crate::terminal;
use docker_line::{DockerLine, HandleBy};
use given::{Given, RUNTIME};

/// Pins the API version that the docker client speaks.
const API_VERSION: &str = "DOCKER_API_VERSION";

/// The exit code of a start that failed before docker was asked, as docker's
/// own for the same.
const NOT_STARTED: u8 = 125;

const EXAMPLES: &str = "\
Examples:
  docker jackin run web -it
  docker jackin run --workspace my-app web --rm -e LANG=C -- claude -p \"what is this?\"";

/// Start a container of a role, with its agents logged in
///
/// What follows the role are flags of `docker run`, handed on untouched, and
/// the container's command behind `--`.
#[derive(Debug, Args)]
#[command(
    override_usage = "docker jackin run [--workspace NAME] <ROLE> [DOCKER RUN FLAGS] [-- COMMAND…]",
    disable_help_subcommand = true,
    subcommand_value_name = "ROLE",
    after_help = EXAMPLES
)]
pub struct Arguments {
    /// The workspace; by default the one whose workdir holds the current
    /// folder.
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    #[command(subcommand)]
    role: Option<RoleAndRest>,
}

/// Taken as clap takes an unknown verb: all that follows stays as it is.
#[derive(Debug, Subcommand)]
enum RoleAndRest {
    #[command(external_subcommand)]
    Given(Vec<OsString>),
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
    let (role_name, rest) = role_and_rest(arguments.role, &config)?;
    let role = role(&config, &role_name)?;
    let workspace = workspace(&config, arguments.workspace.as_deref(), &host)?;
    let user = GivenFlags::parse(rest)?;
    let of_role = given::flags_of_role(&role_name, role)?;
    let given = given::look_over(&[&of_role, &user], &host)?;

    let docker = program::find(&host)?;
    let variable = |name: &str| match name {
        "HOME" => Some(host.home().to_str()?.to_owned()),
        name => Some(host.variable_os(name)?.to_str()?.to_owned()),
    };
    let around = Surroundings {
        flags,
        variable: &variable,
    };
    let target = engine::resolve(&around)?;
    let endpoint = target.local()?;

    let cell = Cell {
        workspace,
        role: Some(&role_name),
    };
    let prepared = delivery::prepare(Circumstances {
        config: &config,
        cell,
        agents: &role.agents,
        given: &given.variables,
        modes_at_launch: &BTreeMap::new(),
        host: &host,
        shell: Shell::Live(&host),
        now: SystemTime::now(),
    })?;
    show(&config, &given, &prepared);

    let engine = engine::connect(endpoint)?;
    require_registered(&engine, given.runtime.as_deref().unwrap_or(RUNTIME))?;
    let api = engine.api_version()?;
    // The client goes no higher than its user lets it.
    let pinned = around
        .variable(API_VERSION)
        .as_deref()
        .and_then(parse_version);
    let api = pinned.map_or(api, |pinned| api.min(pinned));
    let annotated = api >= ANNOTATIONS_SINCE && program::knows_annotations(&docker, &host);
    tracing::debug!(?api, annotated, docker = %docker.display(), "asked the engine");
    let modes = modes(&prepared);
    let request = Request::new(
        &role_name,
        workspace,
        modes,
        given.variables,
        config.file.clone(),
        &host,
    );
    let staged = stage(prepared, &request, role, host.uid())?;
    let line = DockerLine {
        flags,
        handle: &staged.handle,
        handle_by: if annotated {
            HandleBy::Annotation
        } else {
            HandleBy::Variable
        },
        runtime: given.runtime.is_none(),
        cell,
        workspace: workspace.and_then(|name| config.workspaces.get(name)),
        folder: host.folder(),
        role_flags: &of_role.flags,
        user_flags: &user.flags,
        image: &role.image,
        command: user.command.as_deref(),
    };
    let failure =
        program::become_docker(&docker, &line.arguments(), &line.variables(), staged.path());
    staged.withdraw();
    Err(failure)
}

fn role_and_rest(
    given: Option<RoleAndRest>,
    config: &Config,
) -> Result<(String, Vec<OsString>), Failure> {
    let mut words = match given {
        Some(RoleAndRest::Given(words)) => words.into_iter(),
        None => Vec::new().into_iter(),
    };
    let Some(role) = words.next() else {
        let failure = Failure::new(Kind::Usage, "`docker jackin run` wants a role");
        return Err(failure.hint(roles_hint(config)));
    };
    Ok((role.to_string_lossy().into_owned(), words.collect()))
}

fn role<'a>(config: &'a Config, name: &str) -> Result<&'a Role, Failure> {
    config.roles.get(name).ok_or_else(|| {
        let message = format!("unknown role {name:?}");
        let failure = Failure::new(Kind::Usage, message);
        match nearest(name, config.roles.keys().map(String::as_str)) {
            Some(meant) => failure.hint(format!("did you mean {meant:?}?")),
            None => failure.hint(roles_hint(config)),
        }
    })
}

fn roles_hint(config: &Config) -> String {
    let file = config.file.display();
    if config.roles.is_empty() {
        return format!("add one to {file}: [roles.NAME] with `image` and `agents`");
    }
    let names: Vec<_> = config.roles.keys().map(String::as_str).collect();
    format!("roles in {file}: {}", names.join(", "))
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

fn modes(prepared: &Prepared) -> BTreeMap<String, String> {
    let modes = prepared.modes.iter();
    modes
        .map(|(agent, mode)| (agent.word().to_owned(), mode.word().to_owned()))
        .collect()
}

fn stage(prepared: Prepared, request: &Request, role: &Role, uid: u32) -> Result<Staged, Failure> {
    let request = request.to_raw().map_err(|error| {
        Failure::new(
            Kind::Configuration,
            format!("failed to write down the request: {error}"),
        )
    })?;
    let folder = TicketFolder::open(&candidates(uid), uid)?;
    handoff::stage(
        &folder,
        prepared.payload,
        Some(request),
        &role.image,
        SystemTime::now(),
    )
}
