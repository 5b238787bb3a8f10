//! Places in a container's root file system, all of which is hostile.
//!
//! Every path is resolved by the kernel below one fd of the rootfs, with
//! `RESOLVE_IN_ROOT`: links are followed, as images need (`/var/run -> /run`),
//! and none leads outside (CVE-2024-0132, CVE-2018-15664). What was found is
//! held as an fd and never looked up by name again.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, StatxFlags};
use rustix::io::Errno;

use crate::file;
use crate::identity::{Identity, Users};
use crate::process;
use crate::spot::Spot;
use crate::trouble::{Error, Trouble};

/// How often a link in the last place is followed; the kernel allows 40 over
/// a whole path.
const MAX_LINKS: usize = 8;

/// How often a look-up that raced with a rename is repeated (openat2(2),
/// EAGAIN).
const MAX_RETRIES: usize = 128;

/// A container's root file system, before pivot_root.
#[derive(Debug)]
pub struct Rootfs {
    fd: OwnedFd,
    users: Users,
}

impl Rootfs {
    /// Opens the rootfs by the path that the engine's side gave it.
    pub fn open(path: &Path, users: Users) -> Result<Self, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_MAGICLINKS;
        fs::openat2(fs::CWD, path, flags, Mode::empty(), resolve)
            .map(|fd| Self { fd, users })
            .map_err(|error| Trouble::of("open the rootfs", error).at(path))
    }

    /// The same for another user of the container's.
    #[must_use]
    pub fn with_user(mut self, user: Identity) -> Self {
        self.users.user = user;
        self
    }

    /// Who may do what in it.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Opens a regular file for reading, through links; as our own user.
    pub fn read_file(&self, path: &Path) -> Result<OwnedFd, Trouble> {
        let found = self.resolve(path, OFlags::PATH);
        let found = found.map_err(|error| Trouble::of("open it", error))?;
        reopen(&found, OFlags::RDONLY).map(|(file, _)| file)
    }

    /// Makes something in a folder as the container's user, or, where that
    /// user may not write and the folder is in the container's own layer, as
    /// the container's root; says whether it was the latter.
    ///
    /// In a volume nothing is done that its user could not do: what is there
    /// may be the host's, or another container's.
    pub fn make<T>(
        &self,
        folder: &OwnedFd,
        action: impl Fn() -> Result<T, Errno>,
    ) -> Result<(T, bool), Errno> {
        match self.users.user.act(&action)? {
            Err(Errno::ACCESS) if self.owns(folder)? => {
                self.users.root.act(&action)?.map(|made| (made, true))
            }
            made => made.map(|made| (made, false)),
        }
    }

    /// Whether a folder lies on the rootfs itself rather than on a mount.
    fn owns(&self, folder: &OwnedFd) -> Result<bool, Errno> {
        Ok(mount_id(&self.fd)? == mount_id(folder)?)
    }

    /// Opens what is at a path as it is (`O_PATH`), a link in the last place too;
    /// one on the way is not followed.
    pub fn look_at(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve =
            ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        fs::openat2(&self.fd, path, flags, Mode::empty(), resolve)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::CLOEXEC;
        let mut tries = 0;
        loop {
            tries += 1;
            match fs::openat2(&self.fd, path, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN) if tries < MAX_RETRIES => {}
                result => return result,
            }
        }
    }

    /// Opens a folder; folders that are missing on the way are made for the
    /// container's user, with mode 0700.
    pub fn users_folder(&self, path: &Path) -> Result<OwnedFd, Error> {
        self.folder(path, &|parent, name| self.make_users_folder(parent, name))
    }

    /// Opens a folder of the system's; folders that are missing on the way are
    /// made for the container's root, with mode 0755, in the container's own
    /// layer or on a tmpfs.
    pub fn systems_folder(&self, path: &Path) -> Result<OwnedFd, Error> {
        self.folder(path, &|parent, name| {
            if !self.owns(parent)? && !file::in_memory(parent)? {
                return Err(Errno::ACCESS);
            }
            let mode = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
            self.users.root.act(|| fs::mkdirat(parent, name, mode))?
        })
    }

    fn folder(&self, path: &Path, make: &Make<'_>) -> Result<OwnedFd, Error> {
        let folder = match self.open_folder(path) {
            Err(Errno::NOENT) => self.make_folders(path, make)?,
            found => found.map_err(|error| Trouble::of("open it", error).at(path))?,
        };
        refuse_kernel_file_systems(&folder).map_err(|trouble| trouble.at(path))?;
        Ok(folder)
    }

    /// Finds the place of a file, through a link in the last place too. Missing
    /// folders on the way are made with mode 0700.
    pub fn spot(&self, path: &Path) -> Result<Spot, Error> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(Trouble::NotFile("folder").at(&path));
            };
            let folder = self.users_folder(parent)?;
            let kind =
                kind_of(&folder, name).map_err(|error| Trouble::of("stat it", error).at(&path))?;
            let occupied = match kind {
                Some(FileType::Symlink) => {
                    path = link_target(&folder, &path, parent, name)?;
                    continue;
                }
                Some(FileType::RegularFile) => true,
                None => false,
                Some(other) => return Err(Trouble::NotFile(kind_name(other)).at(&path)),
            };
            let name = name.to_owned();
            return Ok(Spot {
                folder,
                name,
                path,
                occupied,
            });
        }
        Err(Trouble::Loop.at(&path))
    }

    fn open_folder(&self, path: &Path) -> Result<OwnedFd, Errno> {
        self.resolve(path, OFlags::PATH | OFlags::DIRECTORY)
    }

    fn make_folders(&self, path: &Path, make: &Make<'_>) -> Result<OwnedFd, Error> {
        let failed = |error| Trouble::of("make it", error);
        let mut so_far = PathBuf::from("/");
        let mut folder = self
            .open_folder(&so_far)
            .map_err(|error| failed(error).at(&so_far))?;
        for component in path.components() {
            let name = match component {
                Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
                Component::ParentDir => OsStr::new(".."),
                Component::Normal(name) => name,
            };
            so_far.push(name);
            folder = match self.open_folder(&so_far) {
                Err(Errno::NOENT) => {
                    make(&folder, name).map_err(|error| self.not_made(error).at(&so_far))?;
                    self.open_folder(&so_far)
                }
                found => found,
            }
            .map_err(|error| failed(error).at(&so_far))?;
        }
        Ok(folder)
    }

    fn make_users_folder(&self, parent: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
        let ((), by_root) = self.make(parent, || fs::mkdirat(parent, name, Mode::RWXU))?;
        if !by_root {
            return Ok(());
        }
        self.give_folder(parent, name)
    }

    /// Gives a folder in the container's own layer to the container's user.
    ///
    /// In a container that runs already, another may lie there by now. That is
    /// the container's own, too, but for what is mounted there: a volume, of
    /// which the container's root need not be the owner, is left alone, and so is
    /// what is not that root's, who made it.
    fn give_folder(&self, parent: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let made = fs::openat2(parent, name, flags, Mode::empty(), resolve)?;
        if fs::fstat(&made)?.st_uid != self.users.root.uid.as_raw() {
            return Err(Errno::ACCESS);
        }
        let Identity { uid, gid, .. } = self.users.user;
        fs::fchown(&made, Some(uid), Some(gid))
    }

    /// Reads an error of making a folder.
    fn not_made(&self, error: Errno) -> Trouble {
        match error {
            // Nothing was found there, and yet something is: a link.
            Errno::EXIST => Trouble::Dangling,
            Errno::ACCESS | Errno::PERM => Trouble::Unwritable(self.users.user.uid.as_raw()),
            error => Trouble::of("make it", error),
        }
    }
}

