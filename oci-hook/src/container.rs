//! What the engine's side keeps of a container it serves, in root-only tmpfs.
//!
//! `/run/docker-jackin/containers/<id>/` (0700) holds `marker.json`, which has
//! no secret in it and is there first, `record.json`, the `bundle` that the
//! low-level runtime reads, process files of execs that are under way,
//! `files`, where the container's own tmpfs is kept ([`crate::kept`]), and what
//! the hook leaves word of: `served`, the process it delivered to, and for the
//! wrapper that waits `failure` and `warnings`. It outlives a stop, so that the container can start again, and goes with the
//! first sweep after the container is removed.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FlockOperation, Mode};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::file;
use crate::kept::{self, Kept};
use crate::record::Record;
use crate::served::Served;
use crate::ticket::to_wiped_json;

const MARKER: &str = "marker.json";
const RECORD: &str = "record.json";
const BUNDLE: &str = "bundle";
const FAILURE: &str = "failure";
const WARNINGS: &str = "warnings";
const SERVED: &str = "served";
const PROCESS_PREFIX: &str = "process-";
const MAX_MARKER: u64 = 64 << 10;
const MAX_RECORD: u64 = 8 << 20;
const MAX_MESSAGE: usize = 16 << 10;
const MAX_SERVED: u64 = 4096;

/// Why what we keep cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is not in memory, and secrets do not go to a disk.
    #[error(
        "{path} is not on a tmpfs, and a secret must not reach a disk; \
         mount one: mount -t tmpfs -o mode=0700 tmpfs {path}"
    )]
    OnDisk {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else owns the folder, or may enter it.
    #[error("{path} must be owned by uid {uid} with mode 0700; mend it with chown and chmod")]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// The user that must own it.
        uid: u32,
    },
    /// The container's id cannot be a file's name.
    #[error("container id {0:?} has characters outside [A-Za-z0-9_.+-]")]
    Id(OsString),
    /// The record was written by another version, or is damaged.
    #[error(
        "the record of container {id} cannot be read; remove the container and start a new one"
    )]
    Record {
        /// The container.
        id: ContainerId,
    },
    /// The container's own variables are too large to be kept beside ours.
    #[error(
        "the record of container {id} is larger than {MAX_RECORD} bytes; give the container a smaller environment"
    )]
    TooLarge {
        /// The container.
        id: ContainerId,
    },
    /// Another engine has a served container of this id.
    #[error(
        "container id {id} is in use with the runtime state in {root}; remove that container first"
    )]
    OtherRoot {
        /// The id.
        id: ContainerId,
        /// The other engine's state.
        root: PathBuf,
    },
    /// A system call failed.
    #[error("failed to {action} {path}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A container's id, fit to be a folder's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerId(String);

impl ContainerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<OsString> for ContainerId {
    type Error = Error;

    fn try_from(id: OsString) -> Result<Self, Error> {
        // The alphabet of runc and crun (libcontainer's `validateID`).
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte);
        match id.into_string() {
            Ok(id)
                if (1..=255).contains(&id.len())
                    && !id.starts_with('.')
                    && id.bytes().all(allowed) =>
            {
                Ok(Self(id))
            }
            Ok(id) => Err(Error::Id(id.into())),
            Err(id) => Err(Error::Id(id)),
        }
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose container it is, and how to tell that it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// The low-level runtime's state folder (`--root`): container ids are
    /// unique only within one. A hook is not told of it; of a container that it
    /// serves alone, this is the engine's bundle.
    pub root: PathBuf,
    /// A path that exists for as long as the engine knows the container.
    pub alive: PathBuf,
}

/// The folder of one container.
#[derive(Debug)]
pub struct Container {
    id: ContainerId,
    folder: OwnedFd,
    path: PathBuf,
}

impl Marker {
    /// Whether the engine still knows the container.
    pub fn is_alive(&self) -> bool {
        !matches!(self.alive.try_exists(), Ok(false))
    }
}

impl Container {
    /// The container whose open folder this is.
    pub fn in_folder(id: ContainerId, folder: OwnedFd, path: PathBuf) -> Self {
        Self { id, folder, path }
    }

