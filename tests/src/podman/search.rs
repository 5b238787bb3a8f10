//! Searching for a canary everywhere a secret of a container's could come to
//! light on Podman.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;

use super::{Container, Podman};
use crate::canary::Canary;
use crate::rig::unique;
use crate::sandbox::USER;
use crate::search::{files, open_files, output};

/// The surfaces on which `canary` is found: what Podman says of the container
/// and of an image made of it, the machine's disks, open files.
pub fn search(container: &Container, canary: &Canary) -> Result<BTreeSet<String>> {
    let podman = container.podman;
    let mut found = BTreeSet::new();
    let finder = canary.finder();
    let mut look = |surface: &str, arguments: &[&str]| {
        // An ordinary user's Podman opens `/dev/stdout` again, which it may
        // when it is a pipe of its user's own.
        let mut words = vec![
            "bash",
            "-o",
            "pipefail",
            "-c",
            "podman \"$@\" | cat",
            "podman",
        ];
        words.extend_from_slice(arguments);
        let mut command = podman.machine.command(podman.rootless, &words)?;
        output(&mut command, surface, &finder, &mut found)
    };
    let name = container.name.as_str();
    look("inspect", &["container", "inspect", name])?;
    look("ps", &["ps", "--all", "--no-trunc", "--format", "json"])?;
    look("logs", &["logs", name])?;
    look("diff", &["diff", name])?;
    look("export", &["export", name])?;
    // In a container that runs, `podman cp` looks from the inside, as an exec
    // would.
    if container.inspect("{{.State.Running}}")? == "false" {
        look("cp", &["cp", &format!("{name}:/"), "-"])?;
    }
    look("generated pod", &["generate", "kube", name])?;
    let image = unique("committed");
    podman.podman(&["commit", "--quiet", name, &image])?;
    look("committed image", &["image", "inspect", &image])?;
    look("history", &["history", "--no-trunc", &image])?;
    look("saved image", &["save", &image])?;
    podman.podman(&["rmi", &image])?;
    found.extend(search_remains(podman, canary)?);
    open_files(&finder, &mut found);
    Ok(found)
}

/// The surfaces that stay when a container is gone.
pub fn search_remains(podman: &Podman, canary: &Canary) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let finder = canary.finder();
    let events = ["events", "--stream=false", "--format", "json"];
    output(&mut podman.client(&events)?, "events", &finder, &mut found)?;
    for root in podman.machine.disks() {
        let mut holding = Vec::new();
        files(&root, None, &finder, &mut holding)?;
        for file in holding {
            let file = file.strip_prefix(&root).unwrap_or(&file).to_owned();
            found.insert(format!("disk: {}", file.display()));
        }
    }
    Ok(found)
}

/// The files in memory that hold it, below the machine's `/run` and `/dev/shm`.
pub fn in_memory(podman: &Podman, canary: &Canary) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let finder = canary.finder();
    let session = format!("/run/user/{USER}");
    for root in ["/run", &session, "/dev/shm"] {
        files(&podman.machine.path(root)?, None, &finder, &mut found)?;
    }
    let root = podman.machine.path("/")?;
    let below = |file: &PathBuf| file.strip_prefix(&root).unwrap_or(file).to_owned();
    Ok(found.iter().map(below).collect())
}
