//! The list of containers, as data and as a table.

use std::fmt::{self, Display};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use super::keeping_up::{self, KeepingUp};
use crate::command::columns::Columns;
use crate::launch::{Container, Following, Login};
use crate::live::Logins;
use crate::span;

/// What stands where something is not known.
const UNKNOWN: &str = "-";

/// The list, as it is at a time.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    #[serde(skip)]
    pub(super) now: SystemTime,
}

/// A container in the list.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    name: String,
    id: String,
    role: Option<String>,
    workspace: Option<String>,
    image: Option<String>,
    state: String,
    status: String,
    created: Option<Timestamp>,
    launch: String,
    agents: Vec<EntryAgent>,
}

/// An agent of a container in the list.
#[derive(Debug, Serialize)]
struct EntryAgent {
    agent: String,
    mode: Option<String>,
    scope: Option<String>,
    source: Option<String>,
    ends: Option<Timestamp>,
    sync: Option<KeepingUp>,
    #[serde(skip)]
    following: Option<Following>,
}

impl Entry {
    /// A container, and how the logins in it that it follows keep up.
    pub(super) fn new(container: Container, logins: Option<&Logins>) -> Self {
        let following = |agent: &str| {
            let record = container.record.as_ref()?;
            let login = record.agents.iter().find(|login| login.agent == agent)?;
            Following::of(logins, &container, record, login)
        };
        let known = container.record.as_ref();
        let known_logins = known.map(|record| record.agents.as_slice());
        let known_logins = known_logins.unwrap_or_default();
        let agents = container.agents.iter().map(|agent| {
            let mut known = known_logins.iter();
            let login = known.find(|login| login.agent == *agent);
            EntryAgent::new(agent.clone(), login, following(agent))
        });
        Self {
            agents: agents.collect(),
            image: known.and_then(|record| record.image.clone()),
            created: Timestamp::try_from(container.created).ok(),
            launch: container.launch.to_string(),
            name: container.name,
            id: container.id,
            role: container.role,
            workspace: container.workspace,
            state: container.state,
            status: container.status,
        }
    }
}

impl EntryAgent {
    fn new(agent: String, login: Option<&Login>, following: Option<Following>) -> Self {
        let ends = match following {
            Some(following) => following.ends(),
            None => login.and_then(Login::ends),
        };
        Self {
            agent,
            mode: login.map(|login| login.mode.clone()),
            scope: login.and_then(|login| login.scope.clone()),
            source: login.and_then(|login| login.source.clone()),
            ends: ends.and_then(|ends| Timestamp::try_from(ends).ok()),
            sync: following.map(KeepingUp::from),
            following,
        }
    }

    /// `claude=sync`, or the name alone where the mode is not known.
    fn with_mode(&self) -> String {
        match &self.mode {
            Some(mode) => format!("{}={mode}", self.agent),
            None => self.agent.clone(),
        }
    }

    /// `claude in 3 h (live)`, or `claude ended 2 h ago`.
    fn with_end(&self, now: SystemTime) -> Option<String> {
        let agent = &self.agent;
        let words = self.following.map(|one| keeping_up::words(one, now));
        let Some(ends) = self.ends.map(SystemTime::from) else {
            return words.map(|words| format!("{agent} {words}"));
        };
        let when = span::from_now(ends, now);
        let ended = if ends <= now { "ended " } else { "" };
        let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
        Some(format!("{agent} {ended}{when}{words}"))
    }
}

impl Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = [
            "NAME",
            "ROLE",
            "WORKSPACE",
            "AGENTS",
            "STATUS",
            "LOGIN ENDS",
        ];
        let mut columns = Columns::new(&heading);
        for entry in &self.entries {
            columns.push(cells(entry, self.now));
        }
        columns.fmt(f)
    }
}

fn cells(entry: &Entry, now: SystemTime) -> [String; 6] {
    let or_unknown = |text: String| {
        if text.is_empty() {
            UNKNOWN.to_owned()
        } else {
            text
        }
    };
    let agents: Vec<_> = entry.agents.iter().map(EntryAgent::with_mode).collect();
    let ends = entry.agents.iter().filter_map(|agent| agent.with_end(now));
    [
        entry.name.clone(),
        or_unknown(entry.role.clone().unwrap_or_default()),
        or_unknown(entry.workspace.clone().unwrap_or_default()),
        or_unknown(agents.join(" ")),
        entry.status.clone(),
        or_unknown(ends.collect::<Vec<_>>().join(", ")),
    ]
}
