//! Whether the Secret Service is there and unlocked, asked on D-Bus by
//! whichever of its usual programs there is. Nothing is unlocked by that, and
//! nobody is asked for a password.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::Host;
use crate::source::interrupt::Watch;
use crate::source::{Question, program};

/// Where the session's bus is.
const ADDRESS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// How long one question may take. A bus answers within milliseconds.
const LIMIT: Duration = Duration::from_secs(1);

/// The same for one that has to be started.
const START: Duration = Duration::from_secs(10);

/// What is asked: the bus, whether the service runs; and the service, whether
/// its default collection is locked.
const RUNS: Call = Call {
    to: "org.freedesktop.DBus",
    object: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
    method: "NameHasOwner",
    arguments: &["org.freedesktop.secrets"],
};
const LOCKED: Call = Call {
    to: "org.freedesktop.secrets",
    object: "/org/freedesktop/secrets/aliases/default",
    interface: "org.freedesktop.DBus.Properties",
    method: "Get",
    arguments: &["org.freedesktop.Secret.Collection", "Locked"],
};

/// How the Secret Service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyring {
    /// It can be used.
    Unlocked,
    /// Somebody must unlock it first.
    Locked,
    /// It does not run.
    Absent,
    /// It has no default collection, or gives no answer.
    Silent,
    /// There is no program to ask with.
    Unknown,
}

/// Asks how it is, without starting it.
pub(crate) fn state(host: &Host, watch: &Watch) -> Keyring {
    let Some(tool) = Tool::find(host) else {
        return Keyring::Unknown;
    };
    match tool.ask(&RUNS, host, LIMIT, watch) {
        None => Keyring::Silent,
        Some(false) => Keyring::Absent,
        Some(true) => tool.keyring(host, LIMIT, watch),
    }
}

/// Asks how it is, which starts it where it does not run yet.
pub(crate) fn started(host: &Host, watch: &Watch) -> Keyring {
    match Tool::find(host) {
        None => Keyring::Unknown,
        Some(tool) => tool.keyring(host, START, watch),
    }
}

/// The user's environment with the session's bus in it; `None` where there is
/// none: libraries would start one of their own then, with nothing in it.
pub(crate) fn variables(host: &Host) -> Option<Vec<(OsString, OsString)>> {
    let mut variables = program::whole_environment(host);
    // Where the locale is C, a name with other letters is refused.
    variables.retain(|(name, _)| name != "LC_ALL");
    variables.push(("LC_ALL".into(), "C.UTF-8".into()));
    let named = host.variable_os(ADDRESS);
    if named.is_none_or(OsStr::is_empty) {
        // A container's restart knows no variable; the place is systemd's.
        let folder = host.path_variable("XDG_RUNTIME_DIR");
        let folder = folder.unwrap_or_else(|| format!("/run/user/{}", host.uid()).into());
        let socket = folder.join("bus");
        if !is_socket_of(&socket, host.uid()) {
            return None;
        }
        let address = format!("unix:path={}", socket.to_str()?);
        variables.retain(|(name, _)| name != ADDRESS);
        variables.push((ADDRESS.into(), address.into()));
    }
    Some(variables)
}

fn is_socket_of(path: &Path, uid: u32) -> bool {
    let metadata = path.metadata();
    metadata.is_ok_and(|found| found.file_type().is_socket() && found.uid() == uid)
}

/// A method of an object, all of whose arguments are text.
struct Call {
    to: &'static str,
    object: &'static str,
    interface: &'static str,
    method: &'static str,
    arguments: &'static [&'static str],
}

/// A program that speaks D-Bus.
enum Tool {
    /// `gdbus`, of `GLib`.
    Gdbus(PathBuf),
    /// `busctl`, of systemd.
    Busctl(PathBuf),
}

impl Tool {
    fn find(host: &Host) -> Option<Self> {
        let gdbus = program::find("gdbus", host).map(Self::Gdbus);
        gdbus.or_else(|| program::find("busctl", host).map(Self::Busctl))
    }

    /// Whether the keyring that new items go to is locked.
    fn keyring(&self, host: &Host, limit: Duration, watch: &Watch) -> Keyring {
        match self.ask(&LOCKED, host, limit, watch) {
            None => Keyring::Silent,
            Some(false) => Keyring::Unlocked,
            Some(true) => Keyring::Locked,
        }
    }

    /// Whether the answer is yes; `None` for no answer.
    fn ask(&self, call: &Call, host: &Host, limit: Duration, watch: &Watch) -> Option<bool> {
        let method = format!("{}.{}", call.interface, call.method);
        let signature = "s".repeat(call.arguments.len());
        let (program, mut arguments) = match self {
            Self::Gdbus(program) => {
                let to = ["call", "--session", "--dest", call.to];
                let what = ["--object-path", call.object, "--method", &method];
                (program, [&to[..], &what].concat())
            }
            Self::Busctl(program) => {
                let to = ["--user", "call", call.to, call.object];
                let what = [call.interface, call.method, &signature];
                (program, [&to[..], &what].concat())
            }
        };
        arguments.extend(call.arguments);
        let question = Question {
            program,
            arguments,
            variables: variables(host)?,
            folder: host.folder_for_programs(),
            input: None,
            limit,
        };
        let answer = question.ask(watch).ok()?;
        if !answer.status.success() {
            return None;
        }
        // `(<true>,)` says the one, and `v b true` the other.
        let said = String::from_utf8_lossy(&answer.output);
        let mut words = said.split(|c: char| !c.is_ascii_alphanumeric());
        words.find_map(|word| word.parse().ok())
    }
}
