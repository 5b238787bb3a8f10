//! Delivering its login again to a container that runs, on request: for one whose
//! files cannot follow the host's, or do not any more.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::arguments::Arguments;
use super::log::Log;
use super::low_level::LowLevel;
use super::{create, keep, low_level, resolver};
use crate::config::Config;
use crate::container::{self, Container};
use crate::delivery;
use crate::raw;
use crate::record::Origin;
use crate::state::{self, State};

/// How long the hook may take. A file system of the container's may answer when
/// it likes.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Why a login is not delivered again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request could not be resolved; the container has what it had.
    #[error("it was not resolved afresh: {0}")]
    Resolver(#[from] resolver::Error),
    /// What is kept for the container cannot be reached.
    #[error(transparent)]
    Container(#[from] container::Error),
    /// The low-level runtime does not tell of the container.
    #[error(transparent)]
    LowLevel(#[from] low_level::Error),
    /// The low-level runtime tells of no process.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The container's process must not be given it.
    #[error(transparent)]
    Delivery(#[from] delivery::Error),
    /// The container is served by something else than a moment ago.
    #[error("the container was started anew meanwhile; ask again")]
    Changed,
    /// The hook said why it could not deliver.
    #[error("{0}")]
    Hook(String),
    /// The hook could not be run.
    #[error("failed to run {path}: {source}")]
    Run {
        /// The hook.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Delivers a container's login again and gives the answer, which is an error in
/// any case: there is no process to start.
pub(super) fn answer(
    asked: (&Container, &Origin),
    arguments: &Arguments,
    low_level: &LowLevel,
    config: &Config,
    log: &Log,
) -> super::Error {
    match redeliver(asked, arguments, low_level, config, log) {
        Ok(warnings) => super::Error::Redelivered(warnings),
        Err(error) => error.into(),
    }
}

fn redeliver(
    (container, origin): (&Container, &Origin),
    arguments: &Arguments,
    low_level: &LowLevel,
    config: &Config,
    log: &Log,
) -> Result<Vec<String>, Error> {
    container.lock()?;
    // Another process may have changed it before the lock was ours.
    let record = container.record()?;
    let Some(mut record) = record.filter(|record| record.origin == *origin) else {
        return Err(Error::Changed);
    };
    let state = low_level.state(arguments, container.id().as_str())?;
    delivery::refuse_unserved(State::from_json(&state)?.init()?, container)?;
    keep::take_over(container, &mut record, log);
    resolver::renew(&mut record, config.resolver.as_deref(), log)?;
    // The files are known by their numbers in the former payload, so they are
    // ours no more once the next one is the record's.
    let former = container.kept().device();
    container.drop_kept()?;
    container.save(&record)?;
    let _ = container.take_failure();
    let _ = container.take_warnings();
    let delivered = run_hook(&state, former);
    if !matches!(delivered, Ok(true)) {
        // The container does not have them, or not all.
        let _ = container.drop_kept();
    }
    if delivered? {
        return Ok(container.take_warnings());
    }
    let reason = container.take_failure();
    Err(Error::Hook(reason.unwrap_or_else(|| {
        "the hook ended without a reason; restart the container".to_owned()
    })))
}

/// Runs the hook, which enters the container; whether it delivered.
fn run_hook(state: &[u8], former: Option<u64>) -> Result<bool, Error> {
    let path = create::hook_path().map_err(|error| Error::Hook(error.to_string()))?;
    let failed = |source: io::Error| Error::Run {
        path: path.clone(),
        source,
    };
    let mut command = Command::new(&path);
    command
        .arg("redeliver")
        .args(former.map(|former| former.to_string()))
        .env_clear()
        .envs(
            create::HOOK_ENV
                .iter()
                .filter_map(|pair| pair.split_once('=')),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    raw::end_with_us(&mut command);
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has ended already says why.
        let _ = stdin.write_all(state);
    }
    if !matches!(resolver::has_ended(&child, TIME_LIMIT), Ok(true)) {
        let _ = child.kill();
    }
    Ok(child.wait().map_err(failed)?.success())
}
