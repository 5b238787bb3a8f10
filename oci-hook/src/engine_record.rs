//! What the engine knows of a container, learnt from the container's
//! `config.json` and from the engine's own files: its image, and whether an
//! image could have asked in its user's stead.
//!
//! The files are the engine's. One that is missing or odd says "not known".

mod containerd;
mod crio;
mod docker;
mod image;
mod podman;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::{self, FileType, Mode};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

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

/// The engines whose files or marks are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker, rootful or rootless.
    Docker,
    /// Podman, rootful or rootless.
    Podman,
    /// containerd without Docker: Kubernetes through its CRI, or `ctr`.
    Containerd,
    /// CRI-O.
    Crio,
    /// Any other: no more than the bundle is known.
    Unknown,
}

/// Why a container's handle may not be its user's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The image has the variable.
    ImagesVariable,
    /// The image may have the variable.
    UnknownVariable,
    /// The image has the annotation.
    ImagesAnnotation,
    /// The image may have the annotation, and the engine copies those.
    UnknownAnnotation,
}

impl EngineRecord {
    /// Finds what is known of a container.
    pub fn find(spec: &Spec<'_>, bundle: &Path, id: &ContainerId) -> Result<Self, Invalid> {
        if let Some(record) = docker::find(spec, id)? {
            return Ok(record);
        }
        if let Some(record) = podman::find(spec, bundle, id)? {
            return Ok(record);
        }
        if let Some(record) = containerd::find(spec, bundle, id)? {
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
            annotations_are_the_users: matches!(engine, Engine::Docker | Engine::Containerd),
            sandbox: false,
        }
    }

    /// Whether a variable of this value may be the image's. An image could see to
    /// it that it cannot be told, by a configuration of any size.
    ///
    /// The value is a handle, which nobody guesses. Its variable's name is not
    /// looked at: Podman takes blanks off it.
    pub fn doubt_variable(&self, value: &str) -> Option<Doubt> {
        match &self.image_env {
            Some(env) => {
                let mut entries = env.iter();
                let found = entries.any(|entry| entry.contains(value));
                found.then_some(Doubt::ImagesVariable)
            }
            None => Some(Doubt::UnknownVariable),
        }
    }

    /// Whether an annotation of this value may be the image's. Of the engines
    /// that are known, Podman has copied them.
    pub fn doubt_annotation(&self, value: &str) -> Option<Doubt> {
        if self.annotations_are_the_users {
            return None;
        }
        match &self.image_annotations {
            Some(annotations) => {
                let mut values = annotations.values();
                let found = values.any(|other| other.contains(value));
                found.then_some(Doubt::ImagesAnnotation)
            }
            None => (self.engine == Engine::Podman).then_some(Doubt::UnknownAnnotation),
        }
    }
}

/// Reads a JSON file of an engine's.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&text_of(path)?).ok()
}

/// The engine runs as we do and lets nobody else write its files, while a rootfs
/// may lie in a folder of anybody's.
fn text_of(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    let file = fs::open(path, file::READ_HOSTILE, Mode::empty()).ok()?;
    let stat = fs::fstat(&file).ok()?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let own = stat.st_uid == rustix::process::geteuid().as_raw();
    if !regular || !own || stat.st_mode & 0o022 != 0 {
        return None;
    }
    file::read_bounded(file, MAX_FILE).ok()
}

/// The hexadecimal digits of a digest, fit to be a file's name.
fn hex_of(digest: &str) -> Option<&str> {
    let digits = digest.strip_prefix("sha256:")?;
    is_hex(digits).then_some(digits)
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "DOCKER_JACKIN_TICKET";

    fn record(engine: Engine) -> EngineRecord {
        EngineRecord::of(engine, Path::new("/bundle"))
    }

    #[test]
    fn scenario_54_a_variable_is_doubted_where_it_is_the_images_or_may_be() {
        for engine in [
            Engine::Docker,
            Engine::Unknown,
            Engine::Podman,
            Engine::Containerd,
            Engine::Crio,
        ] {
            let mut record = record(engine);
            let doubt = record.doubt_variable("h");
            assert_eq!(doubt, Some(Doubt::UnknownVariable), "{engine:?}");
            record.image_env = Some(vec!["PATH=/bin".into(), format!("{NAME}=h")]);
            let doubt = record.doubt_variable("h");
            assert_eq!(doubt, Some(Doubt::ImagesVariable), "{engine:?}");
            record.image_env = Some(vec![format!(" {NAME}=h")]);
            let doubt = record.doubt_variable("h");
            assert_eq!(doubt, Some(Doubt::ImagesVariable), "{engine:?}");
            // What the user gives in its stead is the user's.
            assert_eq!(record.doubt_variable("other"), None, "{engine:?}");
        }
    }

    #[test]
    fn scenario_54_an_annotation_is_doubted_where_an_engine_copies_the_images() {
        let mut podman = record(Engine::Podman);
        let doubt = podman.doubt_annotation("h");
        assert_eq!(doubt, Some(Doubt::UnknownAnnotation));
        podman.image_annotations = Some([("a".to_owned(), "h".to_owned())].into());
        let doubt = podman.doubt_annotation("h");
        assert_eq!(doubt, Some(Doubt::ImagesAnnotation));
        assert_eq!(podman.doubt_annotation("other"), None);
        podman.annotations_are_the_users = true;
        assert_eq!(podman.doubt_annotation("h"), None);
        for engine in [
            Engine::Docker,
            Engine::Containerd,
            Engine::Crio,
            Engine::Unknown,
        ] {
            let doubt = record(engine).doubt_annotation("h");
            assert_eq!(doubt, None, "{engine:?}");
        }
    }

    #[test]
    fn a_file_of_the_engines_that_is_no_plain_one_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "{}").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        fs::mknodat(fs::CWD, path("fifo"), FileType::Fifo, mode, 0).unwrap();
        let read = |name: &str| read::<BTreeMap<String, String>>(&path(name));
        assert!(read("file").is_some());
        for name in ["link", "fifo", "none", "."] {
            assert!(read(name).is_none(), "{name}");
        }
    }
}
