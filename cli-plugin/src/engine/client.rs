//! A blocking client of the engine's API, with errors for people.
//!
//! bollard speaks to the engine; the runtime it needs is kept in here, so the
//! rest of the program stays free of `async`.

use std::future::Future;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::ListContainersOptions;
use bollard::{ClientVersion, Docker};
use hyper_util::rt::TokioIo;

use super::context::Elsewhere;
use super::endpoint::Endpoint;
use super::error::EngineError;

/// How long the engine may take for its version, in seconds: a launch waits.
const QUICK: u64 = 10;

/// How long it may take for anything else, in seconds.
pub const PATIENT: u64 = 60;

/// The first API version that takes annotations (Docker 24).
pub const ANNOTATIONS_SINCE: (u32, u32) = (1, 43);

/// An engine on this machine that has answered the door.
pub struct Engine {
    socket: PathBuf,
    runtime: tokio::runtime::Runtime,
}

/// Reaches the engine behind a socket of this machine.
///
/// Only the socket is opened here, so an engine that is down or that does not
/// let us in is told from one that is slow.
///
/// # Errors
/// [`EngineError::Unreachable`] when nothing answers or access is denied, and
/// [`EngineError::Elsewhere`] for an endpoint that is no socket.
pub fn connect(endpoint: &Endpoint) -> Result<Engine, EngineError> {
    let Endpoint::Unix(socket) = endpoint else {
        return Err(EngineError::Elsewhere {
            context: endpoint.to_string(),
            elsewhere: Elsewhere::AnotherMachine(endpoint.clone()),
        });
    };
    UnixStream::connect(socket).map_err(|reason| EngineError::Unreachable {
        socket: socket.clone(),
        reason,
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| EngineError::Client(error.to_string()))?;
    Ok(Engine {
        socket: socket.clone(),
        runtime,
    })
}

/// What the engine says of itself, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// Its version, such as `26.1.5`.
    pub version: String,
    /// The system it runs on; `Docker Desktop` for the one in a VM.
    pub operating_system: String,
    /// The names of its runtimes, sorted, each with its program.
    pub runtimes: Vec<(String, Option<PathBuf>)>,
    /// The runtime for containers that name none.
    pub default_runtime: String,
    /// Its security options, such as `name=rootless`.
    pub security_options: Vec<String>,
    /// Where it keeps its data.
    pub root_folder: PathBuf,
    /// Where it looks for CDI devices: nowhere, where that is off.
    pub cdi_folders: Vec<PathBuf>,
}

impl EngineInfo {
    /// The program registered under a runtime's name.
    pub fn runtime(&self, name: &str) -> Option<&Path> {
        let (_, path) = self.runtimes.iter().find(|(known, _)| known == name)?;
        path.as_deref()
    }

    /// Whether it runs without root, with the user's own configuration.
    pub fn is_rootless(&self) -> bool {
        self.security_options
            .iter()
            .any(|option| option == "name=rootless")
    }
}

/// A container that uses one of the runtimes asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeUser {
    /// Its name, without the leading slash.
    pub name: String,
    /// Its id in full.
    pub id: String,
    /// Its state in the engine's words, such as `running` or `exited`.
    pub state: String,
    /// The runtime it was created with.
    pub runtime: String,
}

impl Engine {
    /// The socket it listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The same by the path that leads to it without links: one engine is
    /// often called by several.
    pub fn real_socket(&self) -> PathBuf {
        let real = self.socket.canonicalize();
        real.unwrap_or_else(|_| self.socket.clone())
    }

    /// The API's version, as (major, minor).
    ///
    /// It comes from the header of `/_ping`: `/version` makes the engine start
    /// its runtime and its init to ask for theirs, and a launch waits for it.
    ///
    /// # Errors
    /// When it does not answer within 10 s, or answers no version.
    pub fn api_version(&self) -> Result<(u32, u32), EngineError> {
        let task = "tell its API version";
        self.wait(QUICK, task, ping(&self.socket))
            .and_then(|header| {
                let version = header.as_deref().and_then(parse_version);
                version.ok_or_else(|| self.refused(task, "it names none"))
            })
    }

