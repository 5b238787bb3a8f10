//! All containers that are served, in `/run/docker-jackin`, or, by a rootless
//! engine, in a folder of its user's.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use crate::container::{Container, ContainerId, Error, Marker, system};
use crate::file;
use crate::standing::Standing;

const CONTAINERS: &str = "containers";

/// How often the making of a folder that raced with a sweep is repeated.
const MAX_RACES: usize = 128;

/// The folder with all containers that are served.
#[derive(Debug)]
pub struct Store {
    root: OwnedFd,
    containers: OwnedFd,
    path: PathBuf,
    standing: Standing,
}

impl Store {
    /// Opens the store if anything was ever kept in it.
    pub fn open() -> Result<Option<Self>, Error> {
        Self::open_for(standing()?)
    }

    /// Opens the store of an engine that stands so.
    pub fn open_for(standing: Standing) -> Result<Option<Self>, Error> {
        Self::open_at(&standing.engine_folders(), standing)
    }

    /// Opens the store, made where it is missing.
    ///
    /// # Errors
    /// When its folder is not on tmpfs, or not its owner's alone.
    pub fn open_or_create() -> Result<Self, Error> {
        let standing = standing()?;
        Self::create_at(&standing.engine_folders(), standing)
    }

    /// Whether there is a folder of this container, in a store that may not
    /// be fit for use.
    pub fn mentions(id: &ContainerId) -> bool {
        // Where that cannot be told, opening the store says why.
        standing().is_ok_and(|standing| {
            let containers = standing.engine_folder().join(CONTAINERS);
            containers.join(id.as_str()).exists()
        })
    }

