//! The runtime that does the work: finding it, and becoming it.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::arguments::Arguments;
use crate::file;
use crate::raw;

/// A map has at most 340 lines (`user_namespaces(7)`).
const MAX_MAP: u64 = 64 << 10;

/// Where distributions put runtimes. `PATH` is not asked: it is the engine's
/// business, and with some engines the user's.
pub const FOLDERS: [&str; 6] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
];

/// The runtimes that are looked for when none is named, best first.
const KNOWN: [&str; 2] = ["runc", "crun"];

/// The wrapper's own name; `docker-jackin-runtime-crun` names a runtime too.
const OWN_NAME: &str = "docker-jackin-runtime";

/// Why there is no low-level runtime to call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None of these is installed.
    #[error(
        "no low-level runtime is installed ({0} in /usr/bin or /usr/sbin); install runc or crun"
    )]
    NotFound(String),
    /// It would call the wrapper again, without end.
    #[error(
        "the low-level runtime {0} is docker-jackin-runtime itself; name runc or crun as low_level in /etc/docker-jackin/runtime.toml"
    )]
    Ourselves(PathBuf),
    /// It does not tell of a container.
    #[error("{path} knows no such container that runs")]
    State {
        /// Its path.
        path: PathBuf,
    },
    /// It cannot be started.
    #[error("failed to start the low-level runtime {path}: {source}")]
    Start {
        /// Its path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// The low-level runtime.
#[derive(Debug)]
pub struct LowLevel {
    path: PathBuf,
}

impl LowLevel {
    /// Finds the runtime: the one in the name the wrapper was called by
    /// (`docker-jackin-runtime-crun`), else the one in the settings, else the
    /// first of runc and crun that is installed.
    pub fn find(called_as: &OsStr, setting: Option<&Path>) -> Result<Self, Error> {
        let path = match (named(called_as), setting) {
            (Some(name), _) => first(&[&name])?,
            (None, Some(setting)) => setting.to_owned(),
            (None, None) => first(&KNOWN)?,
        };
        if is_ourselves(&path) {
            return Err(Error::Ourselves(path));
        }
        Ok(Self { path })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it copies `config.json` into its state folder. runc does not;
    /// crun does; of others it is assumed.
    pub fn copies_config(&self) -> bool {
        self.path.file_name().is_none_or(|name| name != "runc")
    }

    /// The folder it keeps its state in for this call: `--root`, else where it
    /// looks by itself.
    pub fn state_folder(&self, arguments: &Arguments) -> PathBuf {
        match arguments.global("root") {
            Some(root) => PathBuf::from(root),
            None => self.own_state_folder(&Surroundings::of_this_process()),
        }
    }

    /// crun goes by `XDG_RUNTIME_DIR` wherever it is set (1.8 `status.c`), runc
    /// only as nobody's root or, without `USER=root`, as root in a user
    /// namespace (1.1 `main.go`, `rootless_linux.go`); others are taken to do
    /// as runc does.
    fn own_state_folder(&self, surroundings: &Surroundings) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default();
        let session = surroundings.session.as_deref();
        let session = session.filter(|_| name == "crun" || surroundings.runc_is_rootless());
        session.unwrap_or(Path::new("/run")).join(name)
    }

    /// Replaces this process by the runtime.
    pub fn become_it(&self, arguments: &Arguments) -> Result<Infallible, Error> {
        let error = Command::new(&self.path).args(arguments.words()).exec();
        Err(self.failed(error))
    }

    /// Runs the runtime and waits for it.
    pub fn see_through(&self, arguments: &Arguments) -> Result<ExitStatus, Error> {
        let mut command = Command::new(&self.path);
        command.args(arguments.words());
        raw::end_with_us(&mut command);
        command.status().map_err(|error| self.failed(error))
    }

    /// What the runtime says of a container (`state`).
    ///
    /// # Errors
    /// Also when it knows none of this id.
    pub fn state(&self, arguments: &Arguments, id: &str) -> Result<Vec<u8>, Error> {
        let mut command = Command::new(&self.path);
        if let Some(root) = arguments.global("root") {
            command.arg("--root").arg(root);
        }
        command.args(["state", id]).stdin(Stdio::null());
        raw::end_with_us(&mut command);
        let output = command.output().map_err(|error| self.failed(error))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let path = self.path.clone();
        Err(Error::State { path })
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Start {
            path: self.path.clone(),
            source,
        }
    }
}

/// What a low-level runtime looks at to find its state folder.
struct Surroundings {
    /// `XDG_RUNTIME_DIR`, where it is set to something.
    session: Option<PathBuf>,
    user: Option<OsString>,
    root: bool,
    in_user_namespace: bool,
}

impl Surroundings {
    fn of_this_process() -> Self {
        let session = std::env::var_os("XDG_RUNTIME_DIR");
        let map = file::read_path(Path::new("/proc/self/uid_map"), MAX_MAP);
        Self {
            session: session
                .filter(|session| !session.is_empty())
                .map(PathBuf::from),
            user: std::env::var_os("USER"),
            root: rustix::process::geteuid().is_root(),
            in_user_namespace: map.is_ok_and(|map| !maps_all_ids(&map)),
        }
    }

    fn runc_is_rootless(&self) -> bool {
        let is_called_root = self.user.as_deref() == Some(OsStr::new("root"));
        !self.root || self.in_user_namespace && !is_called_root
    }
}

/// Whether a map is that of the first user namespace.
fn maps_all_ids(map: &[u8]) -> bool {
    let text = String::from_utf8_lossy(map);
    text.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// The exit code that says the same as a status: of a signal, what a shell
/// makes of it.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}

fn named(called_as: &OsStr) -> Option<String> {
    let name = Path::new(called_as).file_name()?.to_str()?;
    let runtime = name.strip_prefix(OWN_NAME)?.strip_prefix('-')?;
    (!runtime.is_empty()).then(|| runtime.to_owned())
}

fn first(names: &[&str]) -> Result<PathBuf, Error> {
    let candidates = names.iter().flat_map(|name| {
        FOLDERS
            .iter()
            .map(move |folder| Path::new(folder).join(name))
    });
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| Error::NotFound(names.join(" or ")))
}

fn is_ourselves(path: &Path) -> bool {
    let inode = |path: &Path| {
        path.metadata()
            .map(|metadata| (metadata.dev(), metadata.ino()))
    };
    match (inode(path), inode(Path::new("/proc/self/exe"))) {
        (Ok(theirs), Ok(ours)) => theirs == ours,
        _ => false,
    }
}

/// The name a process was called by.
pub fn called_as() -> OsString {
    std::env::args_os()
        .next()
        .unwrap_or_else(|| OWN_NAME.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_say_the_runtime() {
        let named = |name: &str| named(OsStr::new(name));
        assert_eq!(
            named("/usr/libexec/docker-jackin/docker-jackin-runtime-crun"),
            Some("crun".into())
        );
        assert_eq!(named("docker-jackin-runtime"), None);
        assert_eq!(named("docker-jackin-runtime-"), None);
        assert_eq!(named("docker-jackin-runtimecrun"), None);
    }

    #[test]
    fn the_state_folder_is_where_the_runtime_itself_looks() {
        let folder = |runtime: &str, session: &str, user: Option<&str>, nested| {
            let low_level = LowLevel {
                path: runtime.into(),
            };
            let surroundings = Surroundings {
                session: (!session.is_empty()).then(|| session.into()),
                user: user.map(OsString::from),
                root: true,
                in_user_namespace: nested,
            };
            low_level.own_state_folder(&surroundings)
        };
        let (crun, runc) = ("/usr/bin/crun", "/usr/sbin/runc");
        for (runtime, session, user, nested, expected) in [
            (crun, "", None, false, "/run/crun"),
            (crun, "/run/user/7", None, false, "/run/user/7/crun"),
            (crun, "/run/user/7", Some("root"), true, "/run/user/7/crun"),
            (runc, "/run/user/7", None, false, "/run/runc"),
            (runc, "/run/user/7", None, true, "/run/user/7/runc"),
            (runc, "/run/user/7", Some("dev"), true, "/run/user/7/runc"),
            (runc, "/run/user/7", Some("root"), true, "/run/runc"),
            (runc, "", None, true, "/run/runc"),
        ] {
            assert_eq!(
                folder(runtime, session, user, nested),
                Path::new(expected),
                "{runtime} {session:?} {user:?} {nested}"
            );
        }
    }

    #[test]
    fn the_wrapper_does_not_call_itself() {
        let own = std::env::current_exe().unwrap();
        let error = LowLevel::find(OsStr::new("docker-jackin-runtime"), Some(&own)).unwrap_err();
        assert!(matches!(error, Error::Ourselves(_)));
    }
}