/// Makes one folder in another.
type Make<'a> = dyn Fn(&OwnedFd, &OsStr) -> Result<(), Errno> + 'a;

/// Opens for use what was found as an `O_PATH` fd: a regular file, and not one
/// of the kernel's. A device is never opened, since opening alone may act.
pub fn reopen(found: &OwnedFd, flags: OFlags) -> Result<(OwnedFd, Stat), Trouble> {
    let stat = fs::fstat(found).map_err(|error| Trouble::of("stat it", error))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        other => return Err(Trouble::NotFile(kind_name(other))),
    }
    refuse_kernel_file_systems(found)?;
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = format!("fd/{}", found.as_raw_fd());
    let file = process::ourselves()
        .and_then(|ourselves| fs::openat(ourselves, path, flags, Mode::empty()))
        .map_err(|error| Trouble::of("open it", error))?;
    Ok((file, stat))
}

/// The mount that something lies on; Linux before 5.8 tells only its device.
fn mount_id(place: impl AsFd) -> Result<u64, Errno> {
    let stat = fs::statx(place, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    if stat.stx_mask & StatxFlags::MNT_ID.bits() != 0 {
        return Ok(stat.stx_mnt_id);
    }
    Ok(u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor))
}

fn kind_of(folder: &OwnedFd, name: &OsStr) -> Result<Option<FileType>, Errno> {
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn link_target(
    folder: &OwnedFd,
    path: &Path,
    parent: &Path,
    name: &OsStr,
) -> Result<PathBuf, Error> {
    let target = fs::readlinkat(folder, name, Vec::new())
        .map_err(|error| Trouble::of("read the link", error).at(path))?;
    Ok(parent.join(OsString::from_vec(target.into_bytes())))
}

fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "folder",
        FileType::Fifo => "FIFO",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Symlink => "symbolic link",
        FileType::RegularFile => "file",
        FileType::Unknown => "thing of an unknown kind",
    }
}

/// The kernel's own file systems, by their magic (statfs(2)).
const OF_THE_KERNEL: [u64; 15] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x0000_1cd1, // devpts
    0x1980_0202, // mqueue
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0x4249_4e4d, // binfmt_misc
    0xde5e_81e4, // efivarfs
    0xf97c_ff8c, // selinuxfs
    0x6e73_6673, // nsfs
];

/// Refuses what lies in a file system of the kernel's, by the magic of the fd
/// at hand (CVE-2025-52881).
fn refuse_kernel_file_systems(place: &OwnedFd) -> Result<(), Trouble> {
    let stat = fs::fstatfs(place).map_err(|error| Trouble::of("statfs it", error))?;
    let magic = stat.f_type.cast_unsigned() & 0xffff_ffff;
    if OF_THE_KERNEL.contains(&magic) {
        return Err(Trouble::Kernel);
    }
    Ok(())
}

#[cfg(test)]
#[path = "rootfs_tests.rs"]
mod tests;
