//! `redeliver`: the secret files of a container that runs, once more. The wrapper
//! runs it, as a process of its own because it enters the container.

use std::os::fd::AsFd;

use super::{Error, read_config, read_state, wrapped};
use crate::container::Container;
use crate::delivery::{self, Target};
use crate::spec::Spec;
use crate::state::State;

/// Delivers the secret files of the record that the wrapper saved, to the running
/// container whose state is on standard input. `former` is the number of the file
/// system that those lie on which it has now (`st_dev`), in decimal.
///
/// # Errors
/// The container may be without its files then, until it restarts.
pub fn run(stdin: impl AsFd, former: Option<&str>) -> Result<(), Error> {
    let state = read_state(stdin)?;
    let Some(container) = wrapped(&state)? else {
        return Err(Error::Unprepared(state.id));
    };
    let former = former.and_then(|former| former.parse().ok());
    let redelivered = redeliver(&state, &container, former);
    if let Err(error) = &redelivered {
        let _ = container.write_failure(&error.to_string());
    }
    redelivered
}

fn redeliver(state: &State, container: &Container, former: Option<u64>) -> Result<(), Error> {
    let Some(record) = container.record()? else {
        return Err(Error::Unprepared(state.id.clone()));
    };
    let pid = state.init()?;
    let bytes = read_config(&state.bundle.join("config.json"))?;
    let spec = Spec::from_json(&bytes)?;
    let target = Target::of(&spec, &state.bundle, &record, pid)?;
    let warnings = delivery::redeliver(pid, &target, &record, container, former)?;
    if !warnings.is_empty() {
        // It is delivered, whether there is room for a word about it or not.
        let _ = container.write_warnings(&warnings);
    }
    Ok(())
}
