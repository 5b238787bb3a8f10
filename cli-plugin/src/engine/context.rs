//! Which engine is meant: docker contexts, resolved in docker's own order.
//!
//! The order is that of docker/cli's `resolveContextName`: `--context`,
//! `--host`, `DOCKER_HOST`, `DOCKER_CONTEXT`, `currentContext` of
//! `config.json`, and then the context `default`. The tests hold it against
//! the docker client itself.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::endpoint::Endpoint;
use super::error::EngineError;
use crate::plugin::global_flags::GlobalFlags;

/// The name that stands for no context of the store.
const DEFAULT_CONTEXT: &str = "default";

/// What a resolution depends on, handed in so that it stays a function.
pub struct Surroundings<'a> {
    /// Docker's flags before the word `jackin`.
    pub flags: &'a GlobalFlags,
    /// Reads a variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Surroundings<'_> {
    /// A variable that is set and not empty, as docker reads its own.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The client's configuration folder: `--config`, `DOCKER_CONFIG`, or
    /// `.docker` in the home folder.
    pub fn config_folder(&self) -> PathBuf {
        self.flags
            .config
            .clone()
            .or_else(|| self.variable("DOCKER_CONFIG").map(PathBuf::from))
            .unwrap_or_else(|| {
                PathBuf::from(self.variable("HOME").unwrap_or_default()).join(".docker")
            })
    }
}

/// The engine that is meant, and why that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The context's name.
    pub context: String,
    /// What chose it.
    pub chosen_by: ChosenBy,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What proves both sides to each other, for an endpoint over TCP.
    pub tls: TlsMaterial,
}

/// What decided on an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// `--context`.
    ContextFlag,
    /// `--host`.
    HostFlag,
    /// The variable `DOCKER_HOST`.
    HostVariable,
    /// The variable `DOCKER_CONTEXT`.
    ContextVariable,
    /// `currentContext` of the client's `config.json`.
    CurrentContext,
    /// Nothing: it is docker's default.
    Default,
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContextFlag => "from --context",
            Self::HostFlag => "from --host",
            Self::HostVariable => "from DOCKER_HOST",
            Self::ContextVariable => "from DOCKER_CONTEXT",
            Self::CurrentContext => "from currentContext in docker's config.json",
            Self::Default => "by default",
        })
    }
}

/// Files for a TLS connection; `None` where docker would use none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsMaterial {
    /// The authority that signed the engine's certificate.
    pub ca: Option<PathBuf>,
    /// Our certificate.
    pub cert: Option<PathBuf>,
    /// Our certificate's key.
    pub key: Option<PathBuf>,
    /// Whether the engine's certificate is taken unseen.
    pub skip_verify: bool,
}

/// Where an engine is that is not on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Elsewhere {
    /// Over the network, through ssh or a pipe.
    AnotherMachine(Endpoint),
    /// In the virtual machine of Docker Desktop, which has its own files.
    DockerDesktop,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnotherMachine(endpoint) => write!(
                f,
                "{endpoint}, another machine whose engine cannot read a ticket written here"
            ),
            Self::DockerDesktop => f.write_str(
                "Docker Desktop, whose engine runs in a virtual machine and cannot read a ticket \
                 written here",
            ),
        }
    }
}

impl Target {
    /// Where the engine is, when it is not on this machine.
    pub fn elsewhere(&self) -> Option<Elsewhere> {
        let Endpoint::Unix(socket) = &self.endpoint else {
            return Some(Elsewhere::AnotherMachine(self.endpoint.clone()));
        };
        // Docker Desktop listens at ~/.docker/desktop/docker.sock on Linux
        // and at ~/.docker/run/docker.sock on macOS.
        let socket = socket.to_string_lossy();
        let desktop = self.context == "desktop-linux"
            || socket.contains("/.docker/desktop/")
            || socket.contains("/.docker/run/");
        desktop.then_some(Elsewhere::DockerDesktop)
    }

    /// Whether the engine shares this machine's files with us.
    pub fn is_local(&self) -> bool {
        self.elsewhere().is_none()
    }

    /// The endpoint, when the engine is on this machine.
    ///
    /// # Errors
    /// [`EngineError::Elsewhere`] when it is not.
    pub fn local(&self) -> Result<&Endpoint, EngineError> {
        match self.elsewhere() {
            None => Ok(&self.endpoint),
            Some(elsewhere) => Err(EngineError::Elsewhere {
                context: self.context.clone(),
                elsewhere,
            }),
        }
    }
}

/// Finds the engine that docker's own client would use here.
///
/// # Errors
/// When flags contradict each other, or the chosen context is missing or
/// cannot be read.
pub fn resolve(around: &Surroundings<'_>) -> Result<Target, EngineError> {
    if around.flags.context.is_some() && !around.flags.hosts.is_empty() {
        return Err(EngineError::HostAndContext);
    }
    let (name, chosen_by) = choose(around);
    if name == DEFAULT_CONTEXT {
        return default_target(around, chosen_by);
    }
    stored_target(&around.config_folder(), name, chosen_by)
}

