//! What is known of a login that is published. Holds no secret.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::host::Host;

/// The version of the state that this build writes and reads.
pub(super) const SCHEMA: u32 = 1;

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

/// The machine as far as a login depends on it: no shell, no folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The home folder.
    pub home: PathBuf,
    /// The variables that move the agents' files, absolute.
    pub places: BTreeMap<String, PathBuf>,
    /// `PATH`, by which the vendor's program is found.
    pub path: Option<String>,
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
        Self {
            home: host.home().to_owned(),
            places: places.collect(),
            path: host.text_variable("PATH"),
        }
    }

    /// The host as it is remembered.
    pub fn host(&self) -> Host {
        let places = self.places.iter();
        let places = places.map(|(name, place)| (name.clone(), place.display().to_string()));
        let path = self
            .path
            .iter()
            .map(|path| ("PATH".to_owned(), path.clone()));
        Host::new(&self.home, "/", places.chain(path))
    }
}
