//! Opening what a ticket's owner keeps for the engine's side, as hostile input:
//! the owner is an ordinary user, and we are root.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::file;
use crate::standing::Standing;

/// A folder of an owner's, in memory.
#[derive(Debug)]
pub struct OwnersFolder {
    fd: OwnedFd,
    stat: Stat,
    /// The owner as files of theirs show here.
    owner: u32,
}

/// Who may be let into a folder besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody: 0700, or less.
    Owner,
    /// Everybody may read, and its owner alone write: 0755, to the letter.
    Readers,
}

/// Why an owner's folder is not entered.
#[derive(Debug)]
pub enum Refused {
    /// A rootless engine has no business with this owner.
    OtherEngine,
    /// It is no folder of its owner's in memory with the right mode, or it is
    /// reached through a link or somebody's mount.
    Unsafe,
    /// A system call failed.
    System(&'static str, Errno),
}

impl OwnersFolder {
    /// Opens a folder of user `uid`'s that nobody else may enter, without
    /// following a link anywhere on the way; `None` where there is none.
    ///
    /// A rootless engine has no more powers than that owner, and a rootless
    /// Docker's `/run` is made of links, so there those above the folder are
    /// followed.
    pub fn open(path: &Path, uid: u32, standing: Standing) -> Result<Option<Self>, Refused> {
        let owner = standing.seen(uid).ok_or(Refused::OtherEngine)?;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = match standing {
            Standing::Root => fs::openat2(fs::CWD, path, FLAGS, Mode::empty(), resolve),
            Standing::Rootless { .. } => fs::open(path, FLAGS, Mode::empty()),
        };
        Self::checked(opened, owner, Access::Owner)
    }

    /// Opens a folder in it, by one name.
    ///
    /// Nobody's mount is entered: it could be a user's own FUSE file system,
    /// which answers when it likes.
    pub fn below(&self, name: &str, access: Access) -> Result<Option<Self>, Refused> {
        let resolve =
            ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        let opened = fs::openat2(&self.fd, name, FLAGS, Mode::empty(), resolve);
        Self::checked(opened, self.owner, access)
    }

    /// Its fd (`O_PATH`).
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The same, when no more of it is wanted.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// What stat(2) says of it.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    fn checked(
        opened: Result<OwnedFd, Errno>,
        owner: u32,
        access: Access,
    ) -> Result<Option<Self>, Refused> {
        let fd = match opened {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => return Err(Refused::Unsafe),
            Err(error) => return Err(Refused::System("open", error)),
        };
        let in_memory = file::in_memory(&fd).map_err(|error| Refused::System("statfs", error))?;
        let stat = fs::fstat(&fd).map_err(|error| Refused::System("stat", error))?;
        let mode = match access {
            Access::Owner => stat.st_mode & 0o077 == 0,
            Access::Readers => stat.st_mode & 0o7777 == 0o755,
        };
        if !in_memory || stat.st_uid != owner || !mode {
            return Err(Refused::Unsafe);
        }
        Ok(Some(Self { fd, stat, owner }))
    }
}

const FLAGS: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
