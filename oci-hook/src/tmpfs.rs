//! The container's own tmpfs, on which its secret files lie.
//!
//! A login that the container follows ([`crate::published`]) is no file of its:
//! the owner's folder is mounted on `live-<n>`, read-only and privately, and
//! `file-<n>` is a symlink to the file in there. The symlink itself is what is
//! bound over the file's place, so that who opens the place follows it each time
//! to the file that the folder has by then. A file cannot be bound instead: one
//! that is replaced by renaming would stay the old one there, and one that is
//! overwritten is torn for who reads it meanwhile.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount,
    fsopen, mount_change, mount_remount, move_mount, open_tree, unmount,
};

use crate::file;
use crate::identity::Identity;
use crate::published;

/// Room for files besides their content, in bytes.
const SLACK: u64 = 256 << 10;

/// The name that a payload's file has on the tmpfs, by its number there.
pub fn file_name(at: usize) -> String {
    format!("file-{at}")
}

/// The name of the folder on it on which a published one is mounted.
fn folder_name(at: usize) -> String {
    format!("live-{at}")
}

/// The mode of its root folder when something published is in it: 0711.
const PASSABLE: Mode = Mode::RWXU.union(Mode::XGRP).union(Mode::XOTH);

/// Where the container's own tmpfs is mounted in it.
pub const MOUNT_POINT: &str = "/run/docker-jackin";

/// A tmpfs that is not mounted anywhere yet, or is by now.
#[derive(Debug)]
pub struct Tmpfs {
    mount: OwnedFd,
}

impl Tmpfs {
    /// Makes a tmpfs of a user's, mode 0700, `nosuid,nodev,noexec`, with room
    /// for `content` bytes and a little more.
    ///
    /// It is made detached (fsopen(2), Linux 5.2), so that it is complete
    /// before anything in the container can see it.
    pub fn new(owner: &Identity, content: u64) -> Result<Self, Errno> {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (key, value) in [
            ("source", "docker-jackin".to_owned()),
            ("mode", "0700".to_owned()),
            ("uid", owner.uid.as_raw().to_string()),
            ("gid", owner.gid.as_raw().to_string()),
            ("size", (content + SLACK).to_string()),
            ("nr_inodes", "256".to_owned()),
        ] {
            fsconfig_set_string(&context, key, value)?;
        }
        // Keeps secrets out of the swap. Linux before 6.4 has no such option,
        // and goes without.
        let _ = fsconfig_set_flag(&context, "noswap");
        fsconfig_create(&context)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        Ok(Self { mount })
    }

    /// Writes a file of its owner's, mode 0600.
    pub fn add(&self, name: &str, content: &[u8], owner: &Identity) -> io::Result<()> {
        let file = file::write_new(&self.mount, name, content)?;
        fs::fchown(&file, Some(owner.uid), Some(owner.gid))?;
        Ok(())
    }

    /// Gives one of its files to another owner.
    pub fn give(&self, name: &str, owner: &Identity) -> Result<(), Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        fs::chownat(&self.mount, name, Some(owner.uid), Some(owner.gid), flags)
    }

    /// Gives its root folder to another owner.
    pub fn give_root(&self, owner: &Identity) -> Result<(), Errno> {
        let flags = AtFlags::EMPTY_PATH;
        fs::chownat(&self.mount, "", Some(owner.uid), Some(owner.gid), flags)
    }

    /// Mounts it on a folder of ours, privately.
    pub fn keep_on(&self, folder: impl AsFd) -> Result<(), Errno> {
        mount_on(&self.mount, folder)?;
        mount_change(by_fd(&self.mount), MountPropagationFlags::PRIVATE)
    }

    /// A clone of it and of what is mounted in it, which is mounted nowhere yet.
    ///
    /// Only a mount of our own namespace can be cloned (`open_tree(2)`), so this
    /// comes after [`Self::keep_on`], and before the container's namespace is
    /// entered.
    pub fn cloned(&self) -> Result<Self, Errno> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | OpenTreeFlags::AT_RECURSIVE;
        let mount = open_tree(&self.mount, "", flags)?;
        Ok(Self { mount })
    }

    /// Mounts a published folder in it, in the place of the payload's file of
    /// this number, for as long as the clone is made. It must be kept by then.
    ///
    /// # Errors
    /// Nothing of it is left then.
    pub fn follow(
        &self,
        at: usize,
        folder: impl AsFd,
        owner: &Identity,
    ) -> Result<LiveMount, Errno> {
        let (name, link) = (folder_name(at), file_name(at));
        fs::mkdirat(&self.mount, &*name, Mode::RWXU)?;
        let followed = self
            .mount_live(&name, folder)
            .and_then(|live| self.link(&name, &link, owner).map(|()| live));
        if followed.is_err() {
            let _ = fs::unlinkat(&self.mount, &*link, AtFlags::empty());
            let _ = fs::unlinkat(&self.mount, &*name, AtFlags::REMOVEDIR);
        }
        followed
    }

    fn mount_live(&self, name: &str, folder: impl AsFd) -> Result<LiveMount, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = fs::openat(&self.mount, name, flags, Mode::empty())?;
        // Without what the owner may have mounted in it.
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH;
        let mount = open_tree(folder, "", flags)?;
        mount_on(&mount, place)?;
        let live = LiveMount { mount };
        let path = by_fd(&live.mount);
        // The owner's folder lies on a mount that systemd has shared: the clone
        // is its peer, and would hand on what is mounted in it.
        mount_change(&*path, MountPropagationFlags::PRIVATE)?;
        let flags = MountFlags::BIND
            | MountFlags::RDONLY
            | MountFlags::NOSUID
            | MountFlags::NODEV
            | MountFlags::NOEXEC;
        mount_remount(&*path, flags, "")?;
        Ok(live)
    }

    /// Lets everybody pass through its root folder, which its owner alone lists:
    /// a published file is there for all users of the container.
    fn link(&self, folder: &str, link: &str, owner: &Identity) -> Result<(), Errno> {
        let target = format!("{MOUNT_POINT}/{folder}/{}", published::FILE);
        fs::symlinkat(&*target, &self.mount, link)?;
        self.give(link, owner)?;
        fs::chmodat(&self.mount, ".", PASSABLE, AtFlags::empty())
    }

    /// Mounts it on a folder.
    pub fn attach(&self, folder: impl AsFd) -> Result<(), Errno> {
        mount_on(&self.mount, folder)
    }

    /// Binds one of its files over a file, a symlink as such. It must be attached
    /// by then.
    pub fn bind(&self, name: impl AsRef<OsStr>, target: impl AsFd) -> Result<(), Errno> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        let clone = open_tree(&self.mount, name.as_ref(), flags)?;
        mount_on(clone, target)
    }
}

/// A published folder, mounted in a tmpfs on our side. It comes off when this is
/// dropped, so that a container that ends leaves the owner's file system alone.
#[derive(Debug)]
pub struct LiveMount {
    mount: OwnedFd,
}

impl Drop for LiveMount {
    fn drop(&mut self) {
        // A kill leaves it to who drops the tmpfs.
        let _ = unmount(by_fd(&self.mount), UnmountFlags::DETACH);
    }
}

/// A path that means an open mount, for the calls that take nothing else.
fn by_fd(mount: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", mount.as_raw_fd())
}

/// Mounts by fds alone, so that no path can be swapped in between.
fn mount_on(mount: impl AsFd, target: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", target, "", flags)
}

#[cfg(test)]
#[path = "tmpfs_tests.rs"]
mod tests;
