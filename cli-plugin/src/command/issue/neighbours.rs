//! Other running containers that were started with the same login.
//!
//! No container has the refresh token, so none logs another out. But each
//! keeps the copy it was started with, and all of those end together.

use std::time::SystemTime;

use crate::agent::Agent;
use crate::auth::mode::Mode;
use crate::delivery::Provided;
use crate::engine::Engine;
use crate::engine::containers::Listed;
use crate::launch::{LaunchFolder, Record, label, launch_of};
use crate::span;

/// How long the engine may take to list containers, in seconds: the launch
/// waits, and can do without.
const LIMIT: u64 = 2;

/// The most containers that are named in one line.
const NAMED: usize = 5;

/// What is to be said about other containers with the same logins. An engine
/// that has none of our launches is not asked.
pub(super) fn warnings(
    engine: &Engine,
    launches: &LaunchFolder,
    owner: u32,
    provided: &[Provided],
    now: SystemTime,
) -> Vec<String> {
    let socket = engine.real_socket();
    let records = launches.all();
    if !records.iter().any(|one| one.socket == socket) {
        return Vec::new();
    }
    let listed = match engine.labelled(&format!("{}={owner}", label::OWNER), LIMIT) {
        Ok(listed) => listed,
        Err(error) => {
            tracing::debug!(%error, "not asked for other containers");
            return Vec::new();
        }
    };
    let ids = listed.iter().filter_map(launch_of).collect();
    launches.sweep(&socket, &ids, now);
    let others = Others {
        listed: &listed,
        records: &records,
    };
    let warnings = provided.iter().filter_map(|one| others.warning(one, now));
    warnings.collect()
}

/// The containers of this user, with what was written down about them.
struct Others<'a> {
    listed: &'a [Listed],
    records: &'a [Record],
}

impl Others<'_> {
    fn warning(&self, provided: &Provided, now: SystemTime) -> Option<String> {
        let session = provided.session.as_ref()?;
        let agent = provided.chosen.auth_mode.agent();
        let found = self.with_login(agent, &session.origin.to_string());
        if found.is_empty() {
            return None;
        }
        let ends = found.iter().filter_map(|(_, ends)| *ends).min();
        let ends = ends.map(|ends| format!(" ({})", span::from_now(ends, now)));
        let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        Some(format!(
            "{agent}'s login is also in use by {}; each keeps the copy it was started with until \
             it ends{}: restart them then, or give them {} of their own: {}",
            enumerated(&names),
            ends.unwrap_or_default(),
            if agent == Agent::Claude {
                "tokens"
            } else {
                "keys"
            },
            remedy(agent),
        ))
    }

    /// The running containers in which `agent` has the login that lies at
    /// `origin`, each with the end of what it was given.
    fn with_login(&self, agent: Agent, origin: &str) -> Vec<(&str, Option<SystemTime>)> {
        let running = self.listed.iter().filter(|one| one.state == "running");
        let found = running.filter_map(|container| {
            let id = launch_of(container)?;
            let mut records = self.records.iter();
            let record = records.find(|one| one.id == id)?;
            let mut logins = record.agents.iter();
            let login = logins.find(|login| login.agent == agent.word())?;
            let same = login.mode == Mode::Sync.word() && login.origin.as_deref() == Some(origin);
            same.then(|| (container.name.as_str(), login.ends()))
        });
        found.collect()
    }
}

/// The command that gives an agent a credential of its own.
fn remedy(agent: Agent) -> String {
    match agent {
        Agent::Claude => "docker jackin config auth set oauth_token".to_owned(),
        other => format!("docker jackin config auth set api_key --agent {other}"),
    }
}

fn enumerated(names: &[&str]) -> String {
    match names.len().checked_sub(NAMED) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..NAMED].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_cut_short() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(enumerated(&names[..5]), "a, b, c, d, e");
        assert_eq!(enumerated(&names), "a, b, c, d, e and 2 more");
    }
}
