//! Docker: `<data-root>/containers/<id>/`, from which it mounts a container's
//! `/etc/hosts` and its like, and `<data-root>/image/<driver>/imagedb`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Engine, EngineRecord, read};
use crate::container::ContainerId;

/// The part of `config.v2.json` that is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    config: Config,
    #[serde(default)]
    image: String,
    #[serde(default)]
    driver: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: String,
}

/// What Docker knows of a container with these mounts; `None` when it is not
/// Docker's. An image's annotations never reach a container of Docker's.
pub(super) fn find(sources: &[PathBuf], id: &ContainerId) -> Option<EngineRecord> {
    let folder = sources.iter().find_map(|source| folder(source, id))?;
    let mut known = EngineRecord::of(Engine::Docker, &folder);
    if let Some(record) = read::<Record>(&folder.join("config.v2.json")) {
        known.image_env = image_env(&folder, &record);
        known.image_id = Some(record.image).filter(|id| !id.is_empty());
        known.image = Some(record.config.image);
    }
    Some(known)
}

/// The part of a mount's source that is Docker's folder for this container.
fn folder(source: &Path, id: &ContainerId) -> Option<PathBuf> {
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

/// The image's variables. An engine that keeps images in containerd's store
/// has no such folder.
fn image_env(folder: &Path, record: &Record) -> Option<Vec<String>> {
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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::spec::Spec;

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
        assert_eq!((record.engine, &record.alive), (Engine::Docker, &folder));
        assert_eq!(record.image.as_deref(), Some("acme/web:1"));
        assert_eq!(record.image_id.as_deref(), Some("sha256:0a"));
        assert!(record.image_sets("A", "b"));
        assert!(!record.image_sets("A", "c"));
        assert!(record.annotations_are_the_users);

        let other = ContainerId::try_from(OsString::from("abd")).unwrap();
        let record = EngineRecord::find(&spec, Path::new("/bundle"), &other).unwrap();
        assert_eq!(record.alive, Path::new("/bundle"));
        assert!(!record.annotations_are_the_users);
    }
}
