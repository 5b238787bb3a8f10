//! What can be learnt of the engine from a container's `config.json`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::container::ContainerId;
use crate::file;
use crate::spec::{Invalid, Spec};

const MAX_RECORD: u64 = 16 << 20;

/// The engine's own record of a container.
#[derive(Debug)]
pub struct EngineRecord {
    /// A path that exists for as long as the engine knows the container.
    pub alive: PathBuf,
    /// The image reference it was created from, to the letter.
    pub image: Option<String>,
}

impl EngineRecord {
    /// Finds the record: Docker keeps `<data-root>/containers/<id>/`, from
    /// which it mounts the container's `/etc/hosts` and its like. Of any other
    /// engine only the bundle is known.
    pub fn find(spec: &Spec<'_>, bundle: &Path, id: &ContainerId) -> Result<Self, Invalid> {
        let folder = spec
            .mount_sources()?
            .iter()
            .find_map(|source| dockers_folder(source, id));
        Ok(match folder {
            Some(folder) => Self {
                image: image(&folder.join("config.v2.json")),
                alive: folder,
            },
            None => Self {
                alive: bundle.to_owned(),
                image: None,
            },
        })
    }
}

/// The part of a mount's source that is Docker's folder for this container.
fn dockers_folder(source: &Path, id: &ContainerId) -> Option<PathBuf> {
    let folder = source.ancestors().find(|path| {
        let parent = path.parent().and_then(Path::file_name);
        path.file_name().is_some_and(|name| name == id.as_str())
            && parent.is_some_and(|name| name == "containers")
    })?;
    folder
        .join("config.v2.json")
        .is_file()
        .then(|| folder.to_owned())
}

fn image(record: &Path) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Record {
        config: Config,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        image: String,
    }
    let bytes = file::read_path(record, MAX_RECORD).ok()?;
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    Some(record.config.image)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn dockers_folder_is_found_from_a_mount_and_the_image_in_it() {
        let data_root = tempfile::tempdir().unwrap();
        let folder = data_root.path().join("containers/abc");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("config.v2.json"),
            r#"{"ID":"abc","Config":{"Image":"acme/web:1","Env":[]},"Image":"sha256:0"}"#,
        )
        .unwrap();
        let text = format!(
            r#"{{"mounts":[{{"destination":"/proc","type":"proc"}},{{"source":"{}"}}]}}"#,
            folder.join("mounts/shm").display()
        );
        let spec = Spec::from_json(text.as_bytes()).unwrap();
        let id = ContainerId::try_from(OsString::from("abc")).unwrap();
        let record = EngineRecord::find(&spec, Path::new("/bundle"), &id).unwrap();
        assert_eq!(record.alive, folder);
        assert_eq!(record.image.as_deref(), Some("acme/web:1"));

        let other = ContainerId::try_from(OsString::from("abd")).unwrap();
        let record = EngineRecord::find(&spec, Path::new("/bundle"), &other).unwrap();
        assert_eq!(record.alive, Path::new("/bundle"));
    }
}
