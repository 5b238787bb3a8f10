//! Looking at what is installed and registered, and what is wrong with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use jackin_oci_hook::config::Config as Settings;
use jackin_oci_hook::folder::{ENGINE_FOLDER, candidates};
use jackin_oci_hook::standing::Standing;

use super::policy::{self, EngineFacts};
use super::report::{EngineStatus, Memory, Program, Status};
use crate::command::install::{installation_failure, own_program};
use crate::engine::client::{ANNOTATIONS_SINCE, Engine, EngineInfo};
use crate::engine::context::Target;
use crate::engine::daemon_json::is_ours;
use crate::engine::installation::{self, Installation, RUNTIME_NAME};
use crate::engine::{EngineError, Surroundings, connect, resolve, tmpfs};
use crate::failure::Failure;
use crate::handoff::TicketFolder;

/// The version of this plugin, which both sides must have.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Looks at everything, and goes on past what is missing.
///
/// # Errors
/// When flags contradict each other, or this program cannot find itself.
pub(in crate::command) fn survey(
    around: &Surroundings<'_>,
) -> Result<(Status, Option<Engine>), Failure> {
    let plugin = own_program()?;
    let mut status = Status {
        plugin: Program {
            path: plugin.clone(),
            version: Some(OWN_VERSION.to_owned()),
        },
        ..Status::default()
    };
    let installation = look_at_programs(&mut status, &plugin);
    look_at_settings(&mut status);
    look_at_folders(&mut status);
    status.policy = policy::look(&mut status.problems);
    let target = resolve(around)?;
    let engine = look_at_engine(&mut status, &target, installation.as_ref());
    Ok((status, engine))
}

fn look_at_programs(status: &mut Status, plugin: &Path) -> Option<Installation> {
    let installation = match Installation::find(None, plugin) {
        Ok(installation) => installation,
        Err(error) => {
            status
                .problems
                .push(installation_failure(&error).to_string());
            return None;
        }
    };
    if let Err(error) = installation.require_roots_alone() {
        status
            .problems
            .push(installation_failure(&error).to_string());
    }
    // `--version` of the wrapper is the low-level runtime's.
    let wrapper = own_side(&installation.wrapper, "--jackin-version");
    let hook = own_side(&installation.hook, "--version");
    for program in [&wrapper, &hook] {
        if program.version.as_deref() != Some(OWN_VERSION) {
            status.problems.push(format!(
                "{program} is not of this plugin's version {OWN_VERSION}\n  \
                 install one version of both sides with: sudo make install"
            ));
        }
    }
    status.wrapper = Some(wrapper);
    status.hook = Some(hook);
    Some(installation)
}

/// A program of the engine's side, which says `<name> <version>`.
fn own_side(program: &Path, flag: &str) -> Program {
    let line = first_line(program, flag);
    Program {
        path: program.to_owned(),
        version: line.and_then(|line| Some(line.split_whitespace().nth(1)?.to_owned())),
    }
}

fn look_at_settings(status: &mut Status) {
    let settings = match Settings::load(Standing::Root) {
        Ok(settings) => settings,
        Err(error) => {
            status
                .problems
                .push(format!("the engine's side refuses its settings: {error}"));
            return;
        }
    };
    let found = match &settings.low_level {
        Some(path) => installation::find_low_level(&path.to_string_lossy()),
        // What the wrapper does without settings.
        None => {
            installation::find_low_level("runc").or_else(|_| installation::find_low_level("crun"))
        }
    };
    match found {
        Ok(path) => {
            let version = first_line(&path, "--version");
            status.low_level = Some(Program { path, version });
        }
        Err(error) => status.problems.push(error.to_string()),
    }
    match settings.resolver {
        Some(path) => status.resolver = look_at_resolver(&mut status.problems, path),
        None => status.problems.push(
            "no resolver is set, so a restarted container keeps its first login\n  \
             set it with: sudo docker jackin install"
                .to_owned(),
        ),
    }
}

fn look_at_resolver(problems: &mut Vec<String>, path: PathBuf) -> Option<PathBuf> {
    match installation::require_roots_alone(&path) {
        Ok(()) => Some(path),
        Err(error) => {
            problems.push(format!(
                "{error}\n  set it anew with: sudo docker jackin install"
            ));
            None
        }
    }
}

fn look_at_folders(status: &mut Status) {
    let folder = Path::new(ENGINE_FOLDER);
    let in_memory = tmpfs::will_be(folder);
    if !in_memory {
        status.problems.push(format!(
            "{ENGINE_FOLDER} lies on disk, and secrets are not put there\n  \
             run: sudo mkdir -p {ENGINE_FOLDER} && sudo mount -t tmpfs -o mode=0700,nosuid,nodev,noexec tmpfs {ENGINE_FOLDER}"
        ));
    }
    status.engine_folder = Memory {
        path: folder.to_owned(),
        in_memory,
    };
    let uid = rustix::process::geteuid().as_raw();
    match TicketFolder::open(&candidates(uid), uid) {
        Ok(folder) => status.tickets = Some(folder.path().to_owned()),
        Err(failure) => status.problems.push(failure.to_string()),
    }
}

fn look_at_engine(
    status: &mut Status,
    target: &Target,
    installation: Option<&Installation>,
) -> Option<Engine> {
    let (engine, info, api) = match ask(target) {
        Ok(answers) => answers,
        Err(error) => {
            status.problems.push(Failure::from(error).to_string());
            return None;
        }
    };
    let facts = EngineFacts::of_docker(engine.socket(), info.is_rootless(), api);
    status.policy.note_engine(facts);
    let registered = info.runtime(RUNTIME_NAME);
    if registered.is_none_or(|program| !is_ours(program)) {
        status.problems.push(format!(
            "the runtime {RUNTIME_NAME} is not registered with the engine\n  run: sudo docker jackin install"
        ));
    } else if let Some(installation) = installation
        && registered != Some(&installation.wrapper)
    {
        status.problems.push(format!(
            "the runtime {RUNTIME_NAME} is registered as another program than {}\n  run: sudo docker jackin install",
            installation.wrapper.display()
        ));
    }
    let ours = info
        .runtimes
        .iter()
        .filter(|(_, path)| path.as_deref().is_some_and(is_ours));
    status.engine = Some(EngineStatus {
        context: target.context.clone(),
        chosen_by: target.chosen_by.to_string(),
        endpoint: target.endpoint.to_string(),
        runtimes: ours.map(|(name, _)| name.clone()).collect(),
        version: info.version,
        api: format!("{}.{}", api.0, api.1),
        handle_by: if api >= ANNOTATIONS_SINCE {
            "annotation"
        } else {
            "variable"
        },
    });
    Some(engine)
}

fn ask(target: &Target) -> Result<(Engine, EngineInfo, (u32, u32)), EngineError> {
    let engine = connect(target.local()?)?;
    let api = engine.api_version()?;
    let info = engine.info()?;
    Ok((engine, info, api))
}

/// The first line that a program prints for a flag.
fn first_line(program: &Path, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success())?;
    Some(line.to_owned())
}
