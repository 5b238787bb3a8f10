//! A registry on this machine that has one Template, so that the CLI can apply
//! it the way it applies any.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow};
use serde_json::json;
use tiny_http::{Header, Request, Response, Server};

use crate::command::{run, run_with_input};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.devcontainers.layer.v1+tar";
const CONFIG: &str = "application/vnd.devcontainers";

/// Serves the Template in a folder until the process ends; its reference.
pub fn serve(template: &Path, scratch: &Path) -> Result<String> {
    let name = template.file_name().context("no name")?.to_string_lossy();
    let blobs = blobs(template, scratch)?;
    let server = Server::http("127.0.0.1:0").map_err(|error| anyhow!("{error}"))?;
    let address = server.server_addr().to_ip().context("no port")?;
    // The CLI speaks plain HTTP to a registry of this name alone.
    let reference = format!("localhost:{}/tests/{name}:latest", address.port());
    thread::spawn(move || {
        for request in server.incoming_requests() {
            // A client that hangs up is its own affair.
            let _ = answer(request, &blobs);
        }
    });
    Ok(reference)
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

fn answer(request: Request, blobs: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let last = request.url().rsplit('/').next().unwrap_or_default();
    let Some(blob) = blobs.get(last) else {
        return Ok(request.respond(Response::empty(404))?);
    };
    let kind = if last == "latest" {
        MANIFEST
    } else {
        "application/octet-stream"
    };
    let kind = Header::from_bytes("content-type", kind).map_err(|()| anyhow!("a bad header"))?;
    let response = Response::from_data(blob.clone()).with_header(kind);
    Ok(request.respond(response)?)
}
