//! A container that lives for one check, and is removed whatever comes of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum, HostConfig,
};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions};

use super::client::{Engine, PATIENT};
use super::error::EngineError;

/// How long the container may run, in seconds.
const RUNNING: u64 = 30;

/// How often it is looked at, in milliseconds.
const POLL: u64 = 50;

/// What to run.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The image, which must be here: it is not pulled.
    pub image: String,
    /// The runtime's name.
    pub runtime: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Annotations; engines before API 1.43 ignore them.
    pub annotations: HashMap<String, String>,
    /// Variables, as `NAME=value`.
    pub variables: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The program's exit code; `None` when it did not end in time.
    pub exit_code: Option<i64>,
    /// All that the engine tells of the container, as JSON.
    pub description: String,
}

impl Engine {
    /// Runs a container without a network, waits for its end, removes it.
    ///
    /// # Errors
    /// When the engine does not create or start it, with its reason.
    pub fn try_out(&self, trial: Trial) -> Result<Outcome, EngineError> {
        let docker = self.docker()?;
        let body = ContainerCreateBody {
            image: Some(trial.image),
            entrypoint: Some(trial.command),
            env: Some(trial.variables),
            host_config: Some(HostConfig {
                runtime: Some(trial.runtime),
                network_mode: Some("none".to_owned()),
                annotations: Some(trial.annotations).filter(|given| !given.is_empty()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let create = docker.create_container(None::<CreateContainerOptions>, body);
        let id = self.wait(PATIENT, "create a container", create)?.id;
        let outcome = self.run_to_its_end(&docker, &id);
        let by_force = RemoveContainerOptions {
            force: true,
            v: true,
            ..RemoveContainerOptions::default()
        };
        let remove = docker.remove_container(&id, Some(by_force));
        let removed = self.wait(PATIENT, "remove a container", remove);
        outcome.and_then(|outcome| removed.map(|()| outcome))
    }

    fn run_to_its_end(&self, docker: &Docker, id: &str) -> Result<Outcome, EngineError> {
        let start = docker.start_container(id, None);
        self.wait(PATIENT, "start a container", start)?;
        let begin = Instant::now();
        loop {
            let inspect = docker.inspect_container(id, None);
            let container = self.wait(PATIENT, "describe a container", inspect)?;
            let exit_code = exit_code(&container);
            if exit_code.is_some() || begin.elapsed().as_secs() >= RUNNING {
                let description = serde_json::to_string(&container)
                    .map_err(|error| EngineError::Client(error.to_string()))?;
                return Ok(Outcome {
                    exit_code,
                    description,
                });
            }
            std::thread::sleep(Duration::from_millis(POLL));
        }
    }
}

fn exit_code(container: &ContainerInspectResponse) -> Option<i64> {
    let state = container.state.as_ref()?;
    let ended = matches!(
        state.status,
        Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD)
    );
    state.exit_code.filter(|_| ended)
}
