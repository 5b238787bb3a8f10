//! Podman, and what keeps containers as it does: `<driver>-containers` and
//! `<driver>-images` in one store (containers/storage, `containers.go`,
//! `images.go`, `lib.go`).

use std::path::Path;

use serde::Deserialize;

use super::image::{self, Manifest};
use super::{Engine, EngineRecord, crio, is_hex, read};
use crate::container::ContainerId;
use crate::spec::{Invalid, Spec};

/// The lists of containers; the second is that of `--rm` (Podman 4.5 and
/// newer).
const LISTS: [&str; 2] = ["containers.json", "volatile-containers.json"];

const FOLDER: &str = "-containers";

/// The part of a list's entry that is of use here.
#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    image: String,
    /// JSON in a text.
    #[serde(default)]
    metadata: String,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "image-name")]
    image_name: Option<String>,
}

/// What Podman knows of a container; `None` when its bundle is not in a store.
pub(super) fn find(
    spec: &Spec<'_>,
    bundle: &Path,
    id: &ContainerId,
) -> Result<Option<EngineRecord>, Invalid> {
    let Some((folder, driver)) = folder_of(bundle, id) else {
        return Ok(None);
    };
    let known_here = LISTS.iter().any(|list| folder.join(list).is_file());
    // CRI-O's bundles are in a store of run time, which has no lists.
    if !known_here && let Some(record) = crio::find(spec, bundle)? {
        return Ok(Some(record));
    }
    let mut known = EngineRecord::of(Engine::Podman, bundle);
    let version = spec.oci_version()?.unwrap_or_default();
    known.annotations_are_the_users = !copies_annotations(&version);
    if let Some(entry) = entry(folder, id) {
        let metadata = serde_json::from_str::<Metadata>(&entry.metadata).ok();
        known.image = metadata.and_then(|metadata| metadata.image_name);
        if is_hex(&entry.image) {
            let images = folder.with_file_name(format!("{driver}-images"));
            look_at_image(&images.join(&entry.image), &mut known);
            known.image_id = Some(format!("sha256:{}", entry.image));
        }
    }
    Ok(Some(known))
}

/// `<store>/<driver>-containers` of a bundle `…/<id>/userdata`, and the driver.
fn folder_of<'a>(bundle: &'a Path, id: &ContainerId) -> Option<(&'a Path, &'a str)> {
    let container = bundle.parent()?;
    let here = bundle.file_name()? == "userdata" && container.file_name()? == id.as_str();
    let folder = container.parent()?;
    let driver = folder.file_name()?.to_str()?.strip_suffix(FOLDER)?;
    here.then_some((folder, driver))
}

fn entry(folder: &Path, id: &ContainerId) -> Option<Entry> {
    let mut lists = LISTS
        .iter()
        .filter_map(|list| read::<Vec<Entry>>(&folder.join(list)));
    lists.find_map(|entries| entries.into_iter().find(|entry| entry.id == id.as_str()))
}

/// Whether a Podman that writes this OCI version gives an image's annotations
/// to its containers: those before 4.6 do (podman#18542). 4.4 and 4.5 write a
/// release candidate of 1.1.0; what cannot be read is taken for one of them.
fn copies_annotations(oci_version: &str) -> bool {
    let (numbers, candidate) = match oci_version.split_once('-') {
        Some((numbers, _)) => (numbers, true),
        None => (oci_version, false),
    };
    let mut numbers = numbers.split('.').map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => {
            (major, minor) < (1, 1) || (major, minor) == (1, 1) && candidate
        }
        _ => true,
    }
}

/// What the image's folder in the store tells of it.
fn look_at_image(folder: &Path, known: &mut EngineRecord) {
    let Some(manifest) = Manifest::read(&folder.join("manifest")) else {
        return;
    };
    known.image_env = image::variables(&folder.join(big_data_name(&manifest.config)));
    known.image_annotations = Some(manifest.annotations);
}

/// The name of the file with data of this key, where the key has other
/// characters than digits, small letters and points.
fn big_data_name(key: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut name = "=".to_owned();
    for group in key.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at)) & 63;
            let letter = ALPHABET.get(index as usize).copied().unwrap_or(b'=');
            name.push(if at <= group.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    name
}

#[cfg(test)]
#[path = "podman_tests.rs"]
mod tests;
