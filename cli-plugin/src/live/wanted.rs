//! Containers that may still come for a login: until then it is kept up to
//! date, although nobody follows it yet.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::private_file;
use super::state::{from_millis, millis};

/// How long after a ticket was redeemed its container may take to be there, or
/// one whose request is resolved again.
const CREATING: Duration = Duration::from_secs(60);

/// What a name begins with that is no ticket's.
const RESOLUTION: &str = "resolve-";

/// A container that may still come, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// A ticket's id, or `resolve-<launch id>`.
    pub name: String,
    /// Until when they may come.
    pub until: SystemTime,
}

impl Wanted {
    /// For the containers that redeem a ticket.
    pub fn of_ticket(id: &str, expires: SystemTime) -> Self {
        Self {
            name: id.to_owned(),
            until: expires + CREATING,
        }
    }

    /// For a container whose request is resolved now.
    pub fn of_resolution(launch: &str, now: SystemTime) -> Self {
        Self {
            name: format!("{RESOLUTION}{launch}"),
            until: now + CREATING,
        }
    }
}

/// What is in a file.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// In milliseconds since 1970.
    until: u64,
}

/// Writes down in a folder that somebody may come.
pub(super) fn write(folder: &Path, wanted: &Wanted) -> io::Result<()> {
    if !private_file::is_name(&wanted.name) {
        return Err(ErrorKind::InvalidInput.into());
    }
    let until = millis(wanted.until);
    let text = serde_json::to_vec(&Note { until })?;
    private_file::write(folder, &wanted.name, &text, 0o600)
}

/// The latest time until which somebody may come; what is over goes. Whose
/// ticket is not in its folder any more was redeemed, and is on the way.
pub(super) fn latest(folder: &Path, tickets: &Path, now: SystemTime) -> Option<SystemTime> {
    let mut latest = None;
    for name in private_file::names(folder) {
        let path = folder.join(&name);
        let Some(bytes) = private_file::read(&path) else {
            continue;
        };
        let note = serde_json::from_slice::<Note>(&bytes).ok();
        let until = note.and_then(|note| from_millis(note.until));
        let until = if name.starts_with(RESOLUTION) || tickets.join(&name).exists() {
            until
        } else {
            until.min(written(&path).map(|written| written + CREATING))
        };
        match until.filter(|until| *until > now) {
            Some(until) => latest = latest.max(Some(until)),
            None => {
                let _ = private_file::remove(&path);
            }
        }
    }
    latest
}

fn written(path: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(path)
        .and_then(|file| file.modified())
        .ok()
}
