//! The agents' logins on this host, which `sync` forwards.

use super::Patient;
use super::report::Finding;
use crate::agent::Agent;
use crate::agent::login::{Found, HostLogin};
use crate::auth::mode::{self, Mode};
use crate::auth::scope::Cell;
use crate::config::Config;
use crate::delivery::SOON;
use crate::span;

/// Looks at them.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let empty = Config::default();
    let config = patient.config.as_ref().unwrap_or(&empty);
    let agents = Agent::ALL.into_iter();
    let found = agents.map(|agent| login(patient, agent, is_forwarded(config, agent)));
    found.collect()
}

/// Whether any role's containers would be given the host's login of `agent`;
/// without roles, what `run --image` does by default.
fn is_forwarded(config: &Config, agent: Agent) -> bool {
    if config.roles.is_empty() {
        let cell = Cell {
            workspace: None,
            role: None,
        };
        return agent == Agent::Claude && syncs(config, cell, agent);
    }
    let workspaces = config.workspaces.keys().map(|name| Some(name.as_str()));
    let workspaces: Vec<_> = workspaces.chain([None]).collect();
    let roles = config.roles.iter();
    let mut roles = roles.filter(|(_, role)| role.agents.contains(&agent));
    roles.any(|(role, _)| {
        let mut cells = workspaces.iter().map(|workspace| Cell {
            workspace: *workspace,
            role: Some(role),
        });
        cells.any(|cell| syncs(config, cell, agent))
    })
}

fn syncs(config: &Config, cell: Cell<'_>, agent: Agent) -> bool {
    mode::resolve(config, cell, agent).auth_mode.mode() == Mode::Sync
}

fn login(patient: &Patient, agent: Agent, forwarded: bool) -> Finding {
    let log_in = format!("log in on this host: {}", agent.description().log_in);
    let found = match agent.host_login(&patient.host) {
        Ok(Found::Login(login)) => return there(patient, agent, &login),
        Ok(Found::Missing(origin)) if forwarded => {
            Finding::warning(format!("{agent}: no login in {origin}"), log_in)
        }
        Ok(Found::Missing(_)) => Finding::ok(format!("{agent}: no login here, and none is needed")),
        Ok(Found::Unusable { origin, why }) => {
            Finding::failure(format!("{agent}: {origin} {why}"), Some(log_in))
        }
        Err(error) => {
            let next = "make the file your own and readable, or choose another mode: docker jackin config auth set";
            Finding::failure(format!("{agent}: {error}"), Some(next.to_owned()))
        }
    };
    found.milder_unless(forwarded)
}

fn there(patient: &Patient, agent: Agent, login: &HostLogin) -> Finding {
    let says = format!("{agent}: {}", login.origin);
    let Some(ends) = login.expires else {
        return Finding::ok(says);
    };
    let when = span::from_now(ends, patient.now);
    let renew = agent.description().how_to_renew();
    if ends <= patient.now {
        return Finding::warning(format!("{says}, ended {when}"), renew);
    }
    let says = format!("{says}, ends {when}");
    if ends <= patient.now + SOON {
        return Finding::warning(says, renew);
    }
    Finding::ok(says)
}
