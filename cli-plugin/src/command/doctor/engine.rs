//! Both sides of docker-jackin, the docker client, the engine, and whether the
//! runtime is registered with it.

use std::path::Path;
use std::process::{Command, Stdio};

use jackin_oci_hook::policy::PATH;

use super::Patient;
use super::report::Finding;
use crate::command::status::survey::survey;
use crate::command::status::{EngineStatus, Program, Status};
use crate::docker::program;
use crate::engine::Surroundings;

/// Looks at them.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let mut found = vec![docker_client(patient)];
    let variable = |name: &str| patient.host.text_variable(name);
    let around = Surroundings {
        flags: &patient.flags,
        variable: &variable,
    };
    match survey(&around, true) {
        Ok((status, _)) => found.extend(told(&status)),
        Err(failure) => found.push(failure.into()),
    }
    found
}

fn docker_client(patient: &Patient) -> Finding {
    match program::find(&patient.host) {
        Ok(docker) => {
            let version = version_of(&docker).unwrap_or_else(|| "it tells no version".to_owned());
            Finding::ok(format!("docker client {}: {version}", docker.display()))
        }
        Err(failure) => failure.into(),
    }
}

fn version_of(docker: &Path) -> Option<String> {
    let mut command = Command::new(docker);
    let output = command
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    shown.lines().next().map(str::to_owned)
}

/// What a survey tells, the good before the bad.
fn told(status: &Status) -> Vec<Finding> {
    let program = |what: &str, program: &Program| Finding::ok(format!("{what} {program}"));
    let mut found = vec![program("plugin", &status.plugin)];
    for (what, there) in [
        ("wrapper", &status.wrapper),
        ("hook", &status.hook),
        ("low-level runtime", &status.low_level),
    ] {
        found.extend(there.as_ref().map(|there| program(what, there)));
    }
    found.extend(status.engine.as_ref().map(engine));
    let tickets = status.tickets.as_ref();
    found.extend(
        tickets
            .map(|folder| Finding::ok(format!("tickets lie in memory, in {}", folder.display()))),
    );
    let policy = &status.policy;
    if policy.is_in_force() {
        found.push(Finding::ok(format!("policy {}", policy.summary())));
    }
    let next = format!("correct its match in {PATH}, or keep it for another engine");
    found.extend(
        policy
            .notes()
            .map(|note| Finding::warning(note, next.as_str())),
    );
    found.extend(status.problems.iter().map(|problem| problem_told(problem)));
    found
}

fn engine(engine: &EngineStatus) -> Finding {
    let EngineStatus {
        version,
        endpoint,
        api,
        runtimes,
        ..
    } = engine;
    let registered = match runtimes.as_slice() {
        [] => String::new(),
        runtimes => format!(", with {}", runtimes.join(", ")),
    };
    Finding::ok(format!(
        "engine {version} at {endpoint}, API {api}{registered}"
    ))
}

/// A problem of a survey: its first line says what, the rest what to do.
fn problem_told(problem: &str) -> Finding {
    let mut lines = problem.lines().map(str::trim);
    let says = lines.next().unwrap_or_default().to_owned();
    let next = lines.collect::<Vec<_>>().join("\n");
    Finding::failure(says, Some(next).filter(|next| !next.is_empty()))
}
