//! Where a container sees the folders of its workspace.

use std::path::{Path, PathBuf};

use crate::config::{Mount, Workspace};

/// The folder or file of the host that a mount names, as docker is told it.
pub fn source(workspace: &Workspace, mount: &Mount) -> PathBuf {
    match &workspace.workdir {
        Some(workdir) => workdir.join(&mount.src).components().collect(),
        None => mount.src.clone(),
    }
}

/// The container's name for `folder`, or for the workdir when `folder` is in
/// none of the mounts.
pub fn inside(workspace: &Workspace, folder: &Path) -> Option<PathBuf> {
    let sources: Vec<_> = workspace
        .mounts
        .iter()
        .map(|mount| {
            let source = source(workspace, mount);
            // As the current folder is: without links.
            (source.canonicalize().unwrap_or(source), mount)
        })
        .collect();
    let seen = |folder: &Path| {
        let holding = sources
            .iter()
            .filter(|(source, _)| folder.starts_with(source));
        let (source, mount) = holding.max_by_key(|(source, _)| source.components().count())?;
        let below = folder.strip_prefix(source).ok()?;
        // Without the trailing slash that joining nothing would leave.
        Some(Path::new(&mount.dst).join(below).components().collect())
    };
    seen(folder).or_else(|| seen(workspace.workdir.as_deref()?))
}
