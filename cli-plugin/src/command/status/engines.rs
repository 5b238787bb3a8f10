//! The engines' parts of a status: all that are here, or those asked for.

use super::report::Status;
use crate::command::registrars::{Engines, find};
use crate::engine::Surroundings;
use crate::engine::owner::Owner;
use crate::engine::registrar::{EngineName, Part, Registrar};

/// Adds the part of each engine but Docker, which has lines of its own: of
/// those that are named, else of those that are here.
pub(super) fn add(status: &mut Status, engines: &Engines, around: &Surroundings<'_>, verify: bool) {
    let named = engines.are_named();
    let names = if named {
        engines.names()
    } else {
        EngineName::ALL.to_vec()
    };
    for name in names {
        if name == EngineName::Docker {
            continue;
        }
        match find(name, around, None) {
            Ok(registrar) => add_one(status, registrar.as_ref(), named, verify),
            Err(failure) if named => status.problems.push(failure.to_string()),
            Err(failure) => tracing::debug!(%failure, "skipped {name}"),
        }
    }
}

fn add_one(status: &mut Status, registrar: &dyn Registrar, named: bool, verify: bool) {
    let mut part = registrar.describe();
    if !named && !part.is_worth_telling() {
        return;
    }
    if named && !part.registered {
        part.problems.push(not_registered(registrar));
    } else if named && verify {
        try_out(&mut part, registrar);
    }
    status.problems.append(&mut part.problems);
    status.engines.push(part);
}

fn try_out(part: &mut Part, registrar: &dyn Registrar) {
    match registrar.verify() {
        Some(Ok(lines)) => part.notes.extend(lines),
        Some(Err(failure)) => part.problems.push(failure.to_string()),
        None => part.problems.push(format!(
            "a delivery with {} cannot be tried out from here\n  \
             start a container with a ticket: docker jackin ticket --format handle",
            registrar.name()
        )),
    }
}

fn not_registered(registrar: &dyn Registrar) -> String {
    let name = registrar.name();
    let install = match registrar.owner() {
        Owner::Root => format!("sudo docker jackin install --engine {name}"),
        Owner::User { .. } => format!("docker jackin install --engine {name}"),
    };
    format!("nothing is registered with {name}\n  run: {install}")
}
