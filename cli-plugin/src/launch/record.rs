//! What is written down about one launch. Holds no secret.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jackin_oci_hook::published::LoginId;
use serde::{Deserialize, Serialize};

use super::LaunchId;
use crate::delivery::Provided;
use crate::handoff::LIFETIME;

/// The version of the record that this build writes and reads.
const VERSION: u32 = 1;

/// One launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Its id, which is also its file's name.
    pub id: LaunchId,
    /// The role; `None` for `run --image`.
    pub role: Option<String>,
    /// The workspace, where there is one.
    pub workspace: Option<String>,
    /// The image, as docker was given it; `None` where a ticket is for any.
    pub image: Option<String>,
    /// What each agent was given last.
    pub agents: Vec<Login>,
    /// When it was launched, in seconds since 1970.
    pub created: u64,
    /// The socket of the engine it was launched on.
    pub socket: PathBuf,
    /// When its ticket ends, in seconds since 1970; `None` for that of a `run`,
    /// which lives [`LIFETIME`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_ends: Option<u64>,
}

/// What one agent of a container was given last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The agent's word.
    pub agent: String,
    /// The mode's word.
    pub mode: String,
    /// The scope that chose the mode; `None` for the default.
    pub scope: Option<String>,
    /// Where the credential came from, in words.
    pub source: Option<String>,
    /// Where on the host the login lies that was forwarded; `None` when none
    /// was.
    pub origin: Option<String>,
    /// When that login ends, in seconds since 1970; `None` when it does not,
    /// or does not say.
    pub ends: Option<u64>,
    /// The login that it follows; `None` when it has a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<LoginId>,
    /// Whether it has what renews that login, which works once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renews: bool,
    /// By what the account of the login is known again that was forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it was given this, in seconds since 1970; `None` when the launch
    /// was the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<u64>,
}

impl Record {
    /// A launch on the engine behind `socket`.
    pub fn new(id: LaunchId, image: Option<String>, socket: PathBuf, now: SystemTime) -> Self {
        Self {
            version: VERSION,
            id,
            role: None,
            workspace: None,
            image,
            agents: Vec::new(),
            created: seconds(now),
            socket,
            ticket_ends: None,
        }
    }

    /// The record in a file's content; `None` when it is none of this version.
    pub(super) fn from_json(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (record.version == VERSION).then_some(record)
    }

    /// When it was launched.
    pub fn created(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.created)
    }

    /// Until when a container may still come for its ticket.
    pub(super) fn waits_until(&self) -> SystemTime {
        let ends = self.ticket_ends.map(Duration::from_secs);
        let ends = ends.and_then(|ends| UNIX_EPOCH.checked_add(ends));
        ends.unwrap_or_else(|| self.created() + LIFETIME)
    }
}

impl Login {
    /// The same, given at a later start.
    #[must_use]
    pub fn given_at(self, time: SystemTime) -> Self {
        let given = Some(seconds(time));
        Self { given, ..self }
    }

    /// When the forwarded login ends.
    pub fn ends(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.ends?))
    }
}

impl From<&Provided> for Login {
    fn from(provided: &Provided) -> Self {
        let mode = provided.chosen.auth_mode;
        let session = provided.session.as_ref();
        Self {
            agent: mode.agent().word().to_owned(),
            mode: mode.word().to_owned(),
            scope: provided.chosen.scope.as_ref().map(ToString::to_string),
            source: provided.source.clone(),
            origin: session.map(|session| session.origin.to_string()),
            ends: session.and_then(|session| session.ends).map(seconds),
            follows: session.and_then(|session| session.follows.clone()),
            renews: session.is_some_and(|session| session.renews),
            account: session.and_then(|session| session.account.clone()),
            given: None,
        }
    }
}

/// Whole seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs()).unwrap_or_default()
}
