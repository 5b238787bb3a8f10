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
    /// It names no process at all, as that of a stopped container.
    #[error("the container state names no process; the hook is one for createRuntime")]
    NoPid,
    /// The container's id cannot be a file's name.
    #[error(transparent)]
    Id(#[from] container::Error),
}

/// A container's state.
#[derive(Debug)]
pub struct State {
    /// The container's id.
    pub id: ContainerId,
    /// The pid of its init in the namespace that the hook runs in; a stopped
    /// container has none.
    pub pid: Option<i32>,
    /// Its bundle, an absolute path.
    pub bundle: PathBuf,
}

impl State {
    /// Reads a state.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Wire {
            id: String,
            #[serde(default)]
            pid: Option<i32>,
            #[serde(default)]
            status: String,
            bundle: PathBuf,
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| Error::Malformed {
            line: error.line(),
            column: error.column(),
        })?;
        let pid = match wire.pid {
            // runc says 0 at poststop, where crun says nothing.
            None | Some(0) => None,
            Some(_) if wire.status == "stopped" => None,
            // Pid 1 is what the stages that must not be used are told.
            Some(pid) if pid <= 1 => return Err(Error::Pid(pid)),
            pid => pid,
        };
        Ok(Self {
            id: ContainerId::try_from(OsString::from(wire.id))?,
            pid,
            bundle: wire.bundle,
        })
    }

    /// The pid of its init.
    ///
    /// # Errors
    /// The container is stopped.
    pub fn init(&self) -> Result<i32, Error> {
        self.pid.ok_or(Error::NoPid)
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
        assert_eq!((state.id.as_str(), state.pid), ("c1", Some(4711)));
    }

    #[test]
    fn a_state_of_another_stage_is_refused() {
        for pid in [1, -1] {
            let text = format!(r#"{{"id":"c1","pid":{pid},"bundle":"/run/b"}}"#);
            let error = State::from_json(text.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Pid(_)));
        }
    }

    #[test]
    fn a_stopped_container_has_no_process_that_could_be_entered() {
        for text in [
            r#"{"id":"c1","status":"stopped","bundle":"/run/b"}"#,
            r#"{"id":"c1","status":"stopped","pid":0,"bundle":"/run/b"}"#,
            r#"{"id":"c1","status":"stopped","pid":4711,"bundle":"/run/b"}"#,
            r#"{"id":"c1","status":"creating","pid":0,"bundle":"/run/b"}"#,
        ] {
            let state = State::from_json(text.as_bytes()).unwrap();
            assert!(matches!(state.init(), Err(Error::NoPid)), "{text}");
        }
    }
}
