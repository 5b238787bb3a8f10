//! Asking the runtime of a container something by a command that it takes for
//! a question, and refuses to start.

use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions};

use super::client::{Engine, PATIENT};
use super::error::EngineError;

impl Engine {
    /// The words with which a container's runtime refuses to start a command;
    /// `None` when it has started it.
    ///
    /// # Errors
    /// The engine does not pass the command on, or gives no answer within 60 s.
    pub fn refusal(&self, container: &str, command: &str) -> Result<Option<String>, EngineError> {
        let docker = self.docker()?;
        let options = CreateExecOptions {
            cmd: Some(vec![command]),
            ..CreateExecOptions::default()
        };
        let task = "start a command in a container";
        let made = self.wait(PATIENT, task, docker.create_exec(container, options))?;
        // Detached: else the answer would be part of the command's output.
        let options = StartExecOptions {
            detach: true,
            ..StartExecOptions::default()
        };
        self.wait(PATIENT, task, async {
            match docker.start_exec(&made.id, Some(options)).await {
                Ok(_) => Ok(None),
                Err(Error::DockerResponseServerError { message, .. }) => Ok(Some(message)),
                Err(error) => Err(error),
            }
        })
    }
}
