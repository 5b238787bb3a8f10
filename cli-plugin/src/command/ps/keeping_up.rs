//! How an agent's login keeps up with the host's, as `ps` shows it.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use crate::launch::Following;
use crate::span;

/// How a forwarded login keeps up, for programs.
#[derive(Debug, Serialize)]
pub(super) struct KeepingUp {
    /// `live`, `last_good`, `logged_out`, `left_behind` or `copy`.
    state: &'static str,
    /// When the login changed since the container began; since when the host
    /// is logged out, or its login cannot be used; or of when the copy is that it was left with.
    since: Option<Timestamp>,
    /// Whether it follows another account than at its start.
    other_account: bool,
}

impl From<Following> for KeepingUp {
    fn from(following: Following) -> Self {
        let (state, since) = match following {
            Following::Live { renewed, .. } => ("live", renewed),
            Following::LastGood { since, .. } => ("last_good", Some(since)),
            Following::LoggedOut { since } => ("logged_out", Some(since)),
            Following::LeftBehind { since, .. } => ("left_behind", Some(since)),
            Following::Copy { .. } => ("copy", None),
        };
        let other_account = matches!(
            following,
            Following::Live {
                other_account: true,
                ..
            }
        );
        Self {
            state,
            since: since.and_then(|since| Timestamp::try_from(since).ok()),
            other_account,
        }
    }
}

/// The words behind a login's end: `live, renewed 5 min ago`.
pub(super) fn words(following: Following, now: SystemTime) -> String {
    match following {
        Following::Live {
            renewed,
            other_account,
            ..
        } => {
            let renewed = renewed.map(|renewed| {
                let verb = if other_account {
                    "another account"
                } else {
                    "renewed"
                };
                format!(", {verb} {}", span::from_now(renewed, now))
            });
            format!("live{}", renewed.unwrap_or_default())
        }
        Following::LastGood { since, .. } => {
            format!("last good one of {}", span::from_now(since, now))
        }
        Following::LoggedOut { since } => {
            format!("logged out on the host {}", span::from_now(since, now))
        }
        Following::LeftBehind { since, .. } => format!("copy of {}", span::from_now(since, now)),
        Following::Copy { .. } => "copy".to_owned(),
    }
}
