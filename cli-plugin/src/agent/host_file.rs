//! Reading an agent's own files on the host: bounded, regular, and links only
//! inside the user's own home.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

use super::claude::KeychainError;

/// Why a file that is there is not read.
#[derive(Debug, thiserror::Error)]
pub enum HostFileError {
    /// The system refuses.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A link leads out of the home.
    #[error("{} leads to {}, outside {}", path.display(), target.display(), allowed.display())]
    LeadsOutside {
        /// The file.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
        /// Where it may lead.
        allowed: PathBuf,
    },
    /// It is no regular file, or too large.
    #[error("{} is no regular file of at most {limit} bytes", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// The login lies in the macOS Keychain, which does not give it.
    #[error(transparent)]
    Keychain(#[from] KeychainError),
}

impl HostFileError {
    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Keychain(error) => error.remedy(),
            _ => "make the file your own and readable, or choose another auth_forward",
        }
    }
}

/// Reads `path`, which may be a link to somewhere below `allowed` (the home,
/// or the folder the user named for the agent). `None` when nothing is there.
pub fn read(
    path: &Path,
    allowed: &Path,
    limit: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, HostFileError> {
    let unreadable = |error| HostFileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let within = fs::canonicalize(allowed).map_err(unreadable)?;
    if !target.starts_with(&within) {
        return Err(HostFileError::LeadsOutside {
            path: path.to_owned(),
            target,
            allowed: within,
        });
    }
    // The target has been followed to its end: a link here now is a swap.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(&target, flags, Mode::empty());
    let file = File::from(opened.map_err(|error| unreadable(error.into()))?);
    let metadata = file.metadata().map_err(unreadable)?;
    let too_large = || HostFileError::NoFile {
        path: path.to_owned(),
        limit,
    };
    if !metadata.is_file() || metadata.len() > limit {
        return Err(too_large());
    }
    let room = usize::try_from(metadata.len()).unwrap_or_default() + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if content.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn scenario_30_a_link_is_followed_inside_the_home_only() {
        let home = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("real"), "inside").unwrap();
        fs::write(elsewhere.path().join("other"), "outside").unwrap();
        symlink("real", at("inner")).unwrap();
        symlink(elsewhere.path().join("other"), at("outer")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink(elsewhere.path(), at("folder")).unwrap();

        let read = |name: &str| read(&at(name), home.path(), 100);
        assert_eq!(read("inner").unwrap().unwrap().as_slice(), b"inside");
        for outside in ["outer", "folder/other"] {
            let error = read(outside).unwrap_err();
            assert!(
                matches!(error, HostFileError::LeadsOutside { .. }),
                "{error}"
            );
        }
        assert!(read("dangling").unwrap().is_none());
        assert!(read("missing").unwrap().is_none());
        assert!(read("loop").is_err());
    }

    #[test]
    fn scenario_29_what_is_there_and_no_small_file_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("large"), [b'x'; 101]).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
        for name in ["folder", "large", "fifo"] {
            let error = read(&at(name), home.path(), 100).unwrap_err();
            assert!(matches!(error, HostFileError::NoFile { .. }), "{error}");
        }
    }
}
