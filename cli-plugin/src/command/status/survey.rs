//! Looking at what is installed and registered, and what is wrong with it.

use jackin_oci_hook::folder::candidates;

use super::policy::{self, EngineFacts};
use super::programs::{self, OWN_VERSION};
use super::report::{Delivery, EngineStatus, Memory, Program, Status, Sync};
use crate::command::install::own_program;
use crate::engine::client::{ANNOTATIONS_SINCE, Engine, EngineInfo};
use crate::engine::context::Target;
use crate::engine::daemon::Daemon;
use crate::engine::daemon_json::is_ours;
use crate::engine::installation::{Installation, RUNTIME_NAME};
use crate::engine::owner::Owner;
use crate::engine::{Endpoint, EngineError, Surroundings, connect, resolve, tmpfs};
use crate::failure::Failure;
use crate::handoff::TicketFolder;
use crate::live::{Logins, watcher};

/// Looks at everything, and goes on past what is missing; at the Docker engine
/// only when it is asked for.
///
/// # Errors
/// When flags contradict each other, or this program cannot find itself.
pub(in crate::command) fn survey(
    around: &Surroundings<'_>,
    with_docker: bool,
) -> Result<(Status, Option<Engine>), Failure> {
    let plugin = own_program()?;
    let mut status = Status {
        plugin: Program {
            path: plugin.clone(),
            version: Some(OWN_VERSION.to_owned()),
        },
        ..Status::default()
    };
    status.policy = policy::look(&mut status.problems);
    if !with_docker {
        let owner = Owner::of_this_process(around)?;
        programs::look(&mut status, &plugin, &owner);
        programs::look_at_settings(&mut status, &owner);
        look_at_folders(&mut status, &owner);
        return Ok((status, None));
    }
    status.delivery = Some(Delivery::NotVerified);
    let target = resolve(around)?;
    let answers = ask(&target);
    let owner = owner(&target, answers.as_ref().ok());
    let installation = programs::look(&mut status, &plugin, &owner);
    programs::look_at_settings(&mut status, &owner);
    look_at_folders(&mut status, &owner);
    let engine = match answers {
        Ok(answers) => look_at_engine(&mut status, &target, answers, &owner, installation.as_ref()),
        Err(error) => {
            status.problems.push(Failure::from(error).to_string());
            return Ok((status, None));
        }
    };
    Ok((status, Some(engine)))
}

/// What an engine answers: itself, what it says, and its API's version.
type Answers = (Engine, EngineInfo, (u32, u32));

/// Whose engine it is; root's when that cannot be told.
fn owner(target: &Target, answers: Option<&Answers>) -> Owner {
    let known = match (answers, &target.endpoint) {
        (Some((_, info, _)), _) if !info.is_rootless() => Ok(Owner::Root),
        (Some((engine, ..)), _) => match Daemon::behind(engine.socket()) {
            Ok(daemon) => Owner::of_uid(daemon.uid()),
            Err(_) => Owner::of_socket(engine.socket()),
        },
        (None, Endpoint::Unix(socket)) => Owner::of_socket(socket),
        (None, _) => Ok(Owner::Root),
    };
    known.unwrap_or(Owner::Root)
}

fn look_at_folders(status: &mut Status, owner: &Owner) {
    let folder = owner.engine_folder();
    let in_memory = tmpfs::will_be(&folder);
    if !in_memory {
        status.problems.push(owner.on_disk());
    }
    status.engine_folder = Memory {
        path: folder,
        in_memory,
    };
    let uid = rustix::process::geteuid().as_raw();
    match TicketFolder::open(&candidates(uid), uid) {
        Ok(folder) => {
            status.tickets = Some(folder.path().to_owned());
            status.sync = Logins::beside(&folder).ok().map(|logins| Sync {
                process: watcher::is_running(uid).map(|info| info.pid),
                logins: logins.all().len(),
            });
        }
        Err(failure) => status.problems.push(failure.to_string()),
    }
}

fn look_at_engine(
    status: &mut Status,
    target: &Target,
    (engine, info, api): Answers,
    owner: &Owner,
    installation: Option<&Installation>,
) -> Engine {
    let install = owner.install_line();
    let facts = EngineFacts::of_docker(engine.socket(), info.is_rootless(), api);
    status.policy.note_engine(facts);
    let registered = info.runtime(RUNTIME_NAME);
    if registered.is_none_or(|program| !is_ours(program)) {
        status.problems.push(format!(
            "the runtime {RUNTIME_NAME} is not registered with the engine\n  run: {install}"
        ));
    } else if let Some(installation) = installation
        && registered != Some(&installation.wrapper)
    {
        status.problems.push(format!(
            "the runtime {RUNTIME_NAME} is registered as another program than {}\n  run: {install}",
            installation.wrapper.display()
        ));
    }
    let runtimes = ours(&info, install, &mut status.problems);
    status.engine = Some(EngineStatus {
        context: target.context.clone(),
        chosen_by: target.chosen_by.to_string(),
        endpoint: target.endpoint.to_string(),
        is_default: runtimes.contains(&info.default_runtime),
        runtimes,
        version: info.version,
        api: format!("{}.{}", api.0, api.1),
        handle_by: if api >= ANNOTATIONS_SINCE {
            "annotation"
        } else {
            "variable"
        },
    });
    engine
}

/// The names under which programs of ours are registered. One that is missing
/// is a problem, of which the engine tells only those who start a container
/// with it.
fn ours(info: &EngineInfo, install: &str, problems: &mut Vec<String>) -> Vec<String> {
    let mut names = Vec::new();
    for (name, program) in &info.runtimes {
        let Some(program) = program.as_deref().filter(|program| is_ours(program)) else {
            continue;
        };
        if !program.is_file() {
            problems.push(format!(
                "the runtime {name} is registered as {}, which is missing\n  run: {install}",
                program.display()
            ));
        }
        names.push(name.clone());
    }
    names
}

fn ask(target: &Target) -> Result<Answers, EngineError> {
    let engine = connect(target.local()?)?;
    let api = engine.api_version()?;
    let info = engine.info()?;
    Ok((engine, info, api))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_program_that_is_gone_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("docker-jackin-runtime");
        let gone = folder.path().join("docker-jackin-runtime-crun");
        std::fs::write(&here, "").unwrap();
        let runtimes = [("a", Some(here)), ("b", Some(gone.clone())), ("runc", None)];
        let runtimes = runtimes.map(|(name, program)| (name.to_owned(), program));
        let info = EngineInfo {
            runtimes: runtimes.into(),
            ..EngineInfo::default()
        };
        let mut problems = Vec::new();
        assert_eq!(ours(&info, "INSTALL", &mut problems), ["a", "b"]);
        let expected = format!(
            "the runtime b is registered as {}, which is missing\n  run: INSTALL",
            gone.display()
        );
        assert_eq!(problems, [expected]);
    }
}
