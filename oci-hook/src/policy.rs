//! The policy: which containers are served that have no ticket, and by whose
//! configuration (`/etc/docker-jackin/policy.toml`).
//!
//! It is root's word, so only root may be able to write it. There is none
//! unless root makes one.

mod decision;
mod rule;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::config::PATH as SETTINGS;
use crate::file::{self, READ_HOSTILE};
use crate::standing::{Standing, UNMAPPED};

pub use decision::{Decision, Facts, Missed, Verdict, decide};
pub use rule::{Conditions, Invalid, OnFailure, Owner, Rule, Subject};

/// Where the policy is, beside the wrapper's own settings.
pub const PATH: &str = "/etc/docker-jackin/policy.toml";

const NAME: &str = "policy.toml";

const MAX_SIZE: u64 = 256 << 10;

/// Why nobody is served by a policy that is there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody other than root could have written it, or put another in its
    /// place.
    #[error(
        "{} must be owned by root and writable by nobody else; mend it with: chown root:root {} && chmod go-w {}",
        .0.display(), .0.display(), .0.display()
    )]
    NotRoots(PathBuf),
    /// It is a link, a folder, or anything else that is no file.
    #[error("{} is no regular file, and links are not followed", .0.display())]
    NoFile(PathBuf),
    /// Its text is no policy.
    #[error("{}, {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong there.
        source: Invalid,
    },
    /// It cannot be read.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Whether there is a policy, of whatever kind: mostly not, and then this one
/// system call is all it costs.
pub fn is_there() -> bool {
    !matches!(fs::lstat(PATH), Err(Errno::NOENT | Errno::NOTDIR))
}

/// The rules, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The first of them that matches counts.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// Reads this machine's policy; `None` when there is none.
    ///
    /// # Errors
    /// It is refused as a whole: half a policy is not what root wrote.
    pub fn load(standing: Standing) -> Result<Option<Self>, Error> {
        let folder = Path::new(SETTINGS).parent().unwrap_or(Path::new("/"));
        Self::load_from(folder, standing)
    }

    /// Reads the policy of a folder.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_from(folder: &Path, standing: Standing) -> Result<Option<Self>, Error> {
        let path = folder.join(NAME);
        let Some(file) = open(folder, &path, standing)? else {
            return Ok(None);
        };
        let bytes = file::read_bounded(&file, MAX_SIZE).map_err(unread(&path))?;
        match Self::from_toml(&bytes) {
            Ok(policy) => Ok(Some(policy)),
            Err(source) => Err(Error::Invalid { path, source }),
        }
    }

    /// Reads the text of a policy.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn from_toml(text: &[u8]) -> Result<Self, Invalid> {
        let rules = rule::parse(text)?;
        Ok(Self { rules })
    }
}

/// Opens the policy of a folder, once nobody but root can have written it.
fn open(folder: &Path, path: &Path, standing: Standing) -> Result<Option<OwnedFd>, Error> {
    let read = unread(path);
    let within = match fs::open(folder, folder_flags(standing), Mode::empty()) {
        Ok(within) => within,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(read(error.into())),
    };
    let file = match fs::openat(&within, NAME, READ_HOSTILE, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(Error::NoFile(path.to_owned())),
        Err(error) => return Err(read(error.into())),
    };
    for (fd, place) in [(&within, folder), (&file, path)] {
        if !is_roots_alone(fd, standing).map_err(&read)? {
            return Err(Error::NotRoots(place.to_owned()));
        }
    }
    let stat = fs::fstat(&file).map_err(|error| read(error.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::NoFile(path.to_owned()));
    }
    Ok(Some(file))
}

/// The error for a file that the policy needs.
pub fn unread(path: impl AsRef<Path>) -> impl Fn(io::Error) -> Error {
    let path = path.as_ref().to_owned();
    move |source| Error::Read {
        path: path.clone(),
        source,
    }
}

/// A rootless engine may have an `/etc` of its own, in which every entry is a
/// link to the host's.
fn folder_flags(standing: Standing) -> OFlags {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match standing {
        Standing::Root => flags | OFlags::NOFOLLOW,
        Standing::Rootless { .. } => flags,
    }
}

/// Whether only the machine's root can change an open file. To a rootless
/// engine root is a user without an id.
fn is_roots_alone(fd: impl AsFd, standing: Standing) -> io::Result<bool> {
    let stat = fs::fstat(fd)?;
    let root = match standing {
        Standing::Root => 0,
        Standing::Rootless { .. } => UNMAPPED,
    };
    Ok(stat.st_uid == root && stat.st_mode & 0o022 == 0)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
