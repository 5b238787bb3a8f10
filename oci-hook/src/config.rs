//! The wrapper's own settings: `/etc/docker-jackin/runtime.toml`.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::file;
use crate::passwd;
use crate::standing::Standing;

/// Where the settings are; written by `docker jackin install`.
pub const PATH: &str = "/etc/docker-jackin/runtime.toml";

const MAX_SIZE: u64 = 64 << 10;

/// Below a user's home, where the settings of their rootless engine are.
const ROOTLESS_PATH: &str = ".config/docker-jackin/runtime.toml";

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else could have written them.
    #[error(
        "{path} must be owned by {owner} and writable by nobody else; mend it with chown and chmod"
    )]
    NotTrusted {
        /// The file.
        path: PathBuf,
        /// Who may own it.
        owner: &'static str,
    },
    /// They are no settings of ours.
    #[error("{path}: line {line}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A path in them is relative, and would be looked up who knows where.
    #[error("{path}: {key} must be an absolute path")]
    Relative {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// They cannot be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
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
    /// Reads the settings; a missing file means the defaults. A rootless engine
    /// has its user's, else the machine's.
    pub fn load(standing: Standing) -> Result<Self, Error> {
        for path in paths(standing)? {
            if let Some(config) = Self::read(&path, standing)? {
                return Ok(config);
            }
        }
        Ok(Self::default())
    }

    fn read(path: &Path, standing: Standing) -> Result<Option<Self>, Error> {
        let unread = unread(path);
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unread(error)),
        };
        if !standing.trusts(&file).map_err(&unread)? {
            let owner = match standing {
                Standing::Root => "root",
                Standing::Rootless { .. } => "you or root",
            };
            let path = path.to_owned();
            return Err(Error::NotTrusted { path, owner });
        }
        let bytes = file::read_bounded(&file, MAX_SIZE).map_err(&unread)?;
        Self::from_toml(&String::from_utf8_lossy(&bytes), path).map(Some)
    }

    fn from_toml(text: &str, path: &Path) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            Error::Malformed {
                path: path.to_owned(),
                line: before.map_or(1, |before| before.matches('\n').count() + 1),
                message: error.message().to_owned(),
            }
        })?;
        for (key, value) in [
            ("low_level", &config.low_level),
            ("resolver", &config.resolver),
        ] {
            if value.as_deref().is_some_and(Path::is_relative) {
                let path = path.to_owned();
                return Err(Error::Relative { path, key });
            }
        }
        Ok(config)
    }
}

/// Where the settings of an engine that stands so may be, best first.
fn paths(standing: Standing) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    if let Standing::Rootless { uid } = standing {
        let home = passwd::home_on_host(uid).map_err(unread(Path::new("/etc/passwd")))?;
        paths.extend(home.map(|home| user_path(&home)));
    }
    paths.push(PATH.into());
    Ok(paths)
}

/// Where the settings of a user's rootless engine are, by that user's home.
pub fn user_path(home: &Path) -> PathBuf {
    home.join(ROOTLESS_PATH)
}

fn unread(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Error> {
        Config::from_toml(text, Path::new("/etc/runtime.toml"))
    }

    #[test]
    fn settings_are_read_strictly() {
        let config = read("low_level = \"/usr/bin/crun\"\n").unwrap();
        assert_eq!(config.low_level, Some("/usr/bin/crun".into()));
        assert_eq!(read("").unwrap(), Config::default());
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let error = read("\n\nlow_levl = \"/usr/bin/runc\"\n").unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("line 3") && message.contains("low_levl"),
            "{message}"
        );
    }

    #[test]
    fn a_relative_path_is_refused() {
        let error = read("resolver = \"bin/docker-jackin\"").unwrap_err();
        assert!(matches!(
            error,
            Error::Relative {
                key: "resolver",
                ..
            }
        ));
    }

    #[test]
    fn settings_that_somebody_else_could_have_written_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runtime.toml");
        assert!(Config::read(&path, Standing::Root).unwrap().is_none());
        std::fs::write(&path, "").unwrap();
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o646))
            .unwrap();
        let error = Config::read(&path, Standing::Root).unwrap_err();
        assert!(matches!(error, Error::NotTrusted { .. }), "{error}");
    }

    #[test]
    fn a_rootless_engine_has_its_users_settings_before_the_machines() {
        let paths = paths(Standing::Rootless { uid: 0 }).unwrap();
        assert_eq!(paths.len(), 2);
        assert!(paths[0].ends_with(ROOTLESS_PATH), "{paths:?}");
        assert_eq!(paths[1], Path::new(PATH));
        assert_eq!(super::paths(Standing::Root).unwrap(), [Path::new(PATH)]);
    }
}
