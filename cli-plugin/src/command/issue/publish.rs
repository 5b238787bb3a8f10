//! Publishing the logins that a container is to follow, before it can come.

use std::time::SystemTime;

use crate::delivery::Prepared;
use crate::failure::Failure;
use crate::live::{Logins, Machine, Publication, Wanted, copy_instead};

/// Publishes what a container is to follow, which was read on `machine` at `read`
/// or later. What cannot be published is given to it as a copy, and said.
pub(in crate::command) fn publish(
    logins: Result<&Logins, &Failure>,
    prepared: &mut Prepared,
    machine: &Machine,
    wanted: &Wanted,
    read: SystemTime,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for publication in std::mem::take(&mut prepared.live) {
        let published = match logins {
            Ok(logins) => logins
                .publish(&publication, machine, wanted, read)
                .map_err(|error| format!("{}: {error}", logins.path().display())),
            Err(failure) => Err(failure.to_string()),
        };
        match published {
            Ok(()) => prepared.live.push(publication),
            Err(reason) => warnings.push(give_a_copy(prepared, &publication, &reason)),
        }
    }
    warnings
}

/// Gives the container a copy of a login in place of one that it follows.
fn give_a_copy(prepared: &mut Prepared, publication: &Publication, reason: &str) -> String {
    copy_instead(&mut prepared.payload, &publication.id);
    for provided in &mut prepared.provided {
        if let Some(session) = &mut provided.session
            && session.follows.as_ref() == Some(&publication.id)
        {
            session.follows = None;
        }
    }
    let agent = publication.agent;
    tracing::debug!(%agent, reason, "a login is not published");
    format!(
        "{agent}'s login is given as a copy, which does not follow this host's: it cannot be \
         published in {reason}"
    )
}
