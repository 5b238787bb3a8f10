//! The engine's containers that carry a label: listed, described, stopped,
//! removed.

use std::collections::{BTreeMap, HashMap};

use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerSummary};
use bollard::query_parameters::{
    ListContainersOptions, RemoveContainerOptions, StopContainerOptions,
};

use super::client::{Engine, PATIENT};
use super::error::EngineError;

/// A container in the engine's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id in full.
    pub id: String,
    /// Its name, without the leading slash.
    pub name: String,
    /// Its state in one word, such as `running` or `exited`.
    pub state: String,
    /// Its state for people, such as `Up 3 hours`.
    pub status: String,
    /// When it was created, in seconds since 1970.
    pub created: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A container as the engine describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its id in full.
    pub id: String,
    /// Its name, without the leading slash.
    pub name: String,
    /// Its state in one word, such as `running` or `exited`.
    pub state: String,
    /// The runtime it was created with.
    pub runtime: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// The containers, running or not, with this label (`name=value`), the
    /// oldest first.
    ///
    /// # Errors
    /// The engine does not list them within so many seconds.
    pub fn labelled(&self, label: &str, seconds: u64) -> Result<Vec<Listed>, EngineError> {
        let filter = ("label".to_owned(), vec![label.to_owned()]);
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([filter])),
            ..ListContainersOptions::default()
        };
        let docker = self.docker()?;
        let task = "list its containers";
        let listed = self.wait(seconds, task, docker.list_containers(Some(options)))?;
        let mut listed: Vec<_> = listed.into_iter().map(Listed::from).collect();
        listed.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
        Ok(listed)
    }

    /// The container of that name or id; `None` when there is none.
    ///
    /// # Errors
    /// The engine does not describe it within 60 s.
    pub fn describe(&self, name: &str) -> Result<Option<Described>, EngineError> {
        let docker = self.docker()?;
        self.wait(PATIENT, "describe a container", async {
            match docker.inspect_container(name, None).await {
                Err(error) if is_gone(&error) => Ok(None),
                other => other.map(|described| Some(described.into())),
            }
        })
    }

    /// Asks a container to end, and kills it after so many seconds; one that
    /// has ended or is gone stays so.
    ///
    /// # Errors
    /// The engine does not stop it within that time and 60 s more.
    pub fn stop(&self, id: &str, grace: u16) -> Result<(), EngineError> {
        let docker = self.docker()?;
        let options = StopContainerOptions {
            t: Some(i32::from(grace)),
            ..StopContainerOptions::default()
        };
        self.wait(PATIENT + u64::from(grace), "stop a container", async {
            match docker.stop_container(id, Some(options)).await {
                Err(error) if is_gone(&error) => Ok(()),
                other => other,
            }
        })
    }

    /// Removes a container, killing it when it runs again by now; its
    /// volumes stay. One that is gone stays so.
    ///
    /// # Errors
    /// The engine does not remove it within 60 s.
    pub fn remove(&self, id: &str) -> Result<(), EngineError> {
        let docker = self.docker()?;
        let options = RemoveContainerOptions {
            force: true,
            ..RemoveContainerOptions::default()
        };
        self.wait(PATIENT, "remove a container", async {
            match docker.remove_container(id, Some(options)).await {
                // One that was started with --rm is being removed already.
                Err(error) if is_gone(&error) => Ok(()),
                other => other,
            }
        })
    }
}

/// Whether the engine says that there is no such container, that it is in
/// that state already, or that it is being removed.
fn is_gone(error: &Error) -> bool {
    matches!(
        error,
        Error::DockerResponseServerError {
            status_code: 304 | 404 | 409,
            ..
        }
    )
}

impl From<ContainerSummary> for Listed {
    fn from(listed: ContainerSummary) -> Self {
        let names = listed.names.unwrap_or_default();
        // Links of other containers are names too, with a slash in them.
        let own = names.iter().filter_map(|name| name.strip_prefix('/'));
        let own = own.filter(|name| !name.contains('/')).min();
        let created = listed.created.and_then(|at| u64::try_from(at).ok());
        let state = listed.state.map(|state| state.to_string());
        Self {
            name: own.unwrap_or_default().to_owned(),
            id: listed.id.unwrap_or_default(),
            state: state.unwrap_or_default(),
            status: listed.status.unwrap_or_default(),
            created: created.unwrap_or_default(),
            labels: listed.labels.unwrap_or_default().into_iter().collect(),
        }
    }
}

impl From<ContainerInspectResponse> for Described {
    fn from(described: ContainerInspectResponse) -> Self {
        let name = described.name.unwrap_or_default();
        let state = described.state.and_then(|state| state.status);
        let config = described.config.and_then(|config| config.labels);
        let host = described.host_config.and_then(|host| host.runtime);
        Self {
            id: described.id.unwrap_or_default(),
            name: name.trim_start_matches('/').to_owned(),
            state: state.map(|state| state.to_string()).unwrap_or_default(),
            runtime: host.unwrap_or_default(),
            labels: config.unwrap_or_default().into_iter().collect(),
        }
    }
}
