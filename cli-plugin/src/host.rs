//! The user's own machine as a command sees it: variables, home, folder, user.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use jackin_oci_hook::passwd;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::failure::{Failure, Kind};

/// What a command may ask about the machine it runs on. It is handed in, so
/// that a test can be another machine.
pub struct Host {
    variables: HashMap<OsString, OsString>,
    home: PathBuf,
    folder: PathBuf,
    uid: u32,
}

impl Host {
    /// The machine, user and folder of this process.
    ///
    /// # Errors
    /// When no home folder is known: everything that is looked up lies below it.
    pub fn of_this_process() -> Result<Self, Failure> {
        let variables: HashMap<_, _> = std::env::vars_os().collect();
        let home = home_of_this_process().ok_or_else(|| {
            let message = "no home folder: HOME is no absolute path, and /etc/passwd has none";
            Failure::new(Kind::Configuration, message).hint("set HOME to your home folder")
        })?;
        Ok(Self {
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            uid: rustix::process::geteuid().as_raw(),
            variables,
            home,
        })
    }

    /// A machine with these variables and nothing else of this process's.
    pub fn new(
        home: impl Into<PathBuf>,
        folder: impl Into<PathBuf>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            home: home.into(),
            folder: folder.into(),
            uid: rustix::process::geteuid().as_raw(),
        }
    }

    /// The same machine with a variable set otherwise.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut variables = self.variables.clone();
        variables.insert(name.into(), value.into());
        Self {
            variables,
            home: self.home.clone(),
            folder: self.folder.clone(),
            uid: self.uid,
        }
    }

    /// A variable of the environment, as it is.
    pub fn variable_os(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
    }

    /// A variable that is text, as docker reads its own; `HOME` is the home
    /// folder that is known here.
    pub fn text_variable(&self, name: &str) -> Option<String> {
        match name {
            "HOME" => Some(self.home.to_str()?.to_owned()),
            name => Some(self.variable_os(name)?.to_str()?.to_owned()),
        }
    }

    /// All the variables of the environment.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let variables = self.variables.iter();
        variables.map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// A variable that holds a path; an empty one counts as not set.
    pub fn path_variable(&self, name: &str) -> Option<PathBuf> {
        self.variable_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// The user's home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The folder the command was given in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where programs of the user's are run: in the home folder if there is one,
    /// since what lies in the current one, which may be anybody's project, has
    /// no say.
    pub fn folder_for_programs(&self) -> &Path {
        if self.home.is_dir() {
            &self.home
        } else {
            Path::new("/")
        }
    }

    /// The user's id.
    pub fn uid(&self) -> u32 {
        self.uid
    }
}

/// Keeps this process's memory out of core dumps and from other processes of
/// the user. It ends with an exec: the docker that we become is as any other.
pub fn keep_out_of_dumps() {
    let kept = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = kept {
        tracing::debug!(%error, "failed to keep secrets out of core dumps");
    }
}

/// The home folder: `HOME`, else what `/etc/passwd` says, as docker has it.
/// Never a relative one, which would lie in whatever folder is current.
pub fn home_of_this_process() -> Option<PathBuf> {
    let from_passwd = || {
        let users = std::fs::read("/etc/passwd").ok()?;
        let uid = rustix::process::geteuid().as_raw();
        Some(passwd::by_uid(&users, uid)?.home)
    };
    let named = std::env::var_os("HOME").map(PathBuf::from);
    named
        .filter(|home| home.is_absolute())
        .or_else(from_passwd)
        .filter(|home| home.is_absolute())
}

/// Shows no variable: some of them are secrets.
impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("home", &self.home)
            .field("folder", &self.folder)
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}
