//! A file's place in a container, and what may be done with it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{self, AtFlags, FallocateFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::file;
use crate::identity::Identity;
use crate::rootfs::{Rootfs, reopen};
use crate::trouble::Trouble;

/// A file's place: its folder, held open, and its name in there.
#[derive(Debug)]
pub struct Spot {
    /// The folder.
    pub folder: OwnedFd,
    /// The file's name: one component, no link at the time it was looked at.
    pub name: OsString,
    /// The path that led here, for messages.
    pub path: PathBuf,
    /// Whether a regular file was there.
    pub occupied: bool,
}

/// The largest file that is edited, in bytes.
const MAX_SIZE: u64 = 32 << 20;

/// A file as it was read.
#[derive(Debug)]
struct Content {
    text: String,
    stat: Stat,
}

impl Spot {
    /// Changes the file's text as the container's user. `change` gets what is
    /// there, nothing for a file that is missing, and says what there is to be,
    /// or `None` when nothing is to change. A new file gets mode 0600.
    ///
    /// # Errors
    /// Those of `change`, and when the file cannot be read or written.
    pub fn edit(
        &self,
        rootfs: &Rootfs,
        change: impl FnOnce(&str) -> Result<Option<String>, Trouble>,
    ) -> Result<(), Trouble> {
        if !self.occupied {
            return match change("")? {
                Some(text) => self.create(rootfs, text.as_bytes()),
                None => Ok(()),
            };
        }
        let old = self.read(rootfs, MAX_SIZE)?;
        match change(&old.text)? {
            Some(text) => self.replace(rootfs, &old, text.as_bytes()),
            None => Ok(()),
        }
    }

    fn read(&self, rootfs: &Rootfs, limit: u64) -> Result<Content, Trouble> {
        let user = &rootfs.users().user;
        let (file, stat) = as_user(user, || self.open(OFlags::RDONLY))?;
        let bytes = file::read_bounded(file, limit).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => Trouble::TooLarge(limit),
            _ => Trouble::System("read it", error),
        })?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| Trouble::NotText)?;
        Ok(Content { text, stat })
    }

    /// Makes the file, where there was none.
    fn create(&self, rootfs: &Rootfs, bytes: &[u8]) -> Result<(), Trouble> {
        let make = || create(&self.folder, &self.name, 0o600);
        let user = &rootfs.users().user;
        let (file, by_root) = rootfs
            .make(&self.folder, make)
            .map_err(|error| unwritable(user, error))?;
        if by_root {
            fs::fchown(&file, Some(user.uid), Some(user.gid))
                .map_err(|error| Trouble::of("give it to its user", error))?;
        }
        write_all(file, bytes).map_err(|error| Trouble::of("write it", error))
    }

    /// Replaces what was read, as the container's user: beside it and renamed,
    /// or in place where that cannot be, as on a mount point.
    fn replace(&self, rootfs: &Rootfs, old: &Content, bytes: &[u8]) -> Result<(), Trouble> {
        let user = &rootfs.users().user;
        as_user(user, || match self.write_beside(bytes, old.stat.st_mode) {
            Err(Errno::BUSY | Errno::ACCESS | Errno::PERM) => self.write_in_place(old, bytes),
            result => result.map_err(|error| Trouble::of("write it", error)),
        })
        .map_err(|trouble| match trouble {
            Trouble::Unreadable(uid) => Trouble::Unwritable(uid),
            other => other,
        })
    }

    /// Opens the file to mount over, and makes an empty one where there is
    /// none. What is open is what is mounted over, whatever the name says
    /// later.
    pub fn mount_point(&self, rootfs: &Rootfs) -> Result<OwnedFd, Trouble> {
        if !self.occupied {
            match self.create(rootfs, b"") {
                Ok(()) | Err(Trouble::Exists) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let found = self.find()?;
        let stat = fs::fstat(&found).map_err(|error| Trouble::of("stat it", error))?;
        match fs::FileType::from_raw_mode(stat.st_mode) {
            fs::FileType::RegularFile => Ok(found),
            _ => Err(Trouble::Changing),
        }
    }

    fn find(&self) -> Result<OwnedFd, Trouble> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        fs::openat(&self.folder, &*self.name, flags, Mode::empty())
            .map_err(|error| Trouble::of("open it", error))
    }

    fn open(&self, flags: OFlags) -> Result<(OwnedFd, Stat), Trouble> {
        reopen(&self.find()?, flags)
    }

    fn write_beside(&self, bytes: &[u8], mode: u32) -> Result<(), Errno> {
        let mut random = [0; 8];
        getrandom(&mut random, GetRandomFlags::empty())?;
        let mut name = self.name.clone();
        name.push(format!(".jackin-{:016x}", u64::from_be_bytes(random)));
        let file = create(&self.folder, &name, mode & 0o777)?;
        let replaced = write_all(file, bytes)
            .and_then(|()| fs::renameat(&self.folder, &*name, &self.folder, &*self.name));
        if replaced.is_err() {
            let _ = fs::unlinkat(&self.folder, &*name, AtFlags::empty());
        }
        replaced
    }

    /// Writes into the very file that was read. Room is made first, so that a
    /// full disk leaves the file as it was.
    fn write_in_place(&self, old: &Content, bytes: &[u8]) -> Result<(), Trouble> {
        let (file, stat) = self.open(OFlags::WRONLY)?;
        if (stat.st_dev, stat.st_ino) != (old.stat.st_dev, old.stat.st_ino) {
            return Err(Trouble::Changing);
        }
        let length = bytes.len() as u64;
        let failed = |error| Trouble::of("write it", error);
        match fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, length) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(failed(error)),
        }
        let copy = rustix::io::dup(&file).map_err(failed)?;
        write_all(file, bytes).map_err(failed)?;
        fs::ftruncate(copy, length).map_err(failed)
    }
}

/// Does something as the container's user; what they may not open is told by
/// their id.
fn as_user<T>(user: &Identity, action: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let done = user
        .act(action)
        .map_err(|error| Trouble::of("act as the container's user", error))?;
    done.map_err(|trouble| match trouble {
        Trouble::System(_, error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Trouble::Unreadable(user.uid.as_raw())
        }
        other => other,
    })
}

fn unwritable(user: &Identity, error: Errno) -> Trouble {
    match error {
        Errno::ACCESS | Errno::PERM => Trouble::Unwritable(user.uid.as_raw()),
        Errno::EXIST => Trouble::Exists,
        error => Trouble::of("make it", error),
    }
}

fn create(folder: &OwnedFd, name: &OsStr, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(folder, name, flags, Mode::from_raw_mode(mode))
}

fn write_all(file: OwnedFd, bytes: &[u8]) -> Result<(), Errno> {
    let mut file = std::fs::File::from(file);
    file.write_all(bytes)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