    /// What the engine says of itself.
    ///
    /// # Errors
    /// When it does not answer within 60 s.
    pub fn info(&self) -> Result<EngineInfo, EngineError> {
        let docker = self.docker()?;
        let task = "describe itself";
        let info = self.wait(PATIENT, task, async move { docker.info().await })?;
        let mut runtimes: Vec<_> = info
            .runtimes
            .unwrap_or_default()
            .into_iter()
            .map(|(name, runtime)| (name, runtime.path.map(PathBuf::from)))
            .collect();
        runtimes.sort();
        Ok(EngineInfo {
            version: info.server_version.unwrap_or_default(),
            operating_system: info.operating_system.unwrap_or_default(),
            runtimes,
            default_runtime: info.default_runtime.unwrap_or_default(),
            security_options: info.security_options.unwrap_or_default(),
            root_folder: info.docker_root_dir.unwrap_or_default().into(),
            cdi_folders: info
                .cdi_spec_dirs
                .unwrap_or_default()
                .into_iter()
                .map(PathBuf::from)
                .collect(),
        })
    }

    /// The containers, running or not, that were created with one of `runtimes`.
    ///
    /// # Errors
    /// When the engine does not list or describe them within 60 s each.
    pub fn containers_using(&self, runtimes: &[String]) -> Result<Vec<RuntimeUser>, EngineError> {
        let users = self.described()?.into_iter().map(|(id, container)| {
            let state = container.state.and_then(|state| state.status);
            let host = container.host_config;
            RuntimeUser {
                name: shown_name(container.name).unwrap_or_default(),
                state: state.map_or_else(|| "unknown".to_owned(), |status| status.to_string()),
                runtime: host.and_then(|host| host.runtime).unwrap_or_default(),
                id,
            }
        });
        Ok(users
            .filter(|user| runtimes.contains(&user.runtime))
            .collect())
    }

    /// The names of the containers, running or not, that were given a CDI
    /// device, such as `vendor.com/class=name`.
    ///
    /// # Errors
    /// When the engine does not list or describe them within 60 s each.
    pub fn containers_with_device(&self, device: &str) -> Result<Vec<String>, EngineError> {
        let mut names = Vec::new();
        for (id, container) in self.described()? {
            let requests = container.host_config.and_then(|host| host.device_requests);
            let mut devices = requests
                .into_iter()
                .flatten()
                .flat_map(|request| request.device_ids.unwrap_or_default());
            if devices.any(|given| given == device) {
                names.push(shown_name(container.name).unwrap_or(id));
            }
        }
        Ok(names)
    }

    /// Every container, running or not, by its id; the list alone does not name
    /// runtimes and devices. One that is gone by then is left out.
    fn described(&self) -> Result<Vec<(String, ContainerInspectResponse)>, EngineError> {
        let docker = self.docker()?;
        let all = ListContainersOptions {
            all: true,
            ..ListContainersOptions::default()
        };
        let task = "list its containers";
        let listed = self.wait(PATIENT, task, docker.list_containers(Some(all)))?;
        let mut described = Vec::new();
        for id in listed.into_iter().filter_map(|container| container.id) {
            let answer = self.wait(PATIENT, "describe a container", async {
                match docker.inspect_container(&id, None).await {
                    Err(Error::DockerResponseServerError {
                        status_code: 404, ..
                    }) => Ok(None),
                    other => other.map(Some),
                }
            })?;
            described.extend(answer.map(|container| (id, container)));
        }
        Ok(described)
    }

    /// A bollard client that speaks the engine's own version of the API.
    pub(super) fn docker(&self) -> Result<Docker, EngineError> {
        let (major, minor) = self.api_version()?;
        let newest = bollard::API_DEFAULT_VERSION;
        let version = ClientVersion {
            major_version: (major as usize).min(newest.major_version),
            minor_version: (minor as usize).min(newest.minor_version),
        };
        let socket = self.socket.to_string_lossy();
        Docker::connect_with_unix(&socket, PATIENT, &version)
            .map_err(|error| EngineError::Client(error.to_string()))
    }

