//! What can go wrong between us and an engine, and what to do about it.

use std::path::PathBuf;

use super::context::{ChosenBy, Elsewhere};
use crate::failure::{Failure, Kind};

/// Why an engine cannot be found, reached or understood.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Both `--context` and `--host` were given.
    #[error("conflicting options: give either --host or --context, not both")]
    HostAndContext,
    /// `--host` was given more than once.
    #[error("conflicting options: give --host only once")]
    SeveralHosts,
    /// A host's address is none that docker knows.
    #[error("invalid engine address {address:?}, {chosen_by}")]
    Address {
        /// The address as it was given.
        address: String,
        /// Where it came from.
        chosen_by: ChosenBy,
    },
    /// The context is in nobody's store.
    #[error("docker context {name:?} ({chosen_by}) does not exist: {} is missing", path.display())]
    NoContext {
        /// Its name.
        name: String,
        /// Where the name came from.
        chosen_by: ChosenBy,
        /// The file that would describe it.
        path: PathBuf,
    },
    /// The context's file cannot be read.
    #[error("cannot read docker context {name:?}: {}: {reason}", path.display())]
    UnreadableContext {
        /// Its name.
        name: String,
        /// The file that describes it.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The engine is not on this machine.
    #[error("docker context {context:?} leads to {elsewhere}, which is not supported yet")]
    Elsewhere {
        /// The context's name.
        context: String,
        /// Where it leads.
        elsewhere: Elsewhere,
    },
    /// Nothing answers behind the socket.
    #[error("cannot reach the engine at unix://{}: {reason}", socket.display())]
    Unreachable {
        /// The engine's socket.
        socket: PathBuf,
        /// Why not.
        reason: std::io::Error,
    },
    /// The engine did not answer in time.
    #[error("the engine at unix://{} did not {task} within {seconds} s", socket.display())]
    TimedOut {
        /// The engine's socket.
        socket: PathBuf,
        /// What was asked of it, to fit "did not …".
        task: &'static str,
        /// How long we waited, in seconds.
        seconds: u64,
    },
    /// The engine refused, or answered what we cannot read.
    #[error("the engine at unix://{} did not {task}: {reason}", socket.display())]
    Refused {
        /// The engine's socket.
        socket: PathBuf,
        /// What was asked of it, to fit "did not …".
        task: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The client itself could not be set up.
    #[error("cannot set up a client for the engine: {0}")]
    Client(String),
}

impl EngineError {
    /// What to do next, where there is something.
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoContext { .. } => "list what there is with: docker context ls".to_owned(),
            Self::Elsewhere { .. } => {
                "choose an engine on this machine, for instance: docker --context default jackin …"
                    .to_owned()
            }
            Self::Unreachable { socket, reason } => match reason.kind() {
                std::io::ErrorKind::PermissionDenied => format!(
                    "ask for membership in the group that owns {} (often \"docker\"), or use sudo",
                    socket.display()
                ),
                _ => "is it running? see: docker info".to_owned(),
            },
            Self::TimedOut { .. } => "is it healthy? see: docker info".to_owned(),
            _ => return None,
        })
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let kind = match error {
            EngineError::HostAndContext | EngineError::SeveralHosts => Kind::Usage,
            _ => Kind::Engine,
        };
        let failure = Self::new(kind, &error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
