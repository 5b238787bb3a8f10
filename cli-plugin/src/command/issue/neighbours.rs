//! Other running containers that were started with the same login.
//!
//! Those that follow the host's login share it in peace. A copy with its refresh
//! token does not: that works once, and whoever renews first logs out all the
//! others, be they copies, followers or the host.

use std::time::SystemTime;

use crate::agent::Agent;
use crate::auth::refresh::ChosenRefresh;
use crate::delivery::{Provided, Session};
use crate::engine::Engine;
use crate::engine::containers::Listed;
use crate::launch::{LaunchFolder, Record, label, launch_of};

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
    let warnings = provided.iter().filter_map(|one| others.warning(one));
    warnings.collect()
}

/// The containers of this user, with what was written down about them.
struct Others<'a> {
    listed: &'a [Listed],
    records: &'a [Record],
}

impl Others<'_> {
    fn warning(&self, provided: &Provided) -> Option<String> {
        let session = provided.session.as_ref()?;
        let agent = provided.chosen.auth_mode.agent();
        let found = self.with_login(agent, session);
        if found.is_empty() {
            return None;
        }
        let (names, own) = (enumerated(&found), own_credential(agent));
        Some(if session.renews {
            let follow = follow(agent, &session.refresh);
            format!(
                "{agent}'s login is also in use by {names}, and this container gets a copy of it: \
                 its refresh token works once, so whoever renews first logs out the others, this \
                 host included (401); {follow}{own}"
            )
        } else {
            format!(
                "{agent}'s login is also in use by {names} as a copy, which logs out this container \
                 and this host once it renews itself (401); start that one anew with sync_refresh = \
                 \"live\", or {own}"
            )
        })
    }

    /// The running containers in which `agent` has that login, and that could
    /// be logged out by it, or it by them.
    fn with_login(&self, agent: Agent, session: &Session) -> Vec<&str> {
        let origin = session.origin.to_string();
        let running = self.listed.iter().filter(|one| one.state == "running");
        let found = running.filter_map(|container| {
            let id = launch_of(container)?;
            let mut records = self.records.iter();
            let record = records.find(|one| one.id == id)?;
            let mut logins = record.agents.iter();
            let login = logins.find(|login| login.agent == agent.word())?;
            let same = login.origin.as_deref() == Some(origin.as_str());
            let races = same && (session.renews || login.renews);
            races.then_some(container.name.as_str())
        });
        found.collect()
    }
}

/// How a container is made to follow the host's login, if it is by choice that
/// it does not.
fn follow(agent: Agent, refresh: &ChosenRefresh) -> String {
    let Some(scope) = &refresh.scope else {
        return String::new();
    };
    let flags = scope.flags();
    format!(
        "have it follow the host's login: docker jackin config auth unset --refresh --agent \
         {agent}{flags}; or "
    )
}

/// The command that gives an agent a credential of its own.
fn own_credential(agent: Agent) -> String {
    match agent {
        Agent::Claude => {
            "give it a token of its own: docker jackin config auth set oauth_token".to_owned()
        }
        other => format!(
            "give it a key of its own: docker jackin config auth set api_key --agent {other}"
        ),
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