    /// Waits for an answer for so many seconds, and turns trouble into words.
    pub(super) fn wait<T, E: std::fmt::Display>(
        &self,
        seconds: u64,
        task: &'static str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, EngineError> {
        let limit = Duration::from_secs(seconds);
        self.runtime
            .block_on(async { tokio::time::timeout(limit, answer).await })
            .map_err(|_| EngineError::TimedOut {
                socket: self.socket.clone(),
                task,
                seconds,
            })?
            .map_err(|error| self.refused(task, &error))
    }

    fn refused(&self, task: &'static str, reason: impl std::fmt::Display) -> EngineError {
        EngineError::Refused {
            socket: self.socket.clone(),
            task,
            reason: reason.to_string(),
        }
    }
}

/// The `Api-Version` header of the engine's `/_ping`.
async fn ping(socket: &Path) -> Result<Option<String>, String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let stream = tokio::net::UnixStream::connect(socket).await;
    let stream = TokioIo::new(stream.map_err(|error| say(&error))?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(|error| say(&error))?;
    let request = hyper::Request::get("/_ping")
        .header(hyper::header::HOST, "docker")
        .body(String::new())
        .map_err(|error| say(&error))?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await;
    driver.abort();
    let response = response.map_err(|error| say(&error))?;
    let header = response.headers().get("api-version");
    Ok(header
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned))
}

/// Reads `1.45` as (1, 45).
pub fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A container's name as people write it.
fn shown_name(name: Option<String>) -> Option<String> {
    name.map(|name| name.trim_start_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    /// An engine that gives one answer to one request.
    fn stand_in(folder: &Path, answer: &'static str) -> Endpoint {
        let socket = folder.join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            // The first connection is the one that only knocks.
            drop(listener.accept());
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /_ping HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        Endpoint::Unix(socket)
    }

    #[test]
    fn the_api_version_is_the_one_in_the_header() {
        let folder = tempfile::tempdir().unwrap();
        let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nContent-Length: 2\r\n\r\nOK";
        let engine = connect(&stand_in(folder.path(), answer)).unwrap();
        assert_eq!(engine.api_version().unwrap(), (1, 45));
    }

    #[test]
    fn an_answer_without_a_version_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
        let engine = connect(&stand_in(folder.path(), answer)).unwrap();
        let error = engine.api_version().unwrap_err().to_string();
        assert!(
            error.ends_with("did not tell its API version: it names none"),
            "{error}"
        );
    }

    #[test]
    fn a_socket_that_is_not_there_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("none.sock");
        let Err(error) = connect(&Endpoint::Unix(socket.clone())) else {
            panic!("connected to nothing");
        };
        let failure = crate::failure::Failure::from(error);
        assert_eq!(failure.exit_code(), 125);
        let text = failure.to_string();
        assert!(text.starts_with(&format!(
            "cannot reach the engine at unix://{}",
            socket.display()
        )));
        assert!(text.contains("is it running?"), "{text}");
    }

    #[test]
    fn a_socket_that_denies_access_says_how_to_get_it() {
        let error = EngineError::Unreachable {
            socket: "/run/docker.sock".into(),
            reason: std::io::ErrorKind::PermissionDenied.into(),
        };
        let text = crate::failure::Failure::from(error).to_string();
        assert!(
            text.contains("membership in the group that owns /run/docker.sock"),
            "{text}"
        );
    }

    #[test]
    fn an_endpoint_that_is_no_socket_is_refused() {
        let Err(error) = connect(&Endpoint::Tcp("build:2376".into())) else {
            panic!("connected to another machine");
        };
        assert!(matches!(error, EngineError::Elsewhere { .. }), "{error}");
    }
}
