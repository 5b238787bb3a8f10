//! The running containers, and whether the logins they were given still hold.

use std::time::{Duration, SystemTime};

use super::Patient;
use super::report::Finding;
use crate::agent::Agent;
use crate::delivery::SOON;
use crate::engine::here;
use crate::launch::{Container, Following, Login, containers_of};
use crate::live::{Logins, watcher};
use crate::span;

/// Looks at them. An engine that cannot be asked is told of elsewhere.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let uid = patient.host.uid();
    let Ok(engine) = here::reach(&patient.flags, &patient.host) else {
        return Vec::new();
    };
    let containers = match containers_of(&engine, uid, patient.now) {
        Ok(containers) => containers,
        Err(error) => return vec![crate::failure::Failure::from(error).into()],
    };
    let running: Vec<_> = containers.iter().filter(|one| one.is_running()).collect();
    let Some(first) = running.first() else {
        return vec![Finding::ok("none of yours runs")];
    };
    let around = Around {
        patient,
        logins: Logins::of_user(uid).ok(),
        watched: watcher::is_running(uid).is_some(),
    };
    let mut found: Vec<_> = running
        .iter()
        .flat_map(|one| around.container(one))
        .collect();
    let refused = "a 401 in a running container means that the vendor ended its login early";
    found.push(Finding::ok(refused).next(format!(
        "give it the newest without a restart: docker jackin sync --now {}",
        first.name
    )));
    found
}

/// What the logins in containers depend on.
struct Around<'a> {
    patient: &'a Patient,
    logins: Option<Logins>,
    /// Whether something keeps logins up to date.
    watched: bool,
}

impl Around<'_> {
    fn container(&self, container: &Container) -> Vec<Finding> {
        let name = &container.name;
        let Some(record) = &container.record else {
            let says = format!("{name}: what it was given is not known any more");
            let next =
                format!("if it is to follow this host's logins: docker jackin sync --now {name}");
            return vec![Finding::ok(says).next(next)];
        };
        if record.agents.is_empty() {
            return vec![Finding::ok(format!("{name}: no agents"))];
        }
        let logins = record.agents.iter();
        let found = logins.map(|login| {
            match Following::of(self.logins.as_ref(), container, record, login) {
                Some(following) => self.forwarded(name, login, following),
                None => Finding::ok(says(name, login)),
            }
        });
        found.collect()
    }

    /// An agent's login that came from the host.
    fn forwarded(&self, name: &str, login: &Login, following: Following) -> Finding {
        let mend = format!("docker jackin sync --now {name}");
        let agent = Agent::from_word(&login.agent).map(Agent::description);
        let log_in = agent.map_or("its agent", |agent| agent.log_in);
        let says = says(name, login);
        match following {
            Following::Live {
                other_account: true,
                ..
            } => Finding::warning(
                format!("{says}, live, and follows another account than at its start"),
                format!("if that is not meant, log in with the former one on this host: {log_in}"),
            ),
            Following::Live { ends, renewed, .. } => {
                let renewed = renewed.map(|at| format!(", renewed {}", self.when(at)));
                let says = format!("{says}, live{}", renewed.unwrap_or_default());
                let renewed_by_itself =
                    self.watched && agent.is_some_and(|one| one.renewal.is_some());
                let soon = if renewed_by_itself {
                    Duration::ZERO
                } else {
                    SOON
                };
                self.ending(says, ends, soon, &renew(login))
            }
            // Why is told of the login itself.
            Following::LastGood { since, ends } => {
                let says = format!("{says}, live, the last good one of {}", self.when(since));
                self.ending(says, ends, SOON, &renew(login))
            }
            Following::LoggedOut { since } => Finding::warning(
                format!("{says}, logged out on this host {}", self.when(since)),
                format!("log in on this host: {log_in}"),
            ),
            Following::LeftBehind {
                since, followed, ..
            } => {
                let why = if followed {
                    "its login folder is gone"
                } else {
                    "it could not follow"
                };
                let copy = format!("{says}, keeps the copy of {}: {why}", self.when(since));
                Finding::warning(copy, format!("have it follow again: {mend}"))
            }
            Following::Copy { ends } => {
                let next = format!("{}\nthen give it to the container: {mend}", renew(login));
                self.ending(format!("{says}, copy"), ends, SOON, &next)
            }
        }
    }

    /// A warning where a login has ended, or ends within `soon`.
    fn ending(
        &self,
        says: String,
        ends: Option<SystemTime>,
        soon: Duration,
        next: &str,
    ) -> Finding {
        let Some(ends) = ends else {
            return Finding::ok(says);
        };
        let verb = if ends <= self.patient.now {
            "ended"
        } else {
            "ends"
        };
        let says = format!("{says}, {verb} {}", self.when(ends));
        if ends <= self.patient.now + soon {
            return Finding::warning(says, next);
        }
        Finding::ok(says)
    }

    fn when(&self, moment: SystemTime) -> String {
        span::from_now(moment, self.patient.now)
    }
}

fn says(name: &str, login: &Login) -> String {
    format!("{name}: {} by {}", login.agent, login.mode)
}

fn renew(login: &Login) -> String {
    let agent = Agent::from_word(&login.agent);
    let renew = agent.map(|agent| agent.description().how_to_renew());
    renew.unwrap_or_else(|| "renew it on this host: log in again".to_owned())
}
