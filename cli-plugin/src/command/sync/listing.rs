//! The logins that are published, as data and as a table.

use std::fmt::{self, Display};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use crate::agent::Agent;
use crate::command::columns::Columns;
use crate::live::leases::may_live;
use crate::live::watcher::WatcherInfo;
use crate::live::{LoginFolder, Logins, State, from_millis};
use crate::span;

/// What stands where something is not known.
const UNKNOWN: &str = "-";

/// What there is, at a time.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    watcher: Option<Watcher>,
    logins: Vec<Entry>,
    /// How many there are beside, of another version.
    #[serde(skip)]
    unknown: usize,
    #[serde(skip)]
    now: SystemTime,
}

#[derive(Debug, Serialize)]
struct Watcher {
    pid: i32,
    since: Option<Timestamp>,
    version: String,
}

/// A login that is published.
#[derive(Debug, Serialize)]
struct Entry {
    agent: String,
    origin: String,
    ends: Option<Timestamp>,
    published: Option<Timestamp>,
    logged_out: Option<Timestamp>,
    containers: Vec<String>,
    renewal: Option<Renewal>,
    trouble: Option<Trouble>,
}

/// How its renewal goes.
#[derive(Debug, Serialize)]
struct Renewal {
    attempts: u32,
    last: Option<Timestamp>,
    next: Option<Timestamp>,
    failed: Option<String>,
}

#[derive(Debug, Serialize)]
struct Trouble {
    what: String,
    since: Option<Timestamp>,
}

impl Listing {
    /// What is known now.
    pub(super) fn of(logins: &Logins, watcher: Option<WatcherInfo>, now: SystemTime) -> Self {
        let watcher = watcher.map(|info| Watcher {
            pid: info.pid,
            since: Timestamp::try_from(info.since).ok(),
            version: info.version,
        });
        let folders = logins.all();
        let logins = folders.iter();
        let logins = logins.filter_map(|folder| Some(Entry::of(folder.state()?, folder)));
        let logins: Vec<_> = logins.collect();
        Self {
            watcher,
            unknown: folders.len() - logins.len(),
            logins,
            now,
        }
    }

    /// Whether a login is not as it should be.
    pub(super) fn has_trouble(&self) -> bool {
        let mut logins = self.logins.iter();
        self.unknown > 0 || logins.any(|entry| entry.trouble(self.now).is_some())
    }
}

fn timestamp(millis: u64) -> Option<Timestamp> {
    Timestamp::try_from(from_millis(millis)?).ok()
}

impl Entry {
    fn of(state: State, folder: &LoginFolder) -> Self {
        let published = state.published;
        let leases = folder.leases().into_iter();
        let alive = leases.filter(may_live);
        let renewal = state.renewal.filter(|renewal| {
            let published = published.as_ref();
            published.is_some_and(|one| one.fingerprint == renewal.fingerprint)
        });
        Self {
            agent: state.agent,
            origin: state.origin,
            ends: published.as_ref().and_then(|one| timestamp(one.expires?)),
            published: published.as_ref().and_then(|one| timestamp(one.since)),
            logged_out: state.logged_out.and_then(timestamp),
            containers: alive.map(|lease| lease.container).collect(),
            renewal: renewal.map(|renewal| Renewal {
                attempts: renewal.attempts,
                last: timestamp(renewal.last),
                next: renewal.next.and_then(timestamp),
                failed: renewal.failed,
            }),
            trouble: state.trouble.map(|trouble| Trouble {
                what: trouble.what,
                since: timestamp(trouble.since),
            }),
        }
    }

    /// What keeps its containers from being logged in, in a line.
    fn trouble(&self, now: SystemTime) -> Option<String> {
        let ago =
            |at: Option<Timestamp>| at.map(|at| format!(" {}", span::from_now(at.into(), now)));
        if let Some(trouble) = &self.trouble {
            let what = &trouble.what;
            return Some(format!("{what}; containers keep the login before it"));
        }
        if let Some(at) = self.logged_out {
            let since = ago(Some(at)).unwrap_or_default();
            let agent = Agent::from_word(&self.agent);
            let next = agent.map(|agent| format!("; log in with `{}`", agent.description().log_in));
            let next = next.unwrap_or_default();
            return Some(format!("the host was logged out{since}{next}"));
        }
        if let Some(lasting) = self.unrenewable(now) {
            return Some(lasting);
        }
        let renewal = self.renewal.as_ref()?;
        let failed = renewal.failed.as_ref()?;
        let next = renewal.next.filter(|next| SystemTime::from(*next) > now);
        let next = next.map(|next| format!(", asked again {}", span::from_now(next.into(), now)));
        Some(format!("not renewed: {failed}{}", next.unwrap_or_default()))
    }

    /// What is to be done about a login that has ended, and that nobody is
    /// asked to renew.
    fn unrenewable(&self, now: SystemTime) -> Option<String> {
        let ended = self.ends.is_some_and(|ends| SystemTime::from(ends) <= now);
        let agent = Agent::from_word(&self.agent).filter(|_| ended)?;
        let description = agent.description();
        let renews = description
            .renewal
            .is_none()
            .then(|| description.what_renews())?;
        Some(format!("not renewed by itself: {renews}"))
    }
}

impl Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.watcher {
            Some(watcher) => {
                let since = watcher.since.map(SystemTime::from);
                let since = since.map(|since| format!(", since {}", self.span(since)));
                let since = since.unwrap_or_default();
                writeln!(f, "watching: process {}{since}", watcher.pid)?;
            }
            None if self.logins.is_empty() && self.unknown == 0 => {
                return writeln!(f, "no container follows a login of this host");
            }
            None => writeln!(f, "nothing keeps them up to date")?,
        }
        if self.unknown > 0 {
            let what = "what is known of a login is of another version, and not kept up to date";
            writeln!(f, "{what}; see docker jackin doctor")?;
        } else if self.logins.is_empty() {
            return writeln!(f, "no container follows a login of this host");
        }
        self.table().fmt(f)?;
        for entry in &self.logins {
            if let Some(trouble) = entry.trouble(self.now) {
                writeln!(f, "{}: {trouble}", entry.agent)?;
            }
        }
        Ok(())
    }
}

impl Listing {
    fn table(&self) -> Columns {
        let heading = ["AGENT", "LOGIN", "ENDS", "RENEWED", "CONTAINERS"];
        let mut columns = Columns::new(&heading);
        for entry in &self.logins {
            let when = |at: Option<Timestamp>| {
                let at = at.map(SystemTime::from);
                at.map_or(UNKNOWN.to_owned(), |at| span::from_now(at, self.now))
            };
            let ends = entry.ends.map(SystemTime::from);
            let ended = ends.is_some_and(|ends| ends <= self.now);
            columns.push([
                entry.agent.clone(),
                entry.origin.clone(),
                if ended {
                    format!("ended {}", when(entry.ends))
                } else {
                    when(entry.ends)
                },
                when(entry.published),
                entry.containers.len().to_string(),
            ]);
        }
        columns
    }

    fn span(&self, since: SystemTime) -> String {
        span::in_words(self.now.duration_since(since).unwrap_or_default())
    }
}
