//! What the engine knows of a container, learnt from the container's
//! `config.json` and from the engine's own files: its image, and whether an
//! image could have asked in its user's stead.
//!
//! The files are the engine's. One that is missing or odd says "not known".

mod docker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::container::ContainerId;
use crate::file;
use crate::spec::{Invalid, Spec};

/// The largest file of an engine's that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// The engine's own record of a container.
#[derive(Debug)]
pub struct EngineRecord {
    /// Which engine it is.
    pub engine: Engine,
    /// A path that exists for as long as the engine knows the container.
    pub alive: PathBuf,
    /// The image reference it was created from, to the letter.
    pub image: Option<String>,
    /// The image's id, `sha256:…`, where the engine's store tells.
    pub image_id: Option<String>,
    /// The variables that the image sets, where the engine's store tells.
    pub image_env: Option<Vec<String>>,
    /// The annotations of the image's manifest, where the engine's store tells.
    pub image_annotations: Option<BTreeMap<String, String>>,
    /// Whether only the engine's user can have set the container's annotations:
    /// `false` where the engine copies those of images, or is not known.
    pub annotations_are_the_users: bool,
    /// Whether it is no container of the user's, but the one that holds a
    /// pod's namespaces.
    pub sandbox: bool,
}

/// The engines whose files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker, rootful or rootless.
    Docker,
    /// Any other: no more than the bundle is known.
    Unknown,
}

impl EngineRecord {
    /// Finds what is known of a container.
    pub fn find(spec: &Spec<'_>, bundle: &Path, id: &ContainerId) -> Result<Self, Invalid> {
        let sources = spec.mount_sources()?;
        if let Some(record) = docker::find(&sources, id) {
            return Ok(record);
        }
        Ok(Self::of(Engine::Unknown, bundle))
    }

    /// A record of which nothing but the engine is known.
    fn of(engine: Engine, alive: &Path) -> Self {
        Self {
            engine,
            alive: alive.to_owned(),
            image: None,
            image_id: None,
            image_env: None,
            image_annotations: None,
            annotations_are_the_users: engine == Engine::Docker,
            sandbox: false,
        }
    }

    /// Whether the image itself sets a variable to this value.
    pub fn image_sets(&self, name: &str, value: &str) -> bool {
        let wanted = format!("{name}={value}");
        let mut env = self.image_env.iter().flatten();
        env.any(|entry| *entry == wanted)
    }
}

/// Reads a JSON file of an engine's.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = file::read_path(path, MAX_FILE).ok()?;
    serde_json::from_slice(&bytes).ok()
}
