//! `exec`: the container's variables for one more process in it, or a request to
//! the wrapper itself, which comes the same way.

use std::ffi::OsString;

use super::arguments::Arguments;
use super::low_level::LowLevel;
use super::{Error, hide_memory};
use crate::container::{Container, ContainerId};
use crate::file;
use crate::published::{REDELIVER, asked};
use crate::record::Origin;
use crate::spec::{self, Process};
use crate::standing::Standing;
use crate::store::Store;

/// What an `exec` comes to.
#[derive(Debug)]
pub enum Exec {
    /// A process, which the low-level runtime starts.
    Pass(Arguments),
    /// A request of its owner's for the login ([`REDELIVER`]).
    Redeliver {
        /// The call.
        arguments: Arguments,
        /// The container.
        container: Container,
        /// What it was served by when its owner was asked.
        origin: Origin,
    },
}

/// Gives the process of an exec what its container was given.
///
/// The engine builds that process's environment afresh from the container's
/// configuration, so without this a variable of ours is missing in it. Without
/// a process file (`runc exec ID command`) the low-level runtime takes the
/// environment of the bundle it was given at `create`, which is ours already.
pub fn prepare(arguments: Arguments, low_level: &LowLevel) -> Result<Exec, Error> {
    hide_memory()?;
    let Some(id) = arguments.container() else {
        return Ok(Exec::Pass(arguments));
    };
    // An id that cannot be a served container's is the runtime's to refuse.
    let Ok(id) = ContainerId::try_from(OsString::from(id)) else {
        return Ok(Exec::Pass(arguments));
    };
    let (Some(container), Some(path)) = (served(&id, low_level, &arguments)?, arguments.process())
    else {
        return Ok(Exec::Pass(arguments));
    };
    let Some(record) = container.record()? else {
        return Ok(Exec::Pass(arguments));
    };
    let bytes = file::read_path(&path, spec::MAX_SIZE).map_err(|source| Error::Read {
        path: path.clone(),
        source,
    })?;
    let invalid = |source| Error::Spec { path, source };
    let process = Process::from_json(&bytes);
    let asked = process.and_then(|process| Ok((process.program()?, process)));
    let (program, process) = match asked {
        Ok(asked) => asked,
        Err(source) => return Err(invalid(source)),
    };
    if program.as_deref() == Some(REDELIVER) {
        // Without its owner's word it is what it looks like, and there is no
        // such program.
        let standing = Standing::of_this_process().map_err(Error::Standing)?;
        if !asked::take(record.origin.owner(), standing, &id) {
            return Ok(Exec::Pass(arguments));
        }
        return Ok(Exec::Redeliver {
            arguments,
            container,
            origin: record.origin,
        });
    }
    let edited = process
        .edited(&record.payload, &record.configured)
        .map_err(invalid)?;
    container.drop_finished_processes()?;
    let ours = container.write_process(&edited)?;
    Ok(Exec::Pass(arguments.with_process(&ours)))
}

/// The folder of a container, if it is served. Trouble with the store is no
/// trouble of a container that has no folder in it.
fn served(
    id: &ContainerId,
    low_level: &LowLevel,
    arguments: &Arguments,
) -> Result<Option<Container>, Error> {
    match Store::open() {
        Ok(Some(store)) => Ok(store.find_in(&low_level.state_folder(arguments), id)?),
        Err(error) if Store::mentions(id) => Err(error.into()),
        Ok(None) | Err(_) => Ok(None),
    }
}
