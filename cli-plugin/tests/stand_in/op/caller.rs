//! What the program that calls must not do.

use std::os::fd::AsFd;

use rustix::fs::{FileType, fstat};

use super::state::State;
use super::{Trouble, surprise};

/// Variables that are op's business, beside the families.
const VARIABLES: [&str; 25] = [
    "HOME",
    "PATH",
    "PWD",
    "USER",
    "LOGNAME",
    "LANG",
    "TMPDIR",
    "TZ",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "WSLENV",
];

/// Looks at its arguments, its environment and its standard input.
pub(crate) fn check(state: &State, given: &[String], template: bool) -> Result<(), Trouble> {
    let mut secrets = vec!["sk-ant-".to_owned()];
    for item in state.items() {
        let concealed = item
            .fields()
            .iter()
            .filter(|field| field["type"] == "CONCEALED");
        let values = concealed.filter_map(|field| field["value"].as_str());
        secrets.extend(values.filter(|value| value.len() > 5).map(str::to_owned));
    }
    let holds_one = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    if given.iter().any(|word| holds_one(word)) {
        return surprise("a secret in the arguments");
    }
    for (name, value) in std::env::vars() {
        let family = ["OP_", "XDG_", "LC_"]
            .iter()
            .any(|family| name.starts_with(family));
        let wanted = family || VARIABLES.contains(&&*name);
        if !wanted || ["OP_FORMAT", "OP_DEBUG"].contains(&&*name) {
            return surprise(format!("variable {name}"));
        }
        if holds_one(&value) {
            return surprise(format!("a secret in the variable {name}"));
        }
    }
    check_input(template)
}

/// A template comes through a pipe, since the real one sees no other; nothing
/// comes from /dev/null, since it takes any pipe for a template.
fn check_input(template: bool) -> Result<(), Trouble> {
    let stat = fstat(std::io::stdin().as_fd()).unwrap();
    let pipe = FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
    let null =
        std::fs::read_link("/proc/self/fd/0").is_ok_and(|file| file.as_os_str() == "/dev/null");
    if template && !pipe {
        return surprise("the template does not come through a pipe");
    }
    if !template && !null {
        return surprise("standard input is not /dev/null");
    }
    Ok(())
}
