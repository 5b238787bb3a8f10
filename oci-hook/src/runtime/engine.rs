//! What can be learnt of the engine from a container's `config.json`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

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
    /// The variables that the image sets, where the engine's store tells.
    pub image_env: Option<Vec<String>>,
}

/// The part of Docker's `config.v2.json` that is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockersRecord {
    config: DockersConfig,
    #[serde(default)]
    image: String,
    #[serde(default)]
    driver: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockersConfig {
    image: String,
}

impl EngineRecord {
    /// Finds the record: Docker keeps `<data-root>/containers/<id>/`, from
    /// which it mounts the container's `/etc/hosts` and its like. Of any other
    /// engine only the bundle is known.
    pub fn find(spec: &Spec<'_>, bundle: &Path, id: &ContainerId) -> Result<Self, Invalid> {
        let sources = spec.mount_sources()?;
        let folder = sources.iter().find_map(|source| dockers_folder(source, id));
        let Some(folder) = folder else {
            return Ok(Self {
                alive: bundle.to_owned(),
                image: None,
                image_env: None,
            });
        };
        let record: Option<DockersRecord> = read(&folder.join("config.v2.json"));
        Ok(Self {
            image_env: record
                .as_ref()
                .and_then(|record| image_env(&folder, record)),
            image: record.map(|record| record.config.image),
            alive: folder,
        })
    }

    /// Whether the image itself sets a variable to this value.
    pub fn image_sets(&self, name: &str, value: &str) -> bool {
        let wanted = format!("{name}={value}");
        let mut env = self.image_env.iter().flatten();
        env.any(|entry| *entry == wanted)
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

/// The image's variables, from `<data-root>/image/<driver>/imagedb`. An engine
/// that keeps images in containerd's store has no such folder.
fn image_env(folder: &Path, record: &DockersRecord) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Image {
        config: Option<ImageConfig>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ImageConfig {
        env: Option<Vec<String>>,
    }
    let data_root = folder.parent()?.parent()?;
    let digest = record.image.strip_prefix("sha256:")?;
    let hex = !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let driver = Path::new(&record.driver).file_name()?;
    if !hex || driver != record.driver.as_str() {
        return None;
    }
    let content = data_root
        .join("image")
        .join(driver)
        .join("imagedb/content/sha256");
    let image: Image = read(&content.join(digest))?;
    Some(
        image
            .config
            .and_then(|config| config.env)
            .unwrap_or_default(),
    )
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = file::read_path(path, MAX_RECORD).ok()?;
    serde_json::from_slice(&bytes).ok()
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
            r#"{"ID":"abc","Config":{"Image":"acme/web:1","Env":[]},"Image":"sha256:0a","Driver":"overlay2"}"#,
        )
        .unwrap();
        let content = data_root
            .path()
            .join("image/overlay2/imagedb/content/sha256");
        std::fs::create_dir_all(&content).unwrap();
        std::fs::write(
            content.join("0a"),
            r#"{"config":{"Env":["A=b"]},"os":"linux"}"#,
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
        assert!(record.image_sets("A", "b"));
        assert!(!record.image_sets("A", "c"));

        let other = ContainerId::try_from(OsString::from("abd")).unwrap();
        let record = EngineRecord::find(&spec, Path::new("/bundle"), &other).unwrap();
        assert_eq!(record.alive, Path::new("/bundle"));
    }
}
