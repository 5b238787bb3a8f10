//! How an agent's forwarded login keeps up with the host's in a container.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jackin_oci_hook::published::Lease;

use super::{Container, Login, Record};
use crate::auth::mode::Mode;
use crate::live::{LoginFolder, Logins, State, from_millis};

/// How a forwarded login keeps up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// It follows the host's login.
    Live {
        /// When that ends; `None` when it does not, or does not say.
        ends: Option<SystemTime>,
        /// When the host's login changed last since the container began.
        renewed: Option<SystemTime>,
        /// Whether that is of another account than at the start.
        other_account: bool,
    },
    /// It follows, and what lies on the host cannot be used, such as a login
    /// that is half-written: it has the last good one.
    LastGood {
        /// Since when.
        since: SystemTime,
        /// When that ends; `None` when it does not, or does not say.
        ends: Option<SystemTime>,
    },
    /// It follows, and the host is logged out.
    LoggedOut {
        /// Since when.
        since: SystemTime,
    },
    /// It was to follow, and keeps what it was given.
    LeftBehind {
        /// When it was given that.
        since: SystemTime,
        /// When that ends; `None` when it does not, or does not say.
        ends: Option<SystemTime>,
        /// Whether it followed before: the folder that it had is gone, as at
        /// the end of its user's session.
        followed: bool,
    },
    /// It has a copy.
    Copy {
        /// When that ends; `None` when it does not, or does not say.
        ends: Option<SystemTime>,
    },
}

impl Following {
    /// How the login of an agent keeps up in `container`; `None` when it is
    /// none that was forwarded.
    pub fn of(
        logins: Option<&Logins>,
        container: &Container,
        record: &Record,
        login: &Login,
    ) -> Option<Self> {
        if login.mode != Mode::Sync.word() || login.origin.is_none() {
            return None;
        }
        let Some(id) = &login.follows else {
            // One that renews itself does not end with what it was given.
            let ends = login.ends().filter(|_| !login.renews);
            return Some(Self::Copy { ends });
        };
        let folder = logins.and_then(|logins| logins.get(id));
        let lease = folder.as_ref().and_then(|one| one.lease_of(&container.id));
        let state = folder.as_ref().and_then(LoginFolder::state);
        let current = |lease: &Lease| folder.as_ref().is_some_and(|one| one.is_current(lease));
        Some(match &lease {
            Some(lease) if current(lease) => Self::by_state(state.as_ref(), login, lease),
            // What does not run gets the newest when it starts.
            None if !container.is_running() => Self::Live {
                ends: state.and_then(|state| ends(&state)),
                renewed: None,
                other_account: false,
            },
            lease => Self::LeftBehind {
                since: lease.as_ref().map_or_else(|| given(record, login), began),
                ends: login.ends(),
                followed: lease.is_some() || folder.is_none(),
            },
        })
    }

    fn by_state(state: Option<&State>, login: &Login, lease: &Lease) -> Self {
        let logged_out = state.and_then(|state| from_millis(state.logged_out?));
        if let Some(since) = logged_out {
            return Self::LoggedOut { since };
        }
        let trouble = state.and_then(|state| from_millis(state.trouble.as_ref()?.since));
        if let Some(since) = trouble {
            let ends = state.and_then(ends);
            return Self::LastGood { since, ends };
        }
        let published = state.and_then(|state| state.published.as_ref());
        let changed = published.and_then(|published| from_millis(published.since));
        let account = published.and_then(|published| published.account.as_ref());
        let accounts = account.zip(login.account.as_ref());
        Self::Live {
            ends: state.map_or_else(|| login.ends(), ends),
            renewed: changed.filter(|changed| *changed > began(lease)),
            other_account: accounts.is_some_and(|(now, then)| now != then),
        }
    }

    /// When the login ends that it has.
    pub fn ends(self) -> Option<SystemTime> {
        match self {
            Self::Live { ends, .. }
            | Self::LastGood { ends, .. }
            | Self::LeftBehind { ends, .. }
            | Self::Copy { ends } => ends,
            Self::LoggedOut { .. } => None,
        }
    }
}

fn ends(state: &State) -> Option<SystemTime> {
    from_millis(state.published.as_ref()?.expires?)
}

/// When a lease began. It says so in whole seconds, and what is published
/// within the same one came before it.
fn began(lease: &Lease) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(lease.since.saturating_add(1).min(u32::MAX.into()))
}

fn given(record: &Record, login: &Login) -> SystemTime {
    let given = login.given.map(Duration::from_secs);
    let given = given.and_then(|given| UNIX_EPOCH.checked_add(given));
    given.unwrap_or_else(|| record.created())
}