    fn open_at(folders: &[PathBuf], standing: Standing) -> Result<Option<Self>, Error> {
        let mut root = None;
        let mut path = PathBuf::new();
        for name in folders {
            path.push(name);
            root = match open_below(root, &path, name) {
                Ok(folder) => Some(ours(folder, &path, standing)?),
                Err(Errno::NOENT) => return Ok(None),
                Err(error) => return Err(system("open", &path, error)),
            };
        }
        let Some(root) = root else { return Ok(None) };
        match file::open_folder(&root, CONTAINERS) {
            Ok(containers) => Ok(Some(Self {
                root,
                containers,
                path,
                standing,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(system("open", &path.join(CONTAINERS), error)),
        }
    }

    pub(crate) fn create_at(folders: &[PathBuf], standing: Standing) -> Result<Self, Error> {
        if let Some(store) = Self::open_at(folders, standing)? {
            return Ok(store);
        }
        let path: PathBuf = folders.iter().collect();
        let unmade = |error| system("make", &path, error);
        let mut made = PathBuf::new();
        let mut root = None;
        for name in folders {
            made.push(name);
            match fs::mkdir(&made, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(system("make", &made, error)),
            }
            let folder = open_below(root, &made, name).map_err(unmade)?;
            root = Some(ours(folder, &made, standing)?);
        }
        if let Some(root) = root {
            let containers = path.join(CONTAINERS);
            file::make_folder(&root, CONTAINERS)
                .map_err(|error| system("make", &containers, error))?;
        }
        Self::open_at(folders, standing)?.ok_or_else(|| unmade(Errno::NOENT))
    }

    /// Who the engine is whose store this is.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The store's own root folder, `/run/docker-jackin`.
    pub fn root(&self) -> impl AsFd + '_ {
        &self.root
    }

    /// The folder of a container that is served.
    pub fn find(&self, id: &ContainerId) -> Result<Option<Container>, Error> {
        match file::open_folder(&self.containers, id.as_str()) {
            Ok(folder) => Ok(Some(self.container(id, folder))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(system("open", &self.path_of(id), error)),
        }
    }

    /// The folder of a container that is served under a runtime's state
    /// folder; one of another state folder is another container.
    pub fn find_in(&self, root: &Path, id: &ContainerId) -> Result<Option<Container>, Error> {
        let Some(container) = self.find(id)? else {
            return Ok(None);
        };
        let marker = container.marker()?;
        Ok(marker
            .is_some_and(|marker| marker.root == root)
            .then_some(container))
    }

    /// The folder of a container, made where it is missing, with its marker.
    ///
    /// # Errors
    /// When it belongs to another engine's container of the same id.
    pub fn claim(&self, id: &ContainerId, marker: &Marker) -> Result<Container, Error> {
        let container = self.make(id)?;
        match container.marker()? {
            Some(other) if other.root != marker.root && other.is_alive() => {
                let id = id.clone();
                let root = other.root;
                return Err(Error::OtherRoot { id, root });
            }
            // What another engine's container left is none of this one's.
            Some(other) if other.root != marker.root => {
                self.remove(id)?;
                return self.claim(id, marker);
            }
            Some(same) if same == *marker => {}
            _ => container.mark(marker)?,
        }
        container.unlock()?;
        Ok(container)
    }

    /// The folder of a container, made where it is missing, and locked.
    fn make(&self, id: &ContainerId) -> Result<Container, Error> {
        for _ in 0..MAX_RACES {
            // A sweep may have it before we do, and take it for left.
            let folder = match file::make_folder(&self.containers, id.as_str()) {
                Err(Errno::NOENT) => continue,
                made => made.map_err(|error| system("make", &self.path_of(id), error))?,
            };
            let container = self.container(id, folder);
            container.lock()?;
            if container.is_there()? {
                return Ok(container);
            }
        }
        Err(system("make", &self.path_of(id), Errno::NOENT))
    }

    /// Forgets a container and everything kept for it.
    pub fn remove(&self, id: &ContainerId) -> Result<(), Error> {
        if let Some(container) = self.find(id)? {
            container.drop_kept()?;
        }
        file::remove_tree(&self.containers, id.as_str())
            .map_err(|error| system("remove", &self.path_of(id), error))
    }

    /// Forgets every container that its engine no longer knows, and the
    /// process files of execs that are over.
    ///
    /// A folder without a marker has no secret in it: the marker comes first.
    /// Who makes one holds its lock until then, so one that is not locked was
    /// left by a kill.
    pub fn sweep(&self) -> Result<(), Error> {
        let names = file::names(&self.containers)
            .map_err(|error| system("list", &self.path.join(CONTAINERS), error))?;
        let mut failed = None;
        for name in names {
            let Ok(id) = ContainerId::try_from(OsString::from(name)) else {
                continue;
            };
            // One that cannot be read must not keep the others' secrets here.
            let swept = self.sweep_one(&id);
            failed = failed.or(swept.err());
        }
        failed.map_or(Ok(()), Err)
    }

    fn sweep_one(&self, id: &ContainerId) -> Result<(), Error> {
        let Some(container) = self.find(id)? else {
            return Ok(());
        };
        match container.marker()? {
            Some(marker) if marker.is_alive() => container.drop_finished_processes(),
            // Whoever claims it has it locked, and a new container of its id may
            // have been claimed since.
            _ if container.try_lock()? && container.is_left()? => self.remove(id),
            _ => Ok(()),
        }
    }

    fn path_of(&self, id: &ContainerId) -> PathBuf {
        self.path.join(CONTAINERS).join(id.as_str())
    }

    fn container(&self, id: &ContainerId, folder: OwnedFd) -> Container {
        Container::in_folder(id.clone(), folder, self.path_of(id))
    }
}

fn standing() -> Result<Standing, Error> {
    let unread = |error| system("read", Path::new("/proc/self/uid_map"), error);
    Standing::of_this_process().map_err(unread)
}

/// Opens a folder by its path or, below another, by its name, which must be no
/// link. On the way to the first there may be some: a rootless Docker's `/run`
/// is made of them.
fn open_below(above: Option<OwnedFd>, path: &Path, name: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match above {
        Some(above) => fs::openat(above, name, flags, Mode::empty()),
        None => fs::open(path, flags, Mode::empty()),
    }
}

/// The open folder again, if it is ours alone and in memory.
fn ours(folder: OwnedFd, path: &Path, standing: Standing) -> Result<OwnedFd, Error> {
    let stat = fs::fstat(&folder).map_err(|error| system("stat", path, error))?;
    let uid = rustix::process::geteuid().as_raw();
    if stat.st_uid != uid || stat.st_mode & 0o077 != 0 {
        let path = path.to_owned();
        let uid = standing.called_outside(uid);
        return Err(Error::NotOurs { path, uid });
    }
    if !file::in_memory(&folder).map_err(|error| system("statfs", path, error))? {
        let path = path.to_owned();
        return Err(Error::OnDisk { path });
    }
    Ok(folder)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
