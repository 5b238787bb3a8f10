//! The programs that registration relies on: where they are, and whether only
//! root can change them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jackin_oci_hook::runtime::low_level::FOLDERS;

/// The name under which the wrapper is registered.
pub const RUNTIME_NAME: &str = "docker-jackin";

/// The wrapper's file name.
const WRAPPER: &str = "docker-jackin-runtime";

/// The hook's file name.
const HOOK: &str = "docker-jackin-hook";

/// The plugin's file name.
const PLUGIN: &str = "docker-jackin";

/// Low-level runtimes that can have a name of their own, `docker-jackin-crun`.
const LOW_LEVEL: [&str; 2] = ["runc", "crun"];

/// Where the engine's side is installed when it is not beside the plugin.
const LIBEXEC: [&str; 2] = [
    "/usr/local/libexec/docker-jackin",
    "/usr/libexec/docker-jackin",
];

/// Where docker looks for every user's plugins.
const PLUGINS: [&str; 4] = [
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
];

/// Why a program cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// It is nowhere.
    #[error("{program} is not installed: looked in {places}")]
    Missing {
        /// Its file name.
        program: String,
        /// Where it was looked for.
        places: String,
    },
    /// Somebody else than root could put another program in its place.
    #[error("{} cannot be run by an engine: {} {problem}", program.display(), place.display())]
    NotRootsAlone {
        /// The program.
        program: PathBuf,
        /// The file or folder that others can change.
        place: PathBuf,
        /// What about it.
        problem: &'static str,
    },
    /// It cannot be looked at.
    #[error("cannot look at {}: {reason}", place.display())]
    Unreadable {
        /// The file or folder.
        place: PathBuf,
        /// Why not.
        reason: io::Error,
    },
}

/// The engine's side as it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The wrapper.
    pub wrapper: PathBuf,
    /// The hook.
    pub hook: PathBuf,
}

impl Installation {
    /// Finds the engine's side: where `--runtime-path` says, beside the
    /// plugin's own prefix, else in the usual places. The environment has no
    /// say in what runs as root.
    ///
    /// # Errors
    /// When the wrapper or the hook is missing.
    pub fn find(wrapper: Option<&Path>, plugin: &Path) -> Result<Self, InstallationError> {
        let folders = match wrapper {
            Some(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                vec![path.parent().unwrap_or(Path::new("/")).to_owned()]
            }
            None => folders_beside(plugin),
        };
        let found = folders.iter().find(|folder| folder.join(WRAPPER).is_file());
        let missing = |program: &str| InstallationError::Missing {
            program: program.to_owned(),
            places: listed(&folders),
        };
        let folder = found.ok_or_else(|| missing(WRAPPER))?;
        let hook = folder.join(HOOK);
        if !hook.is_file() {
            return Err(missing(HOOK));
        }
        Ok(Self {
            wrapper: folder.join(WRAPPER),
            hook,
        })
    }

    /// The names to register, each with its program: the wrapper's own, and
    /// one for every low-level runtime that it has a link for.
    pub fn runtimes(&self) -> Vec<(String, PathBuf)> {
        let named = LOW_LEVEL.iter().filter_map(|low_level| {
            let link = self
                .wrapper
                .with_file_name(format!("{WRAPPER}-{low_level}"));
            let there = link.is_file() && find_low_level(low_level).is_ok();
            there.then(|| (format!("{RUNTIME_NAME}-{low_level}"), link))
        });
        let mut runtimes = vec![(RUNTIME_NAME.to_owned(), self.wrapper.clone())];
        runtimes.extend(named);
        runtimes
    }

    /// Holds the wrapper and the hook to the rule that only root, or the user
    /// that a rootless engine is of, can change what such an engine runs.
    ///
    /// # Errors
    /// With the first file or folder that breaks it.
    pub fn require_alone(&self, uid: u32) -> Result<(), InstallationError> {
        require_alone(&self.wrapper, uid)?;
        require_alone(&self.hook, uid)
    }
}

/// The plugin that the wrapper may call as a resolver: this one when only
/// root, or the rootless engine's user, can change it, else the one installed
/// for every user.
///
/// # Errors
/// When there is none.
pub fn resolver(plugin: &Path, uid: u32) -> Result<PathBuf, InstallationError> {
    let own = require_alone(plugin, uid);
    if own.is_ok() {
        return Ok(plugin.to_owned());
    }
    let installed = PLUGINS.iter().map(|folder| Path::new(folder).join(PLUGIN));
    let found = installed
        .into_iter()
        .find(|path| require_roots_alone(path).is_ok());
    found.ok_or_else(|| own.expect_err("checked above"))
}

/// A low-level runtime by its name, in the places where distributions put
/// them, or by its absolute path.
///
/// # Errors
/// When it is not there, or when others than root can change it.
pub fn find_low_level(name: &str) -> Result<PathBuf, InstallationError> {
    let places: Vec<PathBuf> = if name.starts_with('/') {
        vec![name.into()]
    } else {
        FOLDERS
            .iter()
            .map(|folder| Path::new(folder).join(name))
            .collect()
    };
    let found = places.iter().find(|path| path.is_file());
    let path = found.ok_or_else(|| InstallationError::Missing {
        program: name.to_owned(),
        places: listed(&places),
    })?;
    require_roots_alone(path)?;
    Ok(path.clone())
}

