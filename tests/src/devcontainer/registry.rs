//! A registry on this machine that has one Template, so that the CLI can apply
//! it the way it applies any.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::command::{run, run_with_input};
use crate::http::{self, Request, Response};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.devcontainers.layer.v1+tar";
const CONFIG: &str = "application/vnd.devcontainers";

/// Serves the Template in a folder until the process ends; its reference.
pub fn serve(template: &Path, scratch: &Path) -> Result<String> {
    let name = template.file_name().context("no name")?.to_string_lossy();
    let blobs = blobs(template, scratch)?;
    let port = http::serve(move |request| answer(request, &blobs))?;
    // The CLI speaks plain HTTP to a registry of this name alone.
    Ok(format!("localhost:{port}/tests/{name}:latest"))
}

/// What there is, by the last part of its path.
fn blobs(template: &Path, scratch: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let tar = scratch.join("template.tar");
    let mut pack = Command::new("tar");
    run(pack.arg("-C").arg(template).arg("-cf").arg(&tar).arg("."))?.success()?;
    let layer = std::fs::read(&tar)?;
    let empty = b"{}".to_vec();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": CONFIG, "digest": digest(&empty)?, "size": empty.len() },
        "layers": [{ "mediaType": LAYER, "digest": digest(&layer)?, "size": layer.len() }],
    });
    Ok(BTreeMap::from([
        (digest(&layer)?, layer),
        (digest(&empty)?, empty),
        ("latest".to_owned(), manifest.to_string().into_bytes()),
    ]))
}

fn digest(bytes: &[u8]) -> Result<String> {
    let printed = run_with_input(&mut Command::new("sha256sum"), bytes)?.success()?;
    let sum = printed.split_whitespace().next().context("no sum")?;
    Ok(format!("sha256:{sum}"))
}

fn answer(request: &Request, blobs: &BTreeMap<String, Vec<u8>>) -> Response {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    let kind = if last == "latest" {
        MANIFEST
    } else {
        "application/octet-stream"
    };
    let answer = match blobs.get(last) {
        Some(blob) => http::response(200, kind, blob.clone()),
        None => http::response(404, "text/plain", ""),
    };
    // All of these are constants.
    answer.unwrap_or_default()
}
