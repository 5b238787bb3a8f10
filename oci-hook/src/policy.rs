//! The policy: which containers are served that have no ticket, and by whose
//! configuration (`/etc/docker-jackin/policy.toml`).
//!
//! It is root's word, so only root may be able to write it. There is none
//! unless root makes one, and then a container without a ticket costs one file
//! that is not there.

mod decision;
mod rule;

use std::io;
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
        let read = |source: io::Error| Error::Read {
            path: path.clone(),
            source,
        };
        // First by its path: mostly there is none, and that is all it costs.
        match fs::open(&path, READ_HOSTILE, Mode::empty()) {
            Ok(_) => {}
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(Errno::LOOP) => return Err(Error::NoFile(path)),
            Err(error) => return Err(read(error.into())),
        }
        let within = fs::open(folder, folder_flags(standing), Mode::empty());
        let within = within.map_err(|error| read(error.into()))?;
        if !is_roots_alone(&within, standing).map_err(read)? {
            return Err(Error::NotRoots(folder.to_owned()));
        }
        let file = match fs::openat(&within, NAME, READ_HOSTILE, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::LOOP) => return Err(Error::NoFile(path)),
            Err(error) => return Err(read(error.into())),
        };
        if !is_roots_alone(&file, standing).map_err(read)? {
            return Err(Error::NotRoots(path));
        }
        if !is_regular(&file).map_err(read)? {
            return Err(Error::NoFile(path));
        }
        let bytes = file::read_bounded(&file, MAX_SIZE).map_err(read)?;
        match Self::from_toml(&String::from_utf8_lossy(&bytes)) {
            Ok(policy) => Ok(Some(policy)),
            Err(source) => Err(Error::Invalid { path, source }),
        }
    }

    /// Reads the text of a policy.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, Invalid> {
        let rules = rule::parse(text)?;
        Ok(Self { rules })
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
fn is_roots_alone(fd: &impl std::os::fd::AsFd, standing: Standing) -> io::Result<bool> {
    let stat = fs::fstat(fd)?;
    let root = match standing {
        Standing::Root => 0,
        Standing::Rootless { .. } => UNMAPPED,
    };
    Ok(stat.st_uid == root && stat.st_mode & 0o022 == 0)
}

fn is_regular(fd: &impl std::os::fd::AsFd) -> io::Result<bool> {
    let stat = fs::fstat(fd)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
