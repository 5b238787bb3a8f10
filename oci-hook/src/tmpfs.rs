//! The container's own tmpfs, on which its secret files lie.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{self, AtFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
    mount_change, move_mount, open_tree,
};

use crate::file;
use crate::identity::Identity;

/// Room for files besides their content, in bytes.
const SLACK: u64 = 256 << 10;

/// The name that a payload's file has on the tmpfs, by its number there.
pub fn file_name(at: usize) -> String {
    format!("file-{at}")
}

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

    /// Mounts it on a folder of ours, privately, and goes on with a clone of
    /// that mount, which is mounted nowhere yet.
    ///
    /// Only a mount of our own namespace can be cloned (`open_tree(2)`), so this
    /// comes before the container's is entered.
    pub fn kept_on(self, folder: impl AsFd) -> Result<Self, Errno> {
        mount_on(&self.mount, folder)?;
        let path = format!("/proc/self/fd/{}", self.mount.as_raw_fd());
        mount_change(path, MountPropagationFlags::PRIVATE)?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH;
        let mount = open_tree(&self.mount, "", flags)?;
        Ok(Self { mount })
    }

    /// Mounts it on a folder.
    pub fn attach(&self, folder: impl AsFd) -> Result<(), Errno> {
        mount_on(&self.mount, folder)
    }

    /// Binds one of its files over a file. It must be attached by then.
    pub fn bind(&self, name: impl AsRef<OsStr>, target: impl AsFd) -> Result<(), Errno> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        let clone = open_tree(&self.mount, name.as_ref(), flags)?;
        mount_on(clone, target)
    }
}

/// Mounts by fds alone, so that no path can be swapped in between.
fn mount_on(mount: impl AsFd, target: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", target, "", flags)
}
