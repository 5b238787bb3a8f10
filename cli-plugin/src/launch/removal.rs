//! Stopping and removing containers: all at once, each with its own outcome.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::Container;
use crate::engine::{Endpoint, EngineError, connect};

/// How long a container may take to end before it is killed, in seconds; as
/// `docker stop` has it.
const GRACE: u16 = 10;

/// How long nothing is said about waiting.
const SILENCE: Duration = Duration::from_secs(1);

/// Stops and removes the containers, at the same time. Gives those that could
/// not be, each with the reason; `told` hears of the others as they go.
pub fn remove_all(
    endpoint: &Endpoint,
    containers: &[Container],
    mut told: impl FnMut(&Container),
) -> Vec<(Container, EngineError)> {
    let (sender, outcomes) = channel();
    let mut waiting: Vec<&Container> = containers.iter().collect();
    let mut failed = Vec::new();
    std::thread::scope(|scope| {
        for (at, container) in containers.iter().enumerate() {
            let sender = sender.clone();
            scope.spawn(move || {
                // A receiver that is gone has nobody left to tell.
                let _ = sender.send((at, remove(endpoint, container)));
            });
        }
        let mut quiet = std::io::stderr().is_terminal();
        while !waiting.is_empty() {
            let limit = if quiet { SILENCE } else { Duration::MAX };
            match outcomes.recv_timeout(limit) {
                Ok((at, outcome)) => {
                    let done = &containers[at];
                    waiting.retain(|one| one.id != done.id);
                    match outcome {
                        Ok(()) => told(done),
                        Err(error) => failed.push((done.clone(), error)),
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    quiet = false;
                    say_what_is_waited_for(&waiting);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    failed
}

fn say_what_is_waited_for(waiting: &[&Container]) {
    let names: Vec<_> = waiting.iter().map(|one| one.name.as_str()).collect();
    anstream::eprintln!(
        "waiting for {} to end, {GRACE} s at most …",
        names.join(", ")
    );
}

fn remove(endpoint: &Endpoint, container: &Container) -> Result<(), EngineError> {
    let engine = connect(endpoint)?;
    if container.state != "exited" && container.state != "created" {
        engine.stop(&container.id, GRACE)?;
    }
    engine.remove(&container.id)
}
