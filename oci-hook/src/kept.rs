//! A container's own tmpfs, kept beyond the end of the container.
//!
//! An agent renews its login in the file that was bound for it, and that file
//! must be there when the container starts again. A tmpfs lives for as long as
//! it is mounted somewhere, so the hook mounts it in our namespace first, on
//! `files` in the container's root-only folder, and gives the container a clone
//! of that mount. Why a mount, and not
//!
//! - the container's folder itself, bound into the container: it would have no
//!   limit of its own, and one container could fill the host's `/run`;
//! - a copy made when the container stops: by then its namespace is gone, and
//!   nobody is asked before a kill;
//! - a process that holds the tmpfs open, or a namespace made for it: one more
//!   thing to start, find again and end.
//!
//! The mount is private, so nothing that a container mounts on its side shows
//! on ours. Where `/run` is shared, copies of it show in namespaces that follow
//! ours, in the same root-only folder, beside a record that holds no less. They
//! all go with the folder `files`: the kernel detaches what is mounted on a
//! folder that is removed, in every namespace (`vfs_rmdir`, Linux 3.13). So it
//! does not matter either whether who drops the tmpfs is in the namespace of
//! the engine that it was mounted in.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{self, AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use crate::file;
use crate::payload::{CredentialFile, Delivery};
use crate::rootfs::reopen;
use crate::secret::Secret;
use crate::tmpfs::file_name;

/// Where it is mounted, in the container's folder.
pub const FOLDER: &str = "files";

/// The largest file that is taken from it, in bytes. The logins of agents have
/// a few thousand. In JSON it is six times as long at most, so that no container
/// can make the question to the resolver too long, and so escape a revocation.
pub const MAX_SIZE: u64 = 64 << 10;

/// The place in a container's folder where its own tmpfs is kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    container: &'a OwnedFd,
}

impl<'a> Kept<'a> {
    /// The place in a container's folder, of which this is an fd.
    pub fn of(container: &'a OwnedFd) -> Self {
        Self { container }
    }

    /// The folder to mount the tmpfs on, made where it is missing.
    pub fn mount_point(self) -> Result<OwnedFd, Errno> {
        file::make_folder(self.container, FOLDER)
    }

    /// Unmounts the tmpfs, wherever it is mounted from here, and removes the
    /// folder. Where there is none, that is success.
    pub fn drop_it(self) -> Result<(), Errno> {
        match fs::statat(self.container, FOLDER, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => {}
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error),
        }
        let path = format!("/proc/self/fd/{}/{FOLDER}", self.container.as_raw_fd());
        let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
        loop {
            match unmount(&*path, flags) {
                // Another one may lie below.
                Ok(()) => {}
                // Nothing is mounted there in this namespace, or another sweep
                // was faster.
                Err(Errno::INVAL | Errno::NOENT) => break,
                Err(error) => return Err(error),
            }
        }
        let removed = fs::unlinkat(self.container, FOLDER, AtFlags::REMOVEDIR);
        file::gone(removed)
    }

    /// Puts what the container's files hold now in the place of what was
    /// delivered, by the files' numbers, and says whether that is anything else.
    ///
    /// All of it is the container's: what is no plain file of text within
    /// [`MAX_SIZE`] is passed over, and what was delivered stays.
    pub fn update<'f>(self, delivered: impl Iterator<Item = &'f mut CredentialFile>) -> bool {
        let Some(tmpfs) = self.mounted() else {
            return false;
        };
        let mut changed = false;
        for (at, file) in delivered.enumerate() {
            let Delivery::Bind { content } = &mut file.delivery else {
                continue;
            };
            let own = read(&tmpfs, &file_name(at));
            if let Some(own) = own.filter(|own| own != content) {
                *content = own;
                changed = true;
            }
        }
        changed
    }

    /// The number of the tmpfs's file system (`st_dev`); `None` where none is
    /// mounted.
    pub fn device(self) -> Option<u64> {
        let stat = fs::fstat(self.mounted()?).ok()?;
        Some(stat.st_dev)
    }

    /// The root of the tmpfs; `None` where none is mounted.
    fn mounted(self) -> Option<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = fs::openat(self.container, FOLDER, flags, Mode::empty()).ok()?;
        let outside = fs::fstat(self.container).ok()?;
        let inside = fs::fstat(&found).ok()?;
        (inside.st_dev != outside.st_dev).then_some(found)
    }
}

/// The text of a file on the tmpfs, if it is fit to be delivered again.
fn read(tmpfs: &OwnedFd, name: &str) -> Option<Secret> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let found = fs::openat2(tmpfs, name, flags, Mode::empty(), resolve).ok()?;
    let (file, _) = reopen(&found, OFlags::RDONLY).ok()?;
    let bytes = file::read_bounded(file, MAX_SIZE).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    (!text.trim().is_empty()).then(|| Secret::new(text.to_owned()))
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
