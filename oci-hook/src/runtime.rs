//! The OCI runtime wrapper: what happens between the engine's call and the
//! low-level runtime's.

pub mod arguments;
pub mod create;
pub mod exec;
pub mod keep;
pub mod log;
pub mod low_level;
pub mod redeliver;
pub mod resolver;
pub mod watcher;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::container;
#[expect(unused_imports, reason = "for the documentation")]
use crate::published::REDELIVER;
use crate::published::REDELIVERED;
use crate::standing::Standing;
use crate::store::Store;
use crate::{admission, config, spec};

use arguments::{Arguments, Verb};
use exec::Exec;
use log::Log;
use low_level::LowLevel;

/// Why a call ends before the low-level runtime is reached, or because of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The wrapper's own settings cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// There is no low-level runtime to call.
    #[error(transparent)]
    LowLevel(#[from] low_level::Error),
    /// What is kept for the container cannot be reached.
    #[error(transparent)]
    Container(#[from] container::Error),
    /// The engine named no container.
    #[error("the engine named no container")]
    NoContainer,
    /// A file of the engine's cannot be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of the engine's is not valid.
    #[error("{path} cannot be used: {source}")]
    Spec {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: spec::Invalid,
    },
    /// The container is not served.
    #[error(transparent)]
    Admission(#[from] admission::Error),
    /// The low-level runtime would keep a copy of the variables on a disk.
    #[error(
        "{runtime} keeps a copy of the container's variables in {path}, which is not on a tmpfs; \
         put the engine's state (its exec-root) on one"
    )]
    CopyOnDisk {
        /// The low-level runtime.
        runtime: PathBuf,
        /// The folder it keeps its state in.
        path: PathBuf,
    },
    /// The hook said why the container could not be served.
    #[error("{0}")]
    Hook(String),
    /// What was asked for by [`REDELIVER`] is done. There is nothing to run, and
    /// so this is the answer.
    #[error("{}", redelivered(.0))]
    Redelivered(Vec<String>),
    /// What was asked for by [`REDELIVER`] is not done.
    #[error("the login was not delivered again: {0}")]
    NotRedelivered(#[from] redeliver::Error),
    /// The kernel does not say whose root this is.
    #[error("failed to read /proc/self/uid_map: {0}")]
    Standing(io::Error),
    /// The process could not be kept from being looked into.
    #[error("failed to forbid core dumps: {0}")]
    Hide(io::Error),
}

fn redelivered(warnings: &[String]) -> String {
    let words = std::iter::once(REDELIVERED).chain(warnings.iter().map(String::as_str));
    words.collect::<Vec<_>>().join("; ")
}

/// Handles one call of the engine's.
///
/// Returns only when the call failed, or when the wrapper had to see the
/// low-level runtime through; otherwise this process becomes that runtime.
pub fn run(name: &OsStr, words: Vec<OsString>) -> ExitCode {
    let arguments = Arguments::parse(words);
    let log = Log::of(&arguments);
    match handle(name, arguments, &log) {
        Ok(code) => code,
        Err(error) => {
            log.error(&error);
            ExitCode::FAILURE
        }
    }
}

fn handle(name: &OsStr, arguments: Arguments, log: &Log) -> Result<ExitCode, Error> {
    let standing = Standing::of_this_process().map_err(Error::Standing)?;
    let config = config::Config::load(standing)?;
    let low_level = LowLevel::find(name, config.low_level.as_deref())?;
    match arguments.verb() {
        Verb::Create | Verb::Run => create::start(&arguments, &low_level, &config, log),
        Verb::Exec => match exec::prepare(arguments, &low_level)? {
            Exec::Pass(arguments) => pass(&low_level, &arguments),
            Exec::Redeliver {
                arguments,
                container,
                origin,
            } => Err(redeliver::answer(
                (&container, &origin),
                &arguments,
                &low_level,
                &config,
                log,
            )),
        },
        Verb::Delete => {
            keep::before_delete(&arguments, &low_level, log);
            sweep(log);
            pass(&low_level, &arguments)
        }
        Verb::Other => pass(&low_level, &arguments),
    }
}

/// Keeps secrets in our memory from core dumps and from other processes. The
/// low-level runtime is not affected: an exec sets the process back.
fn hide_memory() -> Result<(), Error> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| Error::Hide(error.into()))
}

/// Becomes the low-level runtime.
fn pass(low_level: &LowLevel, arguments: &Arguments) -> Result<ExitCode, Error> {
    match low_level.become_it(arguments)? {}
}

/// Forgets containers that are gone. Trouble with that is no reason to fail
/// the call at hand.
pub(crate) fn sweep(log: &Log) {
    // Who is no root, of a rootless engine's either, has no business here.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let swept = match Store::open() {
        Ok(Some(store)) => store.sweep(),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = swept {
        log.warn(&format!("failed to sweep: {error}"));
    }
}
