//! Podman's own program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use jackin_oci_hook::runtime::low_level::FOLDERS;

use crate::failure::{Failure, Kind};

/// Where distributions put it.
pub(super) fn find() -> Option<PathBuf> {
    let places = FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join("podman"));
    places.into_iter().find(|path| path.is_file())
}

/// The program and its version.
pub(super) fn described(podman: &Path) -> String {
    let shown = podman.display();
    match ask(podman, ["--version"]) {
        Ok(version) => format!("{shown} ({})", version.trim()),
        Err(_) => shown.to_string(),
    }
}

/// What it prints for a command.
///
/// # Errors
/// It fails, with its own words.
pub(super) fn ask(
    podman: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<String, Failure> {
    let output = Command::new(podman)
        .args(arguments)
        .current_dir("/")
        .output();
    let output = output.map_err(|error| {
        let message = format!("cannot start {}: {error}", podman.display());
        Failure::new(Kind::Engine, message)
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let message = format!("{} failed: {}", podman.display(), words.trim());
    Err(Failure::new(Kind::Engine, message))
}
