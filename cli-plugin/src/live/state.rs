//! What is known of a login that is published. Holds nothing of the login; but
//! the address of a proxy may hold a password.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::host::Host;

/// The version of the state that this build writes and reads.
pub(super) const SCHEMA: u32 = 1;

/// What leads a vendor's program to its vendor.
pub(super) const NETWORK: [&str; 13] = [
    "ALL_PROXY",
    "CODEX_CA_CERTIFICATE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// A moment in milliseconds since 1970.
pub fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The moment that is so many milliseconds after 1970; `None` when the system
/// knows of none.
pub fn from_millis(millis: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

/// What is known of a login that is published. Times are in milliseconds since
/// 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The version, [`SCHEMA`].
    pub schema: u32,
    /// The agent's word.
    pub agent: String,
    /// Where the login lies on the host, in words.
    pub origin: String,
    /// By what it is read again.
    pub machine: Machine,
    /// What is published; `None` while the host is logged out.
    pub published: Option<Published>,
    /// Since when the host is logged out.
    pub logged_out: Option<u64>,
    /// Why what lies on the host is not what is published.
    pub trouble: Option<Trouble>,
    /// How the renewal of what is published goes; `None` before it was due.
    pub renewal: Option<Renewal>,
}

/// The machine as far as a login, and renewing it, depend on it: no folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The home folder.
    pub home: PathBuf,
    /// The variables that move the agents' files, absolute.
    pub places: BTreeMap<String, PathBuf>,
    /// What a shell of the user's says; empty when no shell was asked.
    #[serde(default)]
    pub shell: ShellVariables,
}

/// Variables of a user's shell by which a vendor's program is found and reaches
/// its vendor.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShellVariables(BTreeMap<String, String>);

/// Their names alone.
impl fmt::Debug for ShellVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What is published of a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// By what it is known again: the first 64 bits of the SHA-256 of the file.
    pub fingerprint: String,
    /// When it ends; `None` when it does not, or does not say.
    pub expires: Option<u64>,
    /// By what its account is known again.
    pub account: Option<String>,
    /// When it was read on the host, which is never before it was there.
    pub since: u64,
}

/// Something that keeps the published copy from being the host's login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What is wrong, such as `/home/me/.claude/.credentials.json holds no login`.
    pub what: String,
    /// Since when.
    pub since: u64,
}

/// How the vendor's own program was asked to renew a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// Of what was to be renewed.
    pub fingerprint: String,
    /// How often it was asked.
    pub attempts: u32,
    /// When it was asked last.
    pub last: u64,
    /// When it is asked again; `None` when it is not.
    pub next: Option<u64>,
    /// Why the login was not renewed: the program's exit, or that there is none.
    pub failed: Option<String>,
}

impl Machine {
    /// What is remembered of a host.
    pub fn of(host: &Host) -> Self {
        let places = crate::agent::Agent::ALL
            .iter()
            .flat_map(|agent| agent.description().place_variables)
            .filter_map(|name| {
                let place = host.folder().join(host.path_variable(name)?);
                Some(((*name).to_owned(), place))
            });
        let shell = ["PATH"].into_iter().chain(NETWORK);
        let shell = shell.filter_map(|name| Some((name.to_owned(), host.text_variable(name)?)));
        Self {
            home: host.home().to_owned(),
            places: places.collect(),
            shell: ShellVariables(shell.collect()),
        }
    }

    /// The same where this process's environment is no shell's.
    #[must_use]
    pub fn without_shell(self) -> Self {
        let shell = ShellVariables::default();
        Self { shell, ..self }
    }

    /// The same with what the shell of `former` said, where no shell was asked.
    pub(super) fn with_shell_of(&self, former: Option<&Self>) -> Self {
        let mut machine = self.clone();
        if let (true, Some(former)) = (machine.shell.0.is_empty(), former) {
            machine.shell.clone_from(&former.shell);
        }
        machine
    }

    /// The host as it is remembered.
    pub fn host(&self) -> Host {
        let places = self.places.iter();
        let places = places.map(|(name, place)| (name.clone(), place.display().to_string()));
        let shell = self.shell.0.iter();
        let shell = shell.map(|(name, value)| (name.clone(), value.clone()));
        Host::new(&self.home, "/", places.chain(shell))
    }
}
