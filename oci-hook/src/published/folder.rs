//! Finding what an owner publishes. All of it is the owner's to change at any
//! time: what was opened is held as an fd, and nothing in it is read here.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::folder;
use crate::identity::Identity;
use crate::owners_folder::{Access, OwnersFolder, Refused};
use crate::published::{Inode, LOGINS, LoginId, PUBLISHED};
use crate::standing::Standing;

/// Why a container cannot follow a login.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such publication.
    #[error("uid {uid} does not publish it")]
    Missing {
        /// The owner.
        uid: u32,
    },
    /// A folder on the way to it, or its own, may not be trusted.
    #[error(
        "{path} must be a folder of uid {uid} on tmpfs with mode {mode}, and no link or mount on \
         the way to it"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The owner.
        uid: u32,
        /// The mode that it must have.
        mode: &'static str,
    },
    /// The engine is another user's own.
    #[error("this rootless engine is not uid {uid}'s, whose login it is")]
    OtherEngine {
        /// The owner.
        uid: u32,
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

/// A login as its owner publishes it.
#[derive(Debug)]
pub struct Publication {
    login: OwnersFolder,
    published: OwnersFolder,
}

impl Publication {
    /// Opens what user `uid` publishes of a login, in the first of their
    /// folders that has it.
    pub fn open(uid: u32, standing: Standing, login: &LoginId) -> Result<Self, Error> {
        Self::open_in(&folder::candidates(uid), uid, standing, login)
    }

    fn open_in(
        folders: &[PathBuf],
        uid: u32,
        standing: Standing,
        login: &LoginId,
    ) -> Result<Self, Error> {
        let search = Search { uid, standing };
        for path in folders {
            if let Some(publication) = search.of(path, login)? {
                return Ok(publication);
            }
        }
        Err(Error::Missing { uid })
    }

    /// The folder that containers mount (`O_PATH`).
    pub fn folder(&self) -> &OwnedFd {
        self.published.fd()
    }

    /// Which folder that is.
    pub fn inode(&self) -> Inode {
        let stat = self.published.stat();
        Inode {
            device: stat.st_dev,
            number: stat.st_ino,
        }
    }

    /// The login's own folder, in which its owner alone may write.
    pub(super) fn login(&self) -> &OwnedFd {
        self.login.fd()
    }

    /// Its owner, with no groups but that of the folder.
    pub(super) fn owner(&self) -> Identity {
        let stat = self.login.stat();
        Identity {
            uid: rustix::process::Uid::from_raw(stat.st_uid),
            gid: rustix::process::Gid::from_raw(stat.st_gid),
            groups: Vec::new(),
        }
    }
}

struct Search {
    uid: u32,
    standing: Standing,
}

impl Search {
    fn of(&self, path: &Path, login: &LoginId) -> Result<Option<Publication>, Error> {
        let opened = OwnersFolder::open(path, self.uid, self.standing);
        let mut path = path.to_owned();
        let Some(mut folder) = self.told(opened, &path, Access::Owner)? else {
            return Ok(None);
        };
        for name in [LOGINS, login.as_str()] {
            path.push(name);
            let opened = folder.below(name, Access::Owner);
            match self.told(opened, &path, Access::Owner)? {
                Some(below) => folder = below,
                None => return Ok(None),
            }
        }
        path.push(PUBLISHED);
        let opened = folder.below(PUBLISHED, Access::Readers);
        let published = self.told(opened, &path, Access::Readers)?;
        Ok(published.map(|published| Publication {
            login: folder,
            published,
        }))
    }

    fn told<T>(&self, opened: Result<T, Refused>, path: &Path, access: Access) -> Result<T, Error> {
        let (path, uid) = (path.to_owned(), self.uid);
        let mode = match access {
            Access::Owner => "0700",
            Access::Readers => "0755",
        };
        opened.map_err(|refused| match refused {
            Refused::OtherEngine => Error::OtherEngine { uid },
            Refused::Unsafe => Error::Folder { path, uid, mode },
            Refused::System(action, error) => Error::System {
                action,
                path,
                source: error.into(),
            },
        })
    }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
