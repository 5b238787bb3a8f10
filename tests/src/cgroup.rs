//! The cgroups of the tests' engines, and removing what is left of them.

use std::fs;
use std::path::{Path, PathBuf};

/// The cgroup below which an engine of the tests puts its containers.
pub fn of(engine: &str) -> String {
    format!("/docker-jackin-tests-{}-{engine}", std::process::id())
}

/// Removes what an engine leaves empty in the cgroup tree: one folder in
/// version 2, and in version 1 one a controller, below the engine's own group.
pub fn remove(name: &str) {
    let name = name.trim_start_matches('/');
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for below in below(&folder) {
            if below.ends_with(name) {
                remove_empty(&below);
            } else {
                folders.push(below);
            }
        }
    }
}

fn remove_empty(folder: &Path) {
    for below in below(folder) {
        remove_empty(&below);
    }
    let _ = fs::remove_dir(folder);
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
