//! The state that an engine's runtime gives a hook on its standard input
//! (OCI runtime specification, `runtime.md`, "State").

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Deserialize;

use crate::container::{self, ContainerId};

/// The largest state that is read, in bytes; annotations make up most of it.
pub const MAX_SIZE: u64 = 4 << 20;

/// Why a state is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no JSON object with what a hook needs.
    #[error("the container state on standard input is not valid at line {line}, column {column}")]
    Malformed {
        /// The line where reading stopped, from 1.
        line: usize,
        /// The column where reading stopped, from 1.
        column: usize,
    },
    /// It names no process that could be entered.
    #[error("the container state names process {0}, which cannot be a container's")]
    Pid(i32),
    /// The container's id cannot be a file's name.
    #[error(transparent)]
    Id(#[from] container::Error),
}

/// A container's state at createRuntime.
#[derive(Debug)]
pub struct State {
    /// The container's id.
    pub id: ContainerId,
    /// The pid of its init in the namespace that the hook runs in.
    pub pid: i32,
    /// Its bundle, an absolute path.
    pub bundle: PathBuf,
}

impl State {
    /// Reads a state.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Wire {
            id: String,
            pid: i32,
            bundle: PathBuf,
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| Error::Malformed {
            line: error.line(),
            column: error.column(),
        })?;
        // Pid 1 is what the stages that must not be used are told.
        if wire.pid <= 1 {
            return Err(Error::Pid(wire.pid));
        }
        Ok(Self {
            id: ContainerId::try_from(OsString::from(wire.id))?,
            pid: wire.pid,
            bundle: wire.bundle,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_and_what_it_does_not_need_is_passed_over() {
        let text = r#"{"ociVersion":"1.0.2","id":"c1","status":"creating","pid":4711,
            "bundle":"/run/b","annotations":{"a":"b"}}"#;
        let state = State::from_json(text.as_bytes()).unwrap();
        assert_eq!((state.id.as_str(), state.pid), ("c1", 4711));
    }

    #[test]
    fn a_state_of_another_stage_is_refused() {
        for pid in [1, 0, -1] {
            let text = format!(r#"{{"id":"c1","pid":{pid},"bundle":"/run/b"}}"#);
            let error = State::from_json(text.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Pid(_)));
        }
    }
}
