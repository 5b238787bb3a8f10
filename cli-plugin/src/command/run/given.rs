//! What the given `docker run` flags mean for a delivery: which variables are
//! the user's own, and which runtime is wanted.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::Role;
use crate::docker::given_flags::{Flag, GivenFlags, RUN};
use crate::engine::registered::is_our_runtime;
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::launch::label;

/// Variables with this beginning are docker-jackin's own.
const OWN_VARIABLES: &str = "DOCKER_JACKIN_";

/// What the flags say, as far as it concerns a delivery.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Variables set by `-e` or `--env-file`.
    pub(super) variables: BTreeSet<String>,
    /// The last `--runtime`.
    pub(super) runtime: Option<String>,
    /// What the user is to know about them.
    pub(super) warnings: Vec<String>,
}

/// The flags of the role, which may hold no command.
pub(super) fn flags_of_role(name: &str, role: &Role) -> Result<GivenFlags, Failure> {
    let wrong = |message: &str| {
        Failure::new(
            Kind::Configuration,
            format!("`run` of [roles.{name}] {message}"),
        )
        .hint("list `docker run` flags there, each word an entry of its own")
    };
    let flags = role.run.iter().map(OsString::from).collect();
    let flags = GivenFlags::parse(&RUN, flags)
        .map_err(|failure| wrong(&format!("is refused: {}", failure.message)))?;
    if flags.command.is_some() {
        return Err(wrong("holds a `--`"));
    }
    Ok(flags)
}

/// Looks the flags over, in the order in which docker will read them.
///
/// # Errors
/// A runtime that redeems no ticket, or a name that is docker-jackin's own.
pub(super) fn look_over(all: &[&GivenFlags], host: &Host) -> Result<Given, Failure> {
    let mut given = Given::default();
    for flag in all.iter().flat_map(|flags| &flags.found) {
        look_at(&mut given, flag, host)?;
    }
    if let Some(name) = given
        .variables
        .iter()
        .find(|name| name.starts_with(OWN_VARIABLES))
    {
        let message = format!("the variable {name} is docker-jackin's own");
        return Err(Failure::new(Kind::Usage, message).hint("choose another name"));
    }
    Ok(given)
}

fn look_at(given: &mut Given, flag: &Flag, host: &Host) -> Result<(), Failure> {
    let Flag { name, value } = flag;
    let Some(value) = value else {
        return Ok(());
    };
    match name.as_str() {
        "env" => given.variables.extend(named_by(value, host)),
        "env-file" => match named_in_file(&host.folder().join(value), host) {
            Some(names) => given.variables.extend(names),
            None => given.warnings.push(format!(
                "--env-file {value} can be read only once, by docker; of the variables in it, \
                 those that the login needs yield to the login"
            )),
        },
        "runtime" => {
            if !is_our_runtime(value) {
                return Err(Failure::new(
                    Kind::Usage,
                    format!("--runtime {value} would start the container without its login"),
                )
                .hint("leave --runtime out, or name one that begins with docker-jackin"));
            }
            given.runtime = Some(value.clone());
        }
        "annotation" | "label" if value.starts_with(label::OURS) => {
            let own = value.split('=').next().unwrap_or_default();
            let message = format!("the {name} {own} is docker-jackin's own");
            return Err(Failure::new(Kind::Usage, message).hint("leave it out"));
        }
        _ => {}
    }
    Ok(())
}

/// The variable that `NAME=value` sets, or `NAME` when the shell has it:
/// docker passes by one that the shell has not.
fn named_by(text: &str, host: &Host) -> Option<String> {
    match text.split_once('=') {
        Some((name, _)) => Some(name.to_owned()),
        None => host.variable_os(text).map(|_| text.to_owned()),
    }
}

/// The names in an `--env-file`, or `None` for a pipe, such as the shell makes
/// of `<(…)`: what is read here, docker would not see any more. A file that
/// cannot be read is docker's to complain about.
fn named_in_file(path: &Path, host: &Host) -> Option<BTreeSet<String>> {
    let there = fs::metadata(path).ok();
    if there.is_some_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return None;
    }
    let text = Zeroizing::new(fs::read_to_string(path).unwrap_or_default());
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Some(lines.filter_map(|line| named_by(line, host)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_over(arguments: &[&str]) -> Result<Given, Failure> {
        let flags =
            GivenFlags::parse(&RUN, arguments.iter().map(OsString::from).collect()).unwrap();
        let shell = [("IN_SHELL".to_owned(), "x".to_owned())];
        look_over(&[&flags], &Host::new("/home/me", "/", shell))
    }

    #[test]
    fn scenario_43_variables_given_by_flag_are_the_users() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        fs::write(
            &file,
            "\u{feff}FIRST=1\n# X=1\n\nIN_FILE=a=b\nIN_SHELL\nNOT_IN_SHELL\n",
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let given =
            looked_over(&["-eA=1", "-e", "B=2", "-e", "NOT_THERE", "--env-file", file]).unwrap();
        let names: Vec<_> = given.variables.iter().map(String::as_str).collect();
        assert_eq!(names, ["A", "B", "FIRST", "IN_FILE", "IN_SHELL"]);
    }

    #[test]
    fn scenario_72_a_pipe_of_variables_is_left_to_docker() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        let given = looked_over(&["--env-file", pipe.to_str().unwrap()]).unwrap();
        assert!(given.variables.is_empty());
        assert!(given.warnings[0].contains("read only once"));
        let missing = looked_over(&["--env-file", "/nonexistent"]).unwrap();
        assert!(missing.warnings.is_empty(), "docker says it better");
    }

    #[test]
    fn a_runtime_that_redeems_no_ticket_is_refused() {
        for redeems in ["docker-jackin", "docker-jackin-crun"] {
            let given = looked_over(&["--runtime", redeems]).unwrap();
            assert_eq!(given.runtime.as_deref(), Some(redeems));
        }
        for other in ["runc", "docker-jackinx", ""] {
            let runtime = format!("--runtime={other}");
            assert_eq!(looked_over(&[&runtime]).unwrap_err().exit_code(), 2);
        }
    }

    #[test]
    fn scenario_21_our_own_names_are_refused_as_flags() {
        assert!(looked_over(&["-e", "DOCKER_JACKIN_TICKET=1"]).is_err());
        for (flag, name) in [
            ("--annotation", "ticket"),
            ("-l", "owner"),
            ("--label", "role"),
        ] {
            let failure = looked_over(&[flag, &format!("dev.jackin.{name}=x")]).unwrap_err();
            assert_eq!(failure.exit_code(), 2, "{failure}");
        }
        assert!(looked_over(&["--annotation", "dev.other=x", "-ldev.other=x"]).is_ok());
    }
}