    /// Its id.
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// Its own tmpfs, as far as it is kept.
    pub fn kept(&self) -> Kept<'_> {
        Kept::of(&self.folder)
    }

    /// Drops its own tmpfs with all that is on it.
    pub fn drop_kept(&self) -> Result<(), Error> {
        let path = self.path.join(kept::FOLDER);
        let dropped = self.kept().drop_it();
        dropped.map_err(|error| system("unmount", &path, error))
    }

    /// Whether this is its bundle, by whatever path: a runtime tells the one
    /// that no link is in, and a rootless Docker's `/run` is made of links.
    pub fn has_bundle(&self, bundle: &Path) -> bool {
        let ours = fs::statat(&self.folder, BUNDLE, AtFlags::SYMLINK_NOFOLLOW);
        match (ours, fs::stat(bundle)) {
            (Ok(ours), Ok(theirs)) => (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino),
            _ => false,
        }
    }

    /// Locks its folder against other processes, when it is free; until
    /// [`Self::unlock`], or until this is dropped.
    pub fn lock(&self) -> Result<(), Error> {
        self.flock(FlockOperation::LockExclusive)
    }

    /// Locks its folder, if nobody else has it locked.
    pub fn try_lock(&self) -> Result<bool, Error> {
        match self.flock(FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Error::System { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the lock back.
    pub fn unlock(&self) -> Result<(), Error> {
        self.flock(FlockOperation::Unlock)
    }

    fn flock(&self, operation: FlockOperation) -> Result<(), Error> {
        fs::flock(&self.folder, operation).map_err(|error| system("lock", &self.path, error))
    }

    /// Whether its folder was not removed meanwhile.
    pub fn is_there(&self) -> Result<bool, Error> {
        let stat = fs::fstat(&self.folder).map_err(|error| system("stat", &self.path, error))?;
        Ok(stat.st_nlink > 0)
    }

    /// Whose it is; `None` while its folder is being made.
    pub fn marker(&self) -> Result<Option<Marker>, Error> {
        let Some(bytes) = self.read(MARKER, MAX_MARKER)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| self.damaged())
    }

    /// Whether no engine knows it: it is gone, or its folder was never finished.
    /// That holds for as long as its folder is locked.
    pub fn is_left(&self) -> Result<bool, Error> {
        Ok(!self.marker()?.is_some_and(|marker| marker.is_alive()))
    }

    /// Says whose it is.
    pub fn mark(&self, marker: &Marker) -> Result<(), Error> {
        let unwritable = |error: io::Error| system("write", &self.path.join(MARKER), error);
        let bytes = serde_json::to_vec(marker).map_err(|error| unwritable(error.into()))?;
        file::replace(&self.folder, MARKER, &bytes).map_err(unwritable)
    }

    /// What is known of it; `None` before its ticket was redeemed.
    pub fn record(&self) -> Result<Option<Record>, Error> {
        let Some(bytes) = self.read(RECORD, MAX_RECORD)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| self.damaged())
    }

    fn read(&self, name: &str, limit: u64) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let fd = match fs::openat(&self.folder, name, file::READ_HOSTILE, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(system("open", &self.path.join(name), error)),
        };
        let bytes = file::read_bounded(fd, limit).map_err(|_| self.damaged())?;
        Ok(Some(bytes))
    }

    fn damaged(&self) -> Error {
        Error::Record {
            id: self.id.clone(),
        }
    }

    /// Replaces what is known of it.
    pub fn save(&self, record: &Record) -> Result<(), Error> {
        let unwritable = |error: io::Error| system("write", &self.path.join(RECORD), error);
        let bytes = to_wiped_json(record).map_err(|error| unwritable(error.into()))?;
        if bytes.len() as u64 > MAX_RECORD {
            let id = self.id.clone();
            return Err(Error::TooLarge { id });
        }
        file::replace(&self.folder, RECORD, &bytes).map_err(unwritable)
    }

    /// Writes the `config.json` that the low-level runtime reads, and returns
    /// the path of its bundle.
    pub fn write_bundle(&self, config: &[u8]) -> Result<PathBuf, Error> {
        let path = self.path.join(BUNDLE);
        let folder = file::make_folder(&self.folder, BUNDLE)
            .map_err(|error| system("make", &path, error))?;
        file::replace(&folder, "config.json", config)
            .map_err(|error| system("write", &path.join("config.json"), error))?;
        Ok(path)
    }

    /// Writes the process file of one exec and returns its path.
    ///
    /// The low-level runtime reads it after this process has become that
    /// runtime, so it is named after our pid and the namespace that the pid is
    /// of, and removed by the first exec or sweep there that finds it gone.
    pub fn write_process(&self, process: &[u8]) -> Result<PathBuf, Error> {
        let (namespace, pid) = (pid_namespace()?, std::process::id());
        let name = format!("{PROCESS_PREFIX}{namespace}-{pid}.json");
        file::replace(&self.folder, &name, process)
            .map_err(|error| system("write", &self.path.join(&name), error))?;
        Ok(self.path.join(name))
    }

    /// Removes the process files of execs that are over.
    pub fn drop_finished_processes(&self) -> Result<(), Error> {
        let names = file::names(&self.folder).map_err(|error| system("list", &self.path, error))?;
        // Another namespace's pids say nothing here.
        let ours = format!("{PROCESS_PREFIX}{}-", pid_namespace()?);
        for name in names {
            let pid = name
                .trim_start_matches('.')
                .strip_prefix(&ours)
                .and_then(|rest| rest.split('.').next())
                .and_then(|pid| pid.parse::<u32>().ok());
            let Some(pid) = pid else { continue };
            if !Path::new("/proc").join(pid.to_string()).exists() {
                file::gone(fs::unlinkat(&self.folder, &*name, AtFlags::empty()))
                    .map_err(|error| system("remove", &self.path.join(name), error))?;
            }
        }
        Ok(())
    }

    /// The process of its that was served last, if that is this one.
    pub fn served(&self, init: &Served) -> Result<Option<Served>, Error> {
        let bytes = self.read(SERVED, MAX_SERVED)?;
        let served = bytes.and_then(|bytes| serde_json::from_slice::<Served>(&bytes).ok());
        Ok(served.filter(|served| served.is_process(init)))
    }

    /// Says which process of its was served last.
    pub fn mark_served(&self, served: &Served) -> Result<(), Error> {
        let unwritable = |error: io::Error| system("write", &self.path.join(SERVED), error);
        let bytes = serde_json::to_vec(served).map_err(|error| unwritable(error.into()))?;
        file::replace(&self.folder, SERVED, &bytes).map_err(unwritable)
    }

    /// Leaves word of why the hook failed, for the wrapper that waits.
    pub fn write_failure(&self, message: &str) -> Result<(), Error> {
        self.write_message(FAILURE, message)
    }

    /// Takes the hook's word of why it failed, if it left one.
    pub fn take_failure(&self) -> Option<String> {
        self.take_message(FAILURE)
    }

    /// Leaves word of what is not as it should be though the hook went on, for
    /// the wrapper that waits.
    pub fn write_warnings(&self, warnings: &[String]) -> Result<(), Error> {
        self.write_message(WARNINGS, &warnings.join("\n"))
    }

    /// Takes the hook's warnings, if it left any.
    pub fn take_warnings(&self) -> Vec<String> {
        let warnings = self.take_message(WARNINGS).unwrap_or_default();
        warnings.lines().map(str::to_owned).collect()
    }

    fn write_message(&self, name: &str, message: &str) -> Result<(), Error> {
        let message = &message.as_bytes()[..message.len().min(MAX_MESSAGE)];
        file::replace(&self.folder, name, message)
            .map_err(|error| system("write", &self.path.join(name), error))
    }

    fn take_message(&self, name: &str) -> Option<String> {
        let fd = fs::openat(&self.folder, name, file::READ_HOSTILE, Mode::empty()).ok()?;
        let bytes = file::read_bounded(fd, MAX_MESSAGE as u64).ok()?;
        let _ = fs::unlinkat(&self.folder, name, AtFlags::empty());
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

pub(crate) fn system(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Error {
    Error::System {
        action,
        path: path.to_owned(),
        source: source.into(),
    }
}

/// The number of our pid namespace.
fn pid_namespace() -> Result<u64, Error> {
    let path = Path::new("/proc/self/ns/pid");
    let stat = fs::stat(path).map_err(|error| system("stat", path, error))?;
    Ok(stat.st_ino)
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
