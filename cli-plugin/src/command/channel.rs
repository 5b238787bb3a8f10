//! By which way a container is told its handle.

use std::path::Path;

use crate::docker::program;
use crate::engine::Engine;
use crate::engine::client::{ANNOTATIONS_SINCE, parse_version};
use crate::engine::installation::RUNTIME_NAME;
use crate::engine::registered::require_registered;
use crate::failure::Failure;
use crate::host::Host;

/// Pins the API version that the docker client speaks.
const API_VERSION: &str = "DOCKER_API_VERSION";

/// By which way the container is told its handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum HandleBy {
    /// An annotation, which no image can set.
    Annotation,
    /// A variable, for engines that know no annotations. Where docker is
    /// started by us its value is in docker's environment, and not on its
    /// command line.
    Variable,
}

impl HandleBy {
    /// The way that this engine and this client know.
    ///
    /// # Errors
    /// The engine does not answer, or has no such runtime.
    pub(super) fn known_to(
        engine: &Engine,
        docker: &Path,
        host: &Host,
        runtime: Option<&str>,
    ) -> Result<Self, Failure> {
        require_registered(engine, runtime.unwrap_or(RUNTIME_NAME))?;
        let api = engine.api_version()?;
        // The client goes no higher than its user lets it.
        let pinned = host.text_variable(API_VERSION);
        let pinned = pinned.as_deref().and_then(parse_version);
        let api = pinned.map_or(api, |pinned| api.min(pinned));
        let annotated = api >= ANNOTATIONS_SINCE && program::knows_annotations(docker, host);
        tracing::debug!(?api, annotated, docker = %docker.display(), "asked the engine");
        Ok(if annotated {
            Self::Annotation
        } else {
            Self::Variable
        })
    }
}
