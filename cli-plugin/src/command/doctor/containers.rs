//! The running containers, and whether the logins they were given still hold.

use super::Patient;
use super::report::Finding;
use crate::agent::Agent;
use crate::delivery::SOON;
use crate::engine::here;
use crate::launch::{Container, Login, containers_of};
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
    let mut found: Vec<_> = running
        .iter()
        .flat_map(|one| container(patient, one))
        .collect();
    let refused = "a 401 in a running container means that the vendor ended its login early";
    found.push(Finding::ok(refused).next(format!(
        "renew it on this host (`claude auth status` for Claude), then give the container the newest: docker restart {}",
        first.name
    )));
    found
}

fn container(patient: &Patient, container: &Container) -> Vec<Finding> {
    let name = &container.name;
    let Some(record) = &container.record else {
        let says = format!("{name}: what it was given is not known any more");
        return vec![Finding::ok(says)];
    };
    if record.agents.is_empty() {
        return vec![Finding::ok(format!("{name}: no agents"))];
    }
    let logins = record.agents.iter();
    logins.map(|login| given(patient, name, login)).collect()
}

/// What one agent was given.
fn given(patient: &Patient, name: &str, login: &Login) -> Finding {
    let Login { agent, mode, .. } = login;
    let says = format!("{name}: {agent} by {mode}");
    let Some(ends) = login.ends() else {
        return Finding::ok(says);
    };
    let when = span::from_now(ends, patient.now);
    let renew = Agent::from_word(agent).map(|agent| agent.description().how_to_renew());
    let renew = renew.unwrap_or_else(|| "renew it on this host: log in again".to_owned());
    let next = format!("{renew}\nthen give it to the container: docker restart {name}");
    if ends <= patient.now {
        return Finding::warning(format!("{says}, ended {when}"), next);
    }
    let says = format!("{says}, ends {when}");
    if ends <= patient.now + SOON {
        return Finding::warning(says, next);
    }
    Finding::ok(says)
}
