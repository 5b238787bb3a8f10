//! The request in a ticket: what is needed to resolve it again, long after
//! the shell it was made in is gone. Opaque to the engine's side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::agent::Agent;
use crate::host::Host;
use crate::launch::LaunchId;

/// The version of the request's schema that this build writes and reads.
const VERSION: u32 = 2;

/// What was asked for at launch. Holds no secret.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    version: u32,
    /// What was to be started.
    pub subject: Subject,
    /// The launch, whose record is kept up to date.
    pub launch: LaunchId,
    /// The workspace, decided at launch from a flag or the folder.
    pub workspace: Option<String>,
    /// The mode of each agent at the last start, by their words.
    pub modes: BTreeMap<String, String>,
    /// The fingerprint of each host login that was looked at then, by the
    /// agents' words: it tells whether the host's has changed since.
    pub logins: BTreeMap<String, String>,
    /// The source of each variable at the last start, as `Prepared::sources` has it.
    pub sources: BTreeMap<String, String>,
    /// Variables that the user gave to docker by flag.
    pub given: BTreeSet<String>,
    /// The socket of the engine it was launched on; `None` where nothing was
    /// written down of the launch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// The configuration's file.
    pub config_file: PathBuf,
    /// The user's home folder.
    pub home: PathBuf,
    /// Where logins lie, as far as variables said so.
    pub places: BTreeMap<String, PathBuf>,
}

/// What was to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A role, with the agents that the configuration gives it by then.
    Role(String),
    /// Agents that were named outright, in an image that perhaps was.
    Image {
        /// The image, as docker was given it; `None` for any.
        image: Option<String>,
        /// The agents by their words.
        agents: Vec<String>,
    },
}

impl Subject {
    /// The role, if it is one.
    pub fn role(&self) -> Option<&str> {
        match self {
            Self::Role(role) => Some(role),
            Self::Image { .. } => None,
        }
    }
}

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRequest {
    /// It is none, or of another version.
    #[error("the request is not one of version {VERSION}; start the container anew")]
    Version,
}

impl Request {
    /// The request for a container, with what `host` says of places; without
    /// a workspace, modes or given variables yet.
    pub fn new(subject: Subject, launch: LaunchId, config_file: PathBuf, host: &Host) -> Self {
        let place = |name: &str| {
            let value = host.path_variable(name)?;
            // Relative to the folder of the launch, which will not be known.
            let value = host.folder().join(value);
            Some((name.to_owned(), value))
        };
        Self {
            version: VERSION,
            subject,
            launch,
            workspace: None,
            modes: BTreeMap::new(),
            logins: BTreeMap::new(),
            sources: BTreeMap::new(),
            given: BTreeSet::new(),
            socket: None,
            config_file,
            home: host.home().to_owned(),
            places: Agent::ALL
                .iter()
                .flat_map(|agent| agent.description().place_variables)
                .filter_map(|name| place(name))
                .collect(),
        }
    }

    /// The machine as the request remembers it: no shell, no folder.
    pub fn host(&self) -> Host {
        let places = self.places.iter();
        let places = places.map(|(name, place)| (name.clone(), place.display().to_string()));
        Host::new(&self.home, "/", places)
    }

    /// The request as it stands in a ticket.
    ///
    /// # Errors
    /// A path in it is no UTF-8.
    pub fn to_raw(&self) -> Result<Box<RawValue>, serde_json::Error> {
        serde_json::value::to_raw_value(self)
    }

    /// The request from a ticket.
    pub fn from_raw(raw: &RawValue) -> Result<Self, InvalidRequest> {
        let request: Self = serde_json::from_str(raw.get()).map_err(|_| InvalidRequest::Version)?;
        if request.version != VERSION {
            return Err(InvalidRequest::Version);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch() -> LaunchId {
        LaunchId::try_from("0123456789abcdef".to_owned()).unwrap()
    }

    #[test]
    fn scenario_31_a_request_remembers_where_logins_lie_and_no_other_variable() {
        let variables = [
            ("CLAUDE_CONFIG_DIR".to_owned(), "conf".to_owned()),
            ("SECRET".to_owned(), "canary".to_owned()),
        ];
        let host = Host::new("/home/me", "/srv", variables);
        let subject = Subject::Role("web".to_owned());
        let request = Request::new(subject, launch(), "/c.toml".into(), &host);
        let raw = request.to_raw().unwrap();
        assert!(!raw.get().contains("canary"));
        let again = Request::from_raw(&raw).unwrap();
        assert_eq!(again, request);
        let later = again.host();
        let place = later.path_variable("CLAUDE_CONFIG_DIR");
        assert_eq!(place.as_deref(), Some(std::path::Path::new("/srv/conf")));
    }

    #[test]
    fn a_request_for_an_image_remembers_its_agents() {
        let subject = Subject::Image {
            image: Some("img:1".to_owned()),
            agents: vec!["codex".to_owned()],
        };
        let host = Host::new("/home/me", "/srv", []);
        let request = Request::new(subject.clone(), launch(), "/c.toml".into(), &host);
        let again = Request::from_raw(&request.to_raw().unwrap()).unwrap();
        assert_eq!((again.subject.role(), &again.subject), (None, &subject));
    }

    #[test]
    fn a_request_of_another_version_is_refused_with_what_to_do() {
        let first = r#"{"version":1,"role":"web","workspace":null,"modes":{},"given":[],"config_file":"/c","home":"/h","places":{}}"#;
        let host = Host::new("/home/me", "/srv", []);
        let subject = Subject::Role("web".to_owned());
        let current = Request::new(subject, launch(), "/c.toml".into(), &host);
        let current = current.to_raw().unwrap().get().to_owned();
        let next = current.replace(r#""version":2"#, r#""version":3"#);
        assert_ne!(next, current);
        for text in ["{}", "7", first, &next] {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            let error = Request::from_raw(&raw).unwrap_err().to_string();
            assert!(error.ends_with("start the container anew"), "{error}");
        }
    }
}
