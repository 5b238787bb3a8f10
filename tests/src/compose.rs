//! The real Compose: version 2, which both engines' clients take as a plugin,
//! and the system's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::project;

/// Compose 2 as a plugin, where ordinary users can get to it: in `disk`, since
/// the cache may lie in somebody's home.
pub fn plugin(disk: &Path) -> Result<PathBuf> {
    static COPYING: Mutex<()> = Mutex::new(());
    let _alone = COPYING.lock().unwrap_or_else(PoisonError::into_inner);
    let copy = disk.join("docker-compose");
    if !copy.exists() {
        let unpacked = project::cache()?.join("compose-2");
        let original = unpacked.join("usr/libexec/docker/cli-plugins/docker-compose");
        fs::copy(original, &copy).context("Compose 2 is not there; run 'scripts/setup compose'")?;
    }
    Ok(copy)
}

/// A file of the project's examples.
pub fn example(name: &str) -> Result<String> {
    let file = project::root().join("share/compose").join(name);
    fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))
}

/// The commands in the comment at an example's head.
pub fn commands(example: &str) -> Vec<&str> {
    let lines = example.lines().take_while(|line| line.starts_with('#'));
    lines.filter_map(|line| line.strip_prefix("#   ")).collect()
}
