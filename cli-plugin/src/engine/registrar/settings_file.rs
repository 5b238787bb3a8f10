//! The file with the engine side's settings, as installing plans it.

use std::path::{Path, PathBuf};

use super::change::FileChange;
use crate::engine::installation::{self, InstallationError};
use crate::engine::owner::Owner;
use crate::engine::registration::{left_as_it_is, unreadable};
use crate::engine::settings;
use crate::engine::whole_file::WholeFile;
use crate::failure::{Failure, Kind};

/// The runtimes that are taken when none is named, best first.
const LOW_LEVEL: [&str; 2] = ["runc", "crun"];

/// The settings' change, and the low-level runtime that they name after it.
///
/// # Errors
/// The present settings are not ours to change, or a program is missing or
/// could be changed by others.
pub fn planned(
    owner: &Owner,
    asked: Option<&str>,
    plugin: &Path,
) -> Result<(FileChange<'static>, PathBuf), Failure> {
    let path = owner.settings();
    let file = WholeFile::read(&path).map_err(|error| unreadable(&path, &error))?;
    let text = file.text().unwrap_or_default();
    let refused = |error| left_as_it_is(&path, &error);
    let known = settings::low_level(text).map_err(refused)?;
    let low_level = match asked.or(known.as_deref()) {
        Some(name) => installation::find_low_level(name),
        None => any_low_level(),
    };
    let low_level = low_level.map_err(|error| installation_failure(&error))?;
    let resolver = installation::resolver(plugin, owner.uid());
    let resolver = resolver.map_err(|error| installation_failure(&error))?;
    let new = settings::with(text, &low_level, &resolver).map_err(refused)?;
    Ok((FileChange::new(&path, file.text(), Some(new)), low_level))
}

/// The change that removes them.
///
/// # Errors
/// They cannot be read.
pub fn removed(owner: &Owner) -> Result<FileChange<'static>, Failure> {
    let path = owner.settings();
    let file = WholeFile::read(&path).map_err(|error| unreadable(&path, &error))?;
    Ok(FileChange::new(&path, file.text(), None))
}

fn any_low_level() -> Result<PathBuf, InstallationError> {
    let [first, second] = LOW_LEVEL;
    installation::find_low_level(first)
        .or_else(|missing| installation::find_low_level(second).map_err(|_| missing))
}

/// What a person does about programs that are missing or not root's alone.
pub fn installation_failure(error: &InstallationError) -> Failure {
    let failure = Failure::new(Kind::Configuration, error);
    match error {
        InstallationError::Missing { program, .. } if program.starts_with("docker-jackin") => {
            failure.hint("install both sides with: sudo make install")
        }
        InstallationError::Missing { .. } => {
            failure.hint("install it, or name another one with --low-level")
        }
        _ => failure,
    }
}