/// Decides on a context's name.
fn choose(around: &Surroundings<'_>) -> (String, ChosenBy) {
    let flags = around.flags;
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    if let Some(name) = given(&flags.context) {
        return (name, ChosenBy::ContextFlag);
    }
    if !flags.hosts.is_empty() {
        return (DEFAULT_CONTEXT.to_owned(), ChosenBy::HostFlag);
    }
    if around.variable("DOCKER_HOST").is_some() {
        return (DEFAULT_CONTEXT.to_owned(), ChosenBy::HostVariable);
    }
    if let Some(name) = around.variable("DOCKER_CONTEXT") {
        return (name, ChosenBy::ContextVariable);
    }
    match current_context(&around.config_folder()) {
        Some(name) => (name, ChosenBy::CurrentContext),
        None => (DEFAULT_CONTEXT.to_owned(), ChosenBy::Default),
    }
}

/// `currentContext` of the client's configuration. As docker does, a file
/// that cannot be read counts as one that says nothing.
fn current_context(config_folder: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct ClientConfig {
        #[serde(rename = "currentContext")]
        current_context: Option<String>,
    }
    let text = std::fs::read(config_folder.join("config.json")).ok()?;
    let config: ClientConfig = serde_json::from_slice(&text).ok()?;
    config.current_context.filter(|name| !name.is_empty())
}

/// The context `default`: what `--host` and the environment say.
fn default_target(around: &Surroundings<'_>, chosen_by: ChosenBy) -> Result<Target, EngineError> {
    // `--context default` still leaves the address to DOCKER_HOST.
    let address = match around.flags.hosts.as_slice() {
        [] => around.variable("DOCKER_HOST").unwrap_or_default(),
        [host] => host.clone(),
        _ => return Err(EngineError::SeveralHosts),
    };
    let endpoint = Endpoint::parse(&address).ok_or(EngineError::Address { address, chosen_by })?;
    Ok(Target {
        context: DEFAULT_CONTEXT.to_owned(),
        chosen_by,
        endpoint,
        tls: default_tls(around),
    })
}

/// TLS as flags and variables have it, with docker's default file names.
fn default_tls(around: &Surroundings<'_>) -> TlsMaterial {
    let flags = around.flags;
    let verify = flags.tls_verify || around.variable("DOCKER_TLS_VERIFY").is_some();
    let wanted = flags.tls || verify || around.variable("DOCKER_TLS").is_some();
    if !wanted {
        return TlsMaterial::default();
    }
    let folder = around
        .variable("DOCKER_CERT_PATH")
        .map_or_else(|| around.config_folder(), PathBuf::from);
    let file = |flag: &Option<PathBuf>, name: &str| {
        let default = || Some(folder.join(name)).filter(|path| path.exists());
        flag.clone().or_else(default)
    };
    TlsMaterial {
        ca: file(&flags.tls_ca, "ca.pem"),
        cert: file(&flags.tls_cert, "cert.pem"),
        key: file(&flags.tls_key, "key.pem"),
        skip_verify: !verify,
    }
}

/// What `meta.json` says of a context, as far as we read it.
#[derive(Deserialize)]
struct StoredContext {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Endpoints")]
    endpoints: StoredEndpoints,
}

#[derive(Deserialize)]
struct StoredEndpoints {
    docker: Option<StoredEndpoint>,
}

#[derive(Deserialize)]
struct StoredEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

/// A context of docker's store below the client's configuration folder.
fn stored_target(
    config_folder: &Path,
    name: String,
    chosen_by: ChosenBy,
) -> Result<Target, EngineError> {
    let digest = hex::encode(Sha256::digest(&name));
    let contexts = config_folder.join("contexts");
    let path = contexts.join("meta").join(&digest).join("meta.json");
    let stored = read_stored(&path, &name, chosen_by)?;
    let endpoint = Endpoint::parse(&stored.host).ok_or(EngineError::Address {
        address: stored.host,
        chosen_by,
    })?;
    let tls_folder = contexts.join("tls").join(&digest).join("docker");
    let file = |name: &str| Some(tls_folder.join(name)).filter(|path| path.exists());
    Ok(Target {
        context: name,
        chosen_by,
        endpoint,
        tls: TlsMaterial {
            ca: file("ca.pem"),
            cert: file("cert.pem"),
            key: file("key.pem"),
            skip_verify: stored.skip_tls_verify,
        },
    })
}

/// Reads a context's `meta.json`.
fn read_stored(
    path: &Path,
    name: &str,
    chosen_by: ChosenBy,
) -> Result<StoredEndpoint, EngineError> {
    let unreadable = |reason: String| EngineError::UnreadableContext {
        name: name.to_owned(),
        path: path.to_owned(),
        reason,
    };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(EngineError::NoContext {
                name: name.to_owned(),
                chosen_by,
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let stored: StoredContext =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    if stored.name != name {
        return Err(unreadable(format!("it describes {:?}", stored.name)));
    }
    stored
        .endpoints
        .docker
        .ok_or_else(|| unreadable("it has no docker endpoint".to_owned()))
}

#[cfg(test)]
mod tests;
