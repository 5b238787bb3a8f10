//! Places in a container's root file system, all of which is hostile.
//!
//! Every path is resolved by the kernel below one fd of the rootfs, with
//! `RESOLVE_IN_ROOT`: links are followed, as images need (`/var/run -> /run`),
//! and none leads outside (CVE-2024-0132, CVE-2018-15664). What was found is
//! held as an fd and never looked up by name again.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::identity::Identity;

/// How often a link in the last place is followed; the kernel allows 40 over
/// a whole path.
const MAX_LINKS: usize = 8;

/// How often a look-up that raced with a rename is repeated (openat2(2),
/// EAGAIN).
const MAX_RETRIES: usize = 128;

/// Why a place in the rootfs cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path} in the container {trouble}")]
pub struct Error {
    /// The path in the container.
    pub path: PathBuf,
    /// What is wrong with it.
    pub trouble: Trouble,
}

/// What is wrong with a place.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Links lead in a circle, or too far.
    #[error("is a loop of symbolic links; mend the image")]
    Loop,
    /// A link on the way leads nowhere.
    #[error("goes through a symbolic link that leads nowhere; mend the image")]
    Dangling,
    /// Something on the way is no folder.
    #[error("goes through something that is not a folder; mend the image")]
    NotFolder,
    /// What is there is no regular file.
    #[error("is a {0}, and a file belongs there; mend the image or the volume")]
    NotFile(&'static str),
    /// It leads into a file system of the kernel's.
    #[error("leads into a file system of the kernel's (proc, sys or cgroup); mend the image")]
    Kernel,
    /// A mount on it would show outside the container.
    #[error(
        "is on a volume mounted with shared propagation, where a credential would show on the \
         host; mount the volume without 'shared'"
    )]
    Shared,
    /// The file system is mounted read-only.
    #[error("is missing, and its file system is read-only; make it in the image or the volume")]
    ReadOnly,
    /// The container's user may not read what is there.
    #[error("cannot be read by uid {0}; give it to that user with chown")]
    Unreadable(u32),
    /// The container's user may not write what is there.
    #[error("cannot be written by uid {0}; give it to that user with chown")]
    Unwritable(u32),
    /// What is there is no JSON object.
    #[error("is not a JSON object; mend it or remove it")]
    NotJson,
    /// What is there is larger than such a file may be.
    #[error("is larger than {0} bytes; remove it")]
    TooLarge(u64),
    /// A system call failed.
    #[error("cannot be used: failed to {0}: {1}")]
    System(&'static str, io::Error),
}

impl Trouble {
    /// This trouble, at a place.
    pub fn at(self, path: &Path) -> Error {
        Error {
            path: path.to_owned(),
            trouble: self,
        }
    }

    /// Reads an error of a look-up or a creation.
    pub fn of(action: &'static str, error: Errno) -> Self {
        match error {
            Errno::LOOP => Self::Loop,
            Errno::NOTDIR => Self::NotFolder,
            Errno::ROFS => Self::ReadOnly,
            error => Self::System(action, error.into()),
        }
    }
}

/// A container's root file system, before pivot_root.
#[derive(Debug)]
pub struct Rootfs {
    fd: OwnedFd,
}

/// A file's place: its folder, held open, and its name in there.
#[derive(Debug)]
pub struct Spot {
    /// The folder.
    pub folder: OwnedFd,
    /// The file's name: one component, no link at the time it was looked at.
    pub name: OsString,
    /// The path that led here, for messages.
    pub path: PathBuf,
    /// Whether a regular file is there.
    pub occupied: bool,
}

impl Rootfs {
    /// Opens the rootfs by the path that the engine's side gave it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_MAGICLINKS;
        fs::openat2(fs::CWD, path, flags, Mode::empty(), resolve)
            .map(|fd| Self { fd })
            .map_err(|error| Trouble::of("open the rootfs", error).at(path))
    }

    /// Opens what a path leads to.
    pub fn open_file(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
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

    /// Opens a folder; folders that are missing on the way are made for
    /// `owner`, by `owner` where they may and by root where they may not.
    pub fn folder(&self, path: &Path, owner: &Identity, mode: Mode) -> Result<OwnedFd, Error> {
        let folder = match self.open_folder(path) {
            Err(Errno::NOENT) => self.make_folders(path, owner, mode)?,
            found => found.map_err(|error| Trouble::of("open it", error).at(path))?,
        };
        refuse_kernel_file_systems(&folder).map_err(|trouble| trouble.at(path))?;
        Ok(folder)
    }

    /// Finds the place of a file, through a link in the last place too. Missing
    /// folders on the way are made with mode 0700.
    pub fn spot(&self, path: &Path, owner: &Identity) -> Result<Spot, Error> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(Trouble::NotFile("folder").at(&path));
            };
            let folder = self.folder(parent, owner, Mode::RWXU)?;
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
        self.open_file(path, OFlags::PATH | OFlags::DIRECTORY)
    }

    fn make_folders(&self, path: &Path, owner: &Identity, mode: Mode) -> Result<OwnedFd, Error> {
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
                    make_folder(&folder, name, owner, mode).map_err(|error| match error {
                        Errno::EXIST => Trouble::Dangling.at(&so_far),
                        error => failed(error).at(&so_far),
                    })?;
                    self.open_folder(&so_far)
                }
                found => found,
            }
            .map_err(|error| failed(error).at(&so_far))?;
        }
        Ok(folder)
    }
}

/// Makes a folder as its owner, or as root and then given to the owner where
/// the owner may not write: then the owner cannot swap it meanwhile either.
fn make_folder(parent: &OwnedFd, name: &OsStr, owner: &Identity, mode: Mode) -> Result<(), Errno> {
    match owner.act(|| fs::mkdirat(parent, name, mode))? {
        Err(Errno::ACCESS) => {}
        made => return made,
    }
    fs::mkdirat(parent, name, mode)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = fs::openat(parent, name, flags, Mode::empty())?;
    fs::fchown(&made, Some(owner.uid), Some(owner.gid))
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

/// Refuses folders in the kernel's own file systems, by the magic of the fd
/// at hand (statfs(2), CVE-2025-52881).
fn refuse_kernel_file_systems(folder: &OwnedFd) -> Result<(), Trouble> {
    const PROC: u64 = 0x9fa0;
    const SYSFS: u64 = 0x6265_6572;
    const CGROUP: u64 = 0x0027_e0eb;
    const CGROUP2: u64 = 0x6367_7270;
    const DEVPTS: u64 = 0x1cd1;
    const MQUEUE: u64 = 0x1980_0202;
    let stat = fs::fstatfs(folder).map_err(|error| Trouble::of("statfs it", error))?;
    let magic = stat.f_type.cast_unsigned() & 0xffff_ffff;
    if [PROC, SYSFS, CGROUP, CGROUP2, DEVPTS, MQUEUE].contains(&magic) {
        return Err(Trouble::Kernel);
    }
    Ok(())
}

#[cfg(test)]
#[path = "rootfs_tests.rs"]
mod tests;
