//! The configuration's file: where it is, and whether it may be trusted.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Config, ConfigError, parse};
use crate::host::Host;
use crate::plugin::global_flags::GlobalFlags;
use crate::source::{Source, SourceError};

/// The largest configuration that is read, in bytes.
pub(super) const LIMIT: u64 = 1 << 20;

/// Where the configuration is: below `--config`, else `$DOCKER_CONFIG`, else
/// `~/.docker`, which is docker's own order.
pub fn path_of(flags: &GlobalFlags, host: &Host) -> PathBuf {
    let folder = flags
        .config
        .clone()
        .or_else(|| host.path_variable("DOCKER_CONFIG"))
        .unwrap_or_else(|| host.home().join(".docker"));
    // The path is kept in tickets and read again from another folder.
    host.folder().join(folder).join("jackin/config.toml")
}

/// Reads the configuration `file`; a missing one is empty.
///
/// The file must be the user's (or root's) and not writable by others, since
/// it says which files are handed to a container. With plain values in it,
/// nobody else may read it either, as ssh wants it of a key.
pub fn load(file: &Path, host: &Host) -> Result<Config, ConfigError> {
    let (config, _) = load_with_text(file, host)?;
    Ok(config)
}

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct Problems(pub Vec<ConfigError>);

/// Reads the configuration as [`load`] does, and finds all that is wrong.
pub fn check(file: &Path, host: &Host) -> Result<Config, Problems> {
    let one = |error| Problems(vec![error]);
    if let Some((text, _)) = read(file, host.uid()).map_err(one)? {
        let (_, problems) = parse::parse_all(file, &text, host.home());
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
    }
    load(file, host).map_err(one)
}

/// As [`load`], with the text it was read from, which may hold secrets.
pub(super) fn load_with_text(
    file: &Path,
    host: &Host,
) -> Result<(Config, Zeroizing<String>), ConfigError> {
    let Some((text, mode)) = read(file, host.uid())? else {
        let config = Config {
            file: file.to_owned(),
            ..Config::default()
        };
        return Ok((config, Zeroizing::default()));
    };
    let mut config = parse::parse(file, &text, host.home())?;
    if mode & 0o044 != 0 {
        if let Some(line) = first_plain_value(&config) {
            let file = file.to_owned();
            return Err(ConfigError::Readable { file, line, mode });
        }
        config.warnings.push(format!(
            "{} can be read by others (mode {mode:04o}); chmod 600 it",
            file.display()
        ));
    }
    Ok((config, text))
}

/// The text and the permission bits, or `None` when there is no such file.
pub(super) fn read(file: &Path, uid: u32) -> Result<Option<(Zeroizing<String>, u32)>, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable {
        file: file.to_owned(),
        error,
    };
    // A link is followed: configurations live in repositories of dot files.
    // What counts is who owns the file that was opened.
    let mut options = File::options();
    options.read(true);
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits();
    options.custom_flags(i32::try_from(nonblock).unwrap_or_default());
    let opened = match options.open(file) {
        Ok(opened) => opened,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = opened.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LIMIT {
        let file = file.to_owned();
        return Err(ConfigError::NoConfiguration { file, limit: LIMIT });
    }
    let mode = metadata.mode() & 0o7777;
    let owner = metadata.uid();
    let file = || file.to_owned();
    if owner != uid && owner != 0 {
        let file = file();
        return Err(ConfigError::Foreign { file, owner });
    }
    if mode & 0o022 != 0 {
        let file = file();
        return Err(ConfigError::Writable { file, mode });
    }
    // Room for one byte more than there is: the buffer does not grow, which
    // would leave a copy of it behind.
    let room = usize::try_from(metadata.len()).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    opened
        .take(LIMIT)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(Some((text, mode)))
}

/// The first line that holds a secret itself and not a reference to one.
pub(super) fn first_plain_value(config: &Config) -> Option<usize> {
    let workspaces = config.workspaces.values();
    let cells = workspaces.clone().flat_map(|one| one.roles.values());
    let blocks = std::iter::once(&config.agents)
        .chain(workspaces.clone().map(|one| &one.agents))
        .chain(cells.clone().map(|one| &one.agents))
        .flat_map(|blocks| blocks.values())
        .flat_map(|block| block.oauth_token.iter().chain(&block.api_key));
    let variables = std::iter::once(&config.env)
        .chain(config.roles.values().map(|one| &one.env))
        .chain(workspaces.map(|one| &one.env))
        .chain(cells.map(|one| &one.env))
        .flat_map(|env| env.values());
    blocks
        .chain(variables)
        .filter(|value| {
            let source = Source::parse(&value.written);
            // A value that begins with `$` by mistake is one, too.
            matches!(source, Ok(Source::Plain(_)) | Err(SourceError::Dollar))
        })
        .map(|value| value.line)
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn written(text: &str, mode: u32) -> (tempfile::TempDir, Result<Config, ConfigError>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let host = Host::new("/home/me", "/", []);
        let config = load(&file, &host);
        (folder, config)
    }

    #[test]
    fn a_missing_file_is_an_empty_configuration() {
        let host = Host::new("/home/me", "/", []);
        let config = load(Path::new("/nonexistent/config.toml"), &host).unwrap();
        assert!(config.roles.is_empty() && config.agents.is_empty());
    }

    #[test]
    fn a_file_that_others_can_write_is_refused() {
        let (_folder, config) = written("", 0o622);
        assert!(matches!(
            config,
            Err(ConfigError::Writable { mode: 0o622, .. })
        ));
    }

    #[test]
    fn a_plain_value_that_others_can_read_is_refused_without_showing_it() {
        let text = "[claude]\nauth_forward = \"api_key\"\napi_key = \"canary\"\n";
        let (_folder, config) = written(text, 0o644);
        let error = config.unwrap_err();
        assert!(matches!(error, ConfigError::Readable { line: 3, .. }));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn a_file_of_another_user_is_refused_with_the_way_out() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, "").unwrap();
        std::os::unix::fs::chown(&file, Some(12), None).unwrap();
        let error = load(&file, &Host::new("/home/me", "/", [])).unwrap_err();
        assert!(matches!(error, ConfigError::Foreign { owner: 12, .. }));
        assert!(
            !crate::failure::Failure::from(error)
                .to_string()
                .contains("chown")
        );
    }

    #[test]
    fn a_mistaken_dollar_is_a_plain_value_as_well() {
        let (_folder, config) = written("[env]\nA = \"$canary-1\"\n", 0o644);
        assert!(matches!(config, Err(ConfigError::Readable { line: 2, .. })));
    }

    #[test]
    fn references_that_others_can_read_are_worth_a_warning() {
        let (_folder, config) = written("[env]\nA = \"$A\"\n", 0o644);
        assert_eq!(config.unwrap().warnings.len(), 1);
        let (_folder, config) = written("[env]\nA = \"plain\"\n", 0o600);
        assert!(config.unwrap().warnings.is_empty());
    }

    #[test]
    fn the_folder_is_chosen_as_docker_chooses_it() {
        let host = Host::new("/home/me", "/srv", []);
        let other = Host::new("/home/me", "/srv", [("DOCKER_CONFIG".into(), "/dc".into())]);
        let given = GlobalFlags {
            config: Some("here".into()),
            ..GlobalFlags::default()
        };
        let none = GlobalFlags::default();
        for (flags, host, path) in [
            (&none, &host, "/home/me/.docker/jackin/config.toml"),
            (&none, &other, "/dc/jackin/config.toml"),
            (&given, &other, "/srv/here/jackin/config.toml"),
        ] {
            assert_eq!(path_of(flags, host), Path::new(path));
        }
    }
}
