//! The wrapper's own settings: `/etc/docker-jackin/runtime.toml`.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs;
use serde::Deserialize;

use crate::file;

/// Where the settings are; written by `docker jackin install`.
pub const PATH: &str = "/etc/docker-jackin/runtime.toml";

const MAX_SIZE: u64 = 64 << 10;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody other than root could have written them.
    #[error(
        "{PATH} must be owned by root and writable by nobody else; mend it with chown and chmod"
    )]
    NotRoots,
    /// They are no settings of ours.
    #[error("{PATH}: {0}")]
    Malformed(String),
    /// A path in them is relative, and would be looked up who knows where.
    #[error("{PATH}: {key} must be an absolute path")]
    Relative {
        /// The key.
        key: &'static str,
    },
    /// They cannot be read.
    #[error("failed to read {PATH}: {0}")]
    Read(io::Error),
}

/// The wrapper's settings.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The low-level runtime; by default runc, else crun, from the folders
    /// where distributions put them.
    pub low_level: Option<PathBuf>,
    /// The `docker-jackin` that resolves a request again when its container
    /// restarts, as the ticket's owner; without it, the first payload stays.
    pub resolver: Option<PathBuf>,
}

impl Config {
    /// Reads the settings; a missing file means the defaults.
    pub fn load() -> Result<Self, Error> {
        let file = match std::fs::File::open(PATH) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::Read(error)),
        };
        if !is_roots_alone(&file).map_err(Error::Read)? {
            return Err(Error::NotRoots);
        }
        let bytes = file::read_bounded(&file, MAX_SIZE).map_err(Error::Read)?;
        Self::from_toml(&String::from_utf8_lossy(&bytes))
    }

    fn from_toml(text: &str) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            Error::Malformed(format!("line {line}: {}", error.message()))
        })?;
        for (key, path) in [
            ("low_level", &config.low_level),
            ("resolver", &config.resolver),
        ] {
            if path.as_deref().is_some_and(Path::is_relative) {
                return Err(Error::Relative { key });
            }
        }
        Ok(config)
    }
}

/// Whether only root can change an open file.
pub fn is_roots_alone(file: impl AsFd) -> io::Result<bool> {
    let stat = fs::fstat(file)?;
    Ok(stat.st_uid == 0 && stat.st_mode & 0o022 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_strictly() {
        let config = Config::from_toml("low_level = \"/usr/bin/crun\"\n").unwrap();
        assert_eq!(config.low_level, Some("/usr/bin/crun".into()));
        assert_eq!(Config::from_toml("").unwrap(), Config::default());
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let error = Config::from_toml("\n\nlow_levl = \"/usr/bin/runc\"\n").unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("line 3") && message.contains("low_levl"),
            "{message}"
        );
    }

    #[test]
    fn a_relative_path_is_refused() {
        let error = Config::from_toml("resolver = \"bin/docker-jackin\"").unwrap_err();
        assert!(matches!(error, Error::Relative { key: "resolver" }));
    }
}
