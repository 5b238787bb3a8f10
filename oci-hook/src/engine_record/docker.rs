//! Docker: `<data-root>/containers/<id>/`, from which it mounts a container's
//! `/etc/hosts` and its like, and `<data-root>/image/<driver>/imagedb`, or, where
//! it keeps images in containerd's store, that store's blobs.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::image::{self, Manifest};
use super::{Engine, EngineRecord, hex_of, read};
use crate::container::ContainerId;
use crate::spec::{Invalid, Spec};

const RECORD: &str = "config.v2.json";

/// Where containerd's blobs are in its root folder.
const BLOBS: &str = "io.containerd.content.v1.content/blobs/sha256";

/// The root folder of a containerd that Docker did not start itself.
const SYSTEMS_CONTAINERD: &str = "/var/lib/containerd";

/// The part of `config.v2.json` that is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    #[serde(rename = "ID")]
    id: String,
    config: Config,
    #[serde(default)]
    image: String,
    #[serde(default)]
    driver: String,
    /// Of an image in containerd's store (Docker 25 and newer).
    image_manifest: Option<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: String,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

/// What Docker knows of a container; `None` when it is not Docker's. An image's
/// annotations never reach a container of Docker's.
pub(super) fn find(spec: &Spec<'_>, id: &ContainerId) -> Result<Option<EngineRecord>, Invalid> {
    let mut folders: Vec<PathBuf> = spec
        .mount_sources()?
        .iter()
        .filter_map(|source| folder_above(source, id))
        .collect();
    // One that shares another's network and IPC mounts nothing of its own.
    if let Some(root) = spec.root()? {
        folders.extend(folders_beside(&root, id));
    }
    let found = folders.into_iter().find_map(|folder| {
        let record = read::<Record>(&folder.join(RECORD))?;
        (record.id == id.as_str()).then_some((folder, record))
    });
    let Some((folder, record)) = found else {
        return Ok(None);
    };
    let mut known = EngineRecord::of(Engine::Docker, &folder);
    known.image_env = image_env(&folder, &record);
    known.image_id = Some(record.image).filter(|id| !id.is_empty());
    known.image = Some(record.config.image);
    Ok(Some(known))
}

/// The part of a mount's source that may be Docker's folder for this container.
fn folder_above(source: &Path, id: &ContainerId) -> Option<PathBuf> {
    let folder = source.ancestors().find(|path| {
        let parent = path.parent().and_then(Path::file_name);
        path.file_name().is_some_and(|name| name == id.as_str())
            && parent.is_some_and(|name| name == "containers")
    });
    folder.map(Path::to_owned)
}

/// What may be Docker's folder for this container, in the data-root that its
/// rootfs is in; never in the rootfs itself, where the container may write what
/// it likes.
fn folders_beside(rootfs: &Path, id: &ContainerId) -> Vec<PathBuf> {
    let above = rootfs.ancestors().skip(1);
    let above = above.filter(|path| path.is_absolute());
    above
        .map(|path| path.join("containers").join(id.as_str()))
        .collect()
}

/// The image's variables.
fn image_env(folder: &Path, record: &Record) -> Option<Vec<String>> {
    let data_root = folder.parent()?.parent()?;
    let Some(manifest) = &record.image_manifest else {
        return in_dockers_store(data_root, record);
    };
    let own = data_root.join("containerd/daemon");
    let mut roots = [own.as_path(), Path::new(SYSTEMS_CONTAINERD)].into_iter();
    roots.find_map(|root| in_containerds_store(&root.join(BLOBS), manifest))
}

fn in_dockers_store(data_root: &Path, record: &Record) -> Option<Vec<String>> {
    let digest = hex_of(&record.image)?;
    let driver = Path::new(&record.driver).file_name()?;
    if driver != record.driver.as_str() {
        return None;
    }
    let content = data_root
        .join("image")
        .join(driver)
        .join("imagedb/content/sha256");
    image::variables(&content.join(digest))
}

