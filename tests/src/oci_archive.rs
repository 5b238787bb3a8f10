//! Images as archives of the OCI layout, which engines without a builder import
//! and which can have annotations of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::command::run;

/// An image of one layer.
#[derive(Debug)]
pub struct OciImage<'a> {
    /// Its full name, with the registry and the tag.
    pub name: &'a str,
    /// A tar of its root file system.
    pub layer: &'a Path,
    /// How its containers run: `Env`, `Cmd`, `Labels` and so on.
    pub config: Value,
    /// Annotations, which it gets wherever an image may have any.
    pub annotations: Value,
}

impl OciImage<'_> {
    /// Writes the archive below `scratch`.
    pub fn write(&self, scratch: &Path) -> Result<PathBuf> {
        let folder = tempfile::tempdir_in(scratch)?;
        let layout = Layout(folder.path());
        fs::create_dir_all(folder.path().join("blobs/sha256"))?;
        let layer = layout.add(&fs::read(self.layer)?)?;
        let config = layout.add(self.configuration(&layer).to_string().as_bytes())?;
        let manifest = self.manifest(&config, &layer);
        let manifest = layout.add(manifest.to_string().as_bytes())?;
        let index = self.index(&manifest)?.to_string();
        fs::write(folder.path().join("index.json"), index)?;
        let version = json!({ "imageLayoutVersion": "1.0.0" });
        fs::write(folder.path().join("oci-layout"), version.to_string())?;
        let archive = folder.path().with_extension("oci.tar");
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(folder.path()).arg("-cf").arg(&archive);
        run(tar.args(["oci-layout", "index.json", "blobs"]))?.success()?;
        Ok(archive)
    }

    fn configuration(&self, layer: &Blob) -> Value {
        json!({
            "architecture": "amd64",
            "os": "linux",
            "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
            "annotations": self.annotations,
        })
    }

    fn manifest(&self, config: &Blob, layer: &Blob) -> Value {
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.described("config.v1+json", &self.annotations),
            "layers": [layer.described("layer.v1.tar", &self.annotations)],
            "annotations": self.annotations,
        })
    }

    fn index(&self, manifest: &Blob) -> Result<Value> {
        let (_, tag) = self.name.rsplit_once(':').context("a name without a tag")?;
        let mut annotations = self.annotations.clone();
        annotations["io.containerd.image.name"] = self.name.into();
        annotations["org.opencontainers.image.ref.name"] = tag.into();
        Ok(json!({
            "schemaVersion": 2,
            "manifests": [manifest.described("manifest.v1+json", &annotations)],
            "annotations": self.annotations,
        }))
    }
}

struct Blob {
    digest: String,
    size: usize,
}

impl Blob {
    fn described(&self, kind: &str, annotations: &Value) -> Value {
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": self.digest,
            "size": self.size,
            "annotations": annotations,
        })
    }
}

struct Layout<'a>(&'a Path);

impl Layout<'_> {
    fn add(&self, content: &[u8]) -> Result<Blob> {
        let new = self.0.join("blobs/sha256/new");
        fs::write(&new, content)?;
        let printed = run(Command::new("sha256sum").arg(&new))?.success()?;
        let (sum, _) = printed.split_once(' ').context("no checksum")?;
        fs::rename(&new, self.0.join("blobs/sha256").join(sum))?;
        Ok(Blob {
            digest: format!("sha256:{sum}"),
            size: content.len(),
        })
    }
}
