//! Where the programs lie that sources ask, and what environment they see.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::host::Host;

/// Where is looked when there is no `PATH`, as after a restart of a container.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What docker sets for its plugins alone.
const FOR_PLUGINS: &str = "DOCKER_CLI_PLUGIN_";

/// The program of that name in `PATH`. Relative folders of `PATH` do not
/// count: what runs would depend on the folder the command is given in.
pub(crate) fn find(name: &str, host: &Host) -> Option<PathBuf> {
    std::env::split_paths(path(host))
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| may_be_executed(program))
}

/// Whether there is a program.
pub(super) fn may_be_executed(program: &Path) -> bool {
    let metadata = program.metadata();
    metadata.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The user's environment, for a program that the user chose.
pub(crate) fn whole_environment(host: &Host) -> Vec<(OsString, OsString)> {
    environment(host, |name| !name.starts_with(FOR_PLUGINS))
}

/// The variables of the user's that pass `wanted`. `HOME` and `PATH` are
/// always there: a container's restart knows the one and has no other.
pub(super) fn environment(host: &Host, wanted: impl Fn(&str) -> bool) -> Vec<(OsString, OsString)> {
    let passes = |name: &OsStr| {
        let name = name.to_str();
        name.is_some_and(|name| !["HOME", "PATH"].contains(&name) && wanted(name))
    };
    let variables = host.variables().filter(|(name, _)| passes(name));
    let mut variables: Vec<_> = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    variables.push(("HOME".into(), host.home().into()));
    variables.push(("PATH".into(), path(host).to_owned()));
    variables
}

fn path(host: &Host) -> &OsStr {
    let path = host.variable_os("PATH").filter(|path| !path.is_empty());
    path.unwrap_or(OsStr::new(DEFAULT_PATH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_absolute_folders_of_the_path_count_and_only_programs_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let host = |path: String| Host::new("/", folder.path(), [("PATH".to_owned(), path)]);
        let program = folder.path().join("tool");
        fs::write(&program, "").unwrap();
        let absolute = host(format!("relative:.::{path}"));
        assert_eq!(find("tool", &absolute), None, "it may not be executed");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool", &absolute), Some(program));
        let here = std::env::current_dir().unwrap();
        let up = "../".repeat(here.components().count() - 1);
        let relative = format!("{up}{}", path.to_string().trim_start_matches('/'));
        assert!(Path::new(&relative).join("tool").exists(), "{relative}");
        assert_eq!(find("tool", &host(relative)), None);
        fs::create_dir(folder.path().join("folder")).unwrap();
        assert_eq!(find("folder", &absolute), None);
    }

    #[test]
    fn a_program_always_has_a_home_and_a_path() {
        let variables = [("PATH", ""), ("A", "a"), ("DOCKER_CLI_PLUGIN_X", "x")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let host = Host::new("/home/me", "/", variables);
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let always = [pair("HOME", "/home/me"), pair("PATH", DEFAULT_PATH)];
        assert_eq!(environment(&host, |_| false), always);
        assert_eq!(whole_environment(&host)[0], pair("A", "a"));
        assert_eq!(whole_environment(&host).len(), 3);
    }
}