fn in_containerds_store(blobs: &Path, manifest: &Descriptor) -> Option<Vec<String>> {
    let manifest = Manifest::read(&blobs.join(hex_of(&manifest.digest)?))?;
    image::variables(&blobs.join(hex_of(&manifest.config)?))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::engine_record::Doubt;

    #[test]
    fn dockers_folder_is_found_from_a_mount_or_the_rootfs_and_the_image_in_it() {
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
        let data_root = data_root.path().display();
        let id = ContainerId::try_from(OsString::from("abc")).unwrap();
        for text in [
            format!(
                r#"{{"mounts":[{{"destination":"/proc","type":"proc"}},{{"source":"{data_root}/containers/abc/mounts/shm"}}]}}"#
            ),
            format!(r#"{{"root":{{"path":"{data_root}/overlay2/4711/merged"}}}}"#),
        ] {
            let spec = Spec::from_json(text.as_bytes()).unwrap();
            let find = |id| EngineRecord::find(&spec, Path::new("/bundle"), id).unwrap();
            let record = find(&id);
            assert_eq!((record.engine, &record.alive), (Engine::Docker, &folder));
            assert_eq!(record.image.as_deref(), Some("acme/web:1"));
            assert_eq!(record.image_id.as_deref(), Some("sha256:0a"));
            assert_eq!(record.doubt_variable("b"), Some(Doubt::ImagesVariable));
            assert!(record.annotations_are_the_users);

            let other = find(&ContainerId::try_from(OsString::from("abd")).unwrap());
            assert_eq!(other.engine, Engine::Unknown);
            assert_eq!(other.alive, Path::new("/bundle"));
            assert!(!other.annotations_are_the_users);
        }
    }

    #[test]
    fn scenario_54_an_images_variables_are_known_from_containerds_store_too() {
        let data_root = tempfile::tempdir().unwrap();
        let path = |name: &str| data_root.path().join(name);
        let folder = path("containers/abc");
        let blobs = path("containerd/daemon").join(BLOBS);
        for folder in [&folder, &blobs] {
            std::fs::create_dir_all(folder).unwrap();
        }
        // As Docker 26.1 writes it.
        let known = r#"{"ID":"abc","Config":{"Image":"evil:1"},"Image":"sha256:0a","Driver":"overlayfs",
            "ImageManifest":{"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "digest":"sha256:0a","size":405}}"#;
        std::fs::write(folder.join(RECORD), known).unwrap();
        std::fs::write(blobs.join("0a"), r#"{"config":{"digest":"sha256:0b"}}"#).unwrap();
        let text = format!(
            r#"{{"root":{{"path":"{}"}}}}"#,
            path("rootfs/overlayfs/abc").display()
        );
        let spec = Spec::from_json(text.as_bytes()).unwrap();
        let id = ContainerId::try_from(OsString::from("abc")).unwrap();
        let doubt = || {
            let record = EngineRecord::find(&spec, Path::new("/bundle"), &id).unwrap();
            assert_eq!(record.engine, Engine::Docker);
            record.doubt_variable("b")
        };
        assert_eq!(doubt(), Some(Doubt::UnknownVariable));
        std::fs::write(blobs.join("0b"), r#"{"config":{"Env":["A=b"]}}"#).unwrap();
        assert_eq!(doubt(), Some(Doubt::ImagesVariable));
        std::fs::write(blobs.join("0b"), r#"{"config":{}}"#).unwrap();
        assert_eq!(doubt(), None);
    }

    #[test]
    fn whoever_owns_the_folder_above_a_rootfs_cannot_make_dockers_record_there() {
        let folder = tempfile::tempdir().unwrap();
        let within = folder.path().join("containers/abc");
        std::fs::create_dir_all(&within).unwrap();
        let record = within.join(RECORD);
        std::fs::write(&record, r#"{"ID":"abc","Config":{"Image":"acme/web:1"}}"#).unwrap();
        let rootfs = folder.path().join("rootfs");
        let text = format!(r#"{{"root":{{"path":"{}"}}}}"#, rootfs.display());
        let spec = Spec::from_json(text.as_bytes()).unwrap();
        let id = ContainerId::try_from(OsString::from("abc")).unwrap();
        let engine = || {
            let found = EngineRecord::find(&spec, Path::new("/bundle"), &id);
            found.unwrap().engine
        };
        assert_eq!(engine(), Engine::Docker);
        let writable = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(&record, writable).unwrap();
        assert_eq!(engine(), Engine::Unknown);
        let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&record, own).unwrap();
        std::os::unix::fs::chown(&record, Some(1001), None).unwrap();
        assert_eq!(engine(), Engine::Unknown);
        // Nor lead to another container's.
        std::os::unix::fs::chown(&record, Some(0), None).unwrap();
        std::fs::write(&record, r#"{"ID":"abd","Config":{"Image":"acme/web:1"}}"#).unwrap();
        assert_eq!(engine(), Engine::Unknown);
    }

    #[test]
    fn a_container_cannot_pass_itself_off_as_one_of_dockers_from_its_own_rootfs() {
        let layer = tempfile::tempdir().unwrap();
        let rootfs = layer.path().join("merged");
        let within = rootfs.join("containers/abc");
        std::fs::create_dir_all(&within).unwrap();
        std::fs::write(
            within.join(RECORD),
            r#"{"ID":"abc","Config":{"Image":"acme/web:1"},"Image":"sha256:0a"}"#,
        )
        .unwrap();
        let id = ContainerId::try_from(OsString::from("abc")).unwrap();
        for rootfs in [rootfs.clone(), rootfs.join("."), rootfs.join("")] {
            let text = format!(r#"{{"root":{{"path":"{}"}}}}"#, rootfs.display());
            let spec = Spec::from_json(text.as_bytes()).unwrap();
            let record = EngineRecord::find(&spec, Path::new("/bundle"), &id).unwrap();
            assert_eq!(record.engine, Engine::Unknown, "{text}");
        }
    }
}
