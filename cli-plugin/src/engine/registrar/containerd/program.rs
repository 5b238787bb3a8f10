//! containerd's own program, which says what it makes of a configuration.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use jackin_oci_hook::runtime::low_level::FOLDERS;

use super::config::Config;

/// The program.
pub(super) struct Program {
    path: PathBuf,
    /// What it says of its version.
    version: String,
}

impl Program {
    /// Where distributions put it.
    pub(super) fn find() -> Option<Self> {
        let places = FOLDERS
            .iter()
            .map(|folder| Path::new(folder).join("containerd"));
        let path = places.into_iter().find(|path| path.is_file())?;
        let output = Command::new(&path).arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Some(Self { path, version })
    }

    /// The program and its version.
    pub(super) fn described(&self) -> String {
        format!("{} ({})", self.path.display(), self.version)
    }

    /// Whether a drop-in adds to a plugin's table rather than replacing it:
    /// from 2.0 on.
    pub(super) fn merges_drop_ins(&self) -> bool {
        major(&self.version).is_some_and(|major| major >= 2)
    }

    /// Asks what a finished configuration comes to: it must be read, and its
    /// default runtime must be there, or the whole CRI stays off.
    ///
    /// # Errors
    /// With its own words, or the runtime that would be missing.
    pub(super) fn accept(&self, staged: &Path) -> io::Result<()> {
        let output = Command::new(&self.path)
            .arg("--config")
            .arg(staged)
            .args(["config", "dump"])
            .output()?;
        let program = self.path.display();
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let words = words.trim();
            return Err(io::Error::other(format!("{program} refuses it: {words}")));
        }
        let dump = String::from_utf8_lossy(&output.stdout);
        let config = Config::parse(&dump)
            .map_err(|error| io::Error::other(format!("{program} makes of it: {error}")))?;
        match config.missing_default_runtime() {
            Some(name) => Err(io::Error::other(format!(
                "with it, {program} would have no runtime {name:?}, which is its default"
            ))),
            None => Ok(()),
        }
    }
}

/// 1 of `containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1`.
fn major(version: &str) -> Option<u32> {
    version.split_whitespace().find_map(|word| {
        let (number, _) = word.trim_start_matches('v').split_once('.')?;
        number.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_first_word_that_begins_with_a_number() {
        for (said, number) in [
            (
                "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3",
                Some(1),
            ),
            (
                "containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4",
                Some(2),
            ),
            ("containerd", None),
        ] {
            assert_eq!(major(said), number, "{said}");
        }
    }
}
