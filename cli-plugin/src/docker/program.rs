//! Finding the docker client and becoming it.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::relay;
use crate::failure::{Failure, Kind};
use crate::host::Host;

/// How docker tells a plugin by which command docker itself was started.
const CALLED_AS: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

/// The plugin's file, which [`CALLED_AS`] names when docker wants completions.
const OURSELVES: &str = "docker-jackin";

/// What docker sets for a plugin, and what a docker of our own is not to see.
const FOR_PLUGINS: [&str; 2] = [CALLED_AS, relay::SOCKET];

/// The docker client that called us, or the first in `PATH`.
///
/// # Errors
/// There is none.
pub fn find(host: &Host) -> Result<PathBuf, Failure> {
    let caller = host.path_variable(CALLED_AS);
    if let Some(caller) = &caller
        && caller.is_absolute()
        && caller.is_file()
        && caller.file_name() != Some(OsStr::new(OURSELVES))
    {
        return Ok(caller.clone());
    }
    let path = host.variable_os("PATH").unwrap_or_default();
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("docker"))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            Failure::new(Kind::Engine, "no docker client found in PATH")
                .hint("install Docker's command line, or add its folder to PATH")
        })
}

/// Whether the client knows `--annotation` (API ≥ 1.43, so docker ≥ 24).
///
/// Docker ≥ 25 gives a plugin a socket, which answers this for nothing. Else
/// the client is asked, at the price of one start.
pub fn knows_annotations(docker: &Path, host: &Host) -> bool {
    if host.path_variable(relay::SOCKET).is_some() {
        return true;
    }
    let Ok(output) = Command::new(docker).arg("--version").output() else {
        return false;
    };
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    major_version(&shown).is_some_and(|major| major >= 24)
}

/// 28 of `Docker version 28.2.2, build e6534b4`.
fn major_version(shown: &str) -> Option<u32> {
    let version = shown.strip_prefix("Docker version ")?;
    version.split('.').next()?.parse().ok()
}

/// Becomes docker: terminal, signals and exit code are docker's own from here.
/// A `ticket` is removed once docker has ended, when no container came for it.
/// Comes back only when that failed.
pub fn become_docker(
    docker: &Path,
    arguments: &[OsString],
    variables: &[(&str, String)],
    ticket: Option<&Path>,
) -> Failure {
    let mut command = Command::new(docker);
    command.args(arguments);
    for name in FOR_PLUGINS {
        command.env_remove(name);
    }
    for (name, value) in variables {
        command.env(name, value);
    }
    relay::start(ticket);
    let error = command.exec();
    Failure::new(
        Kind::Engine,
        format!("failed to start {}: {error}", docker.display()),
    )
    .hint("check that it is Docker's command line and may be executed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_client_are_told_apart() {
        assert_eq!(
            major_version("Docker version 28.2.2, build e6534b4"),
            Some(28)
        );
        assert_eq!(
            major_version("Docker version 20.10.24+dfsg1, build 297e128"),
            Some(20)
        );
        assert_eq!(major_version("podman version 4.3.1"), None);
    }
}