/// Holds a program, the folders above it and the links in its path to the
/// rule that only root can change them.
///
/// # Errors
/// With the first of them that breaks it.
pub fn require_roots_alone(program: &Path) -> Result<(), InstallationError> {
    require_alone(program, 0)
}

/// The same, with one more user who may: the one that a rootless engine is of.
///
/// # Errors
/// With the first of them that breaks it.
pub fn require_alone(program: &Path, uid: u32) -> Result<(), InstallationError> {
    let unreadable = |place: &Path, reason| InstallationError::Unreadable {
        place: place.to_owned(),
        reason,
    };
    let target = fs::canonicalize(program).map_err(|reason| unreadable(program, reason))?;
    for place in program.ancestors().chain(target.ancestors()) {
        let metadata = fs::symlink_metadata(place).map_err(|reason| unreadable(place, reason))?;
        let by = if metadata.uid() == uid {
            0
        } else {
            metadata.uid()
        };
        if let Some(problem) = problem(by, metadata.mode(), metadata.is_symlink()) {
            return Err(InstallationError::NotRootsAlone {
                program: program.to_owned(),
                place: place.to_owned(),
                problem,
            });
        }
    }
    Ok(())
}

/// What is wrong with a file's or folder's owner and mode. A symlink's mode
/// means nothing.
fn problem(uid: u32, mode: u32, is_link: bool) -> Option<&'static str> {
    if uid != 0 {
        return Some("is not owned by root; chown it to root");
    }
    if !is_link && mode & 0o022 != 0 {
        return Some("can be written by its group or by others; run chmod go-w on it");
    }
    None
}

/// Beside `PREFIX/libexec/docker/cli-plugins/docker-jackin` it is
/// `PREFIX/libexec/docker-jackin`.
fn folders_beside(plugin: &Path) -> Vec<PathBuf> {
    let prefix = plugin
        .ancestors()
        .nth(3)
        .map(|libexec| libexec.join("docker-jackin"));
    let mut folders: Vec<PathBuf> = prefix
        .filter(|_| {
            plugin
                .parent()
                .is_some_and(|parent| parent.ends_with("docker/cli-plugins"))
        })
        .into_iter()
        .collect();
    for folder in LIBEXEC.map(PathBuf::from) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

fn listed(places: &[PathBuf]) -> String {
    let places: Vec<_> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    places.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_side_is_looked_for_beside_the_plugin_first() {
        let folders = folders_beside(Path::new("/opt/j/libexec/docker/cli-plugins/docker-jackin"));
        assert_eq!(folders[0], Path::new("/opt/j/libexec/docker-jackin"));
        assert_eq!(folders[1..], LIBEXEC.map(PathBuf::from));
        let usual = folders_beside(Path::new("/usr/libexec/docker/cli-plugins/docker-jackin"));
        assert_eq!(usual.len(), 2);
        let elsewhere = folders_beside(Path::new("/home/me/bin/docker-jackin"));
        assert_eq!(elsewhere, LIBEXEC.map(PathBuf::from));
    }

    #[test]
    fn wrapper_and_hook_must_both_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let wrapper = folder.path().join(WRAPPER);
        let find = || Installation::find(Some(&wrapper), Path::new("/x"));
        let error = find().unwrap_err().to_string();
        assert!(
            error.starts_with("docker-jackin-runtime is not installed"),
            "{error}"
        );
        fs::write(&wrapper, "").unwrap();
        let error = find().unwrap_err().to_string();
        assert!(
            error.starts_with("docker-jackin-hook is not installed"),
            "{error}"
        );
        fs::write(folder.path().join(HOOK), "").unwrap();
        assert_eq!(
            find().unwrap().runtimes(),
            [("docker-jackin".to_owned(), wrapper.clone())]
        );
    }

    #[test]
    fn what_others_can_change_is_not_run_as_root() {
        assert!(problem(0, 0o100_755, false).is_none());
        assert!(problem(0, 0o120_777, true).is_none());
        for (uid, mode, is_link) in [
            (1000, 0o100_755, false),
            (1000, 0o120_777, true),
            (0, 0o100_775, false),
            (0, 0o100_757, false),
            (0, 0o041_777, false),
        ] {
            assert!(problem(uid, mode, is_link).is_some(), "{uid} {mode:o}");
        }
    }

    #[test]
    fn a_program_below_a_folder_of_everybody_is_refused() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "").unwrap();
        let error = require_roots_alone(&program).unwrap_err();
        assert!(
            matches!(error, InstallationError::NotRootsAlone { .. }),
            "{error}"
        );
        assert!(require_roots_alone(Path::new("/bin/sh")).is_ok());
    }
}
