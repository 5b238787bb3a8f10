//! What an agent wrote into its credential file, taken over into what is known
//! of its container.

use std::ffi::OsString;

use super::arguments::Arguments;
use super::log::Log;
use super::low_level::LowLevel;
use super::{Error, hide_memory};
use crate::container::{self, Container, ContainerId};
use crate::record::Record;
use crate::store::Store;

/// Takes over what the files of a container hold that is about to be deleted.
///
/// The engine asks for that when a container has ended, also when it is to
/// start again at once. What is kept outlives it in any case; but where the
/// engine has a mount namespace of its own, that goes with the engine.
///
/// Trouble is no reason to fail the call at hand.
pub fn before_delete(arguments: &Arguments, low_level: &LowLevel, log: &Log) {
    if let Err(error) = try_before_delete(arguments, low_level, log) {
        log.warn(&format!("what its files hold was not taken over: {error}"));
    }
}

fn try_before_delete(arguments: &Arguments, low_level: &LowLevel, log: &Log) -> Result<(), Error> {
    let id = arguments.container().ok_or(Error::NoContainer)?;
    let id = ContainerId::try_from(OsString::from(id))?;
    if !Store::mentions(&id) {
        return Ok(());
    }
    hide_memory()?;
    let root = low_level.state_folder(arguments);
    let container = match Store::open()? {
        Some(store) => store.find_in(&root, &id)?,
        None => None,
    };
    if let Some(container) = container
        && let Some(mut record) = container.record()?
    {
        take_over(&container, &mut record, log);
    }
    Ok(())
}

/// Takes over what the files of a container that starts again hold, then drops
/// them: what it gets next is the record's to say.
pub fn before_start(
    container: &Container,
    record: &mut Record,
    log: &Log,
) -> Result<(), container::Error> {
    take_over(container, record, log);
    container.drop_kept()
}

/// The record is saved before anything else happens to the files: they are
/// known by their number in this payload, which the next one may count anew.
///
/// What they hold is the container's. A record that it makes too large to be
/// kept stays as it was.
pub(super) fn take_over(container: &Container, record: &mut Record, log: &Log) {
    let former = record.payload.clone();
    if !container.kept().update(record.delivered_mut()) {
        return;
    }
    if let Err(error) = container.save(record) {
        log.warn(&format!("what its files hold was not taken over: {error}"));
        record.payload = former;
    }
}
