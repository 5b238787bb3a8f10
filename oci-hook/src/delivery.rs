//! Putting a payload's files into a container, between the making of its
//! mounts and pivot_root.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags};
use rustix::process::{Gid, Uid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::append;
use crate::file;
use crate::id_map::IdMap;
use crate::identity::{Identity, Users};
use crate::kept::Kept;
use crate::mounts::Mounts;
use crate::passwd;
use crate::payload::{ContainerPath, CredentialFile, Delivery, Payload, Place};
use crate::record::{Record, Surplus};
use crate::rootfs::Rootfs;
use crate::secret::Secret;
use crate::seed;
use crate::spec::{self, Spec};
use crate::spot::Spot;
use crate::tmpfs::{Tmpfs, file_name};
use crate::trouble::{self, Trouble};

/// Where the container's own tmpfs is mounted.
pub const MOUNT_POINT: &str = "/run/docker-jackin";

/// Why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bundle's `config.json` is not valid.
    #[error("the bundle's config.json cannot be used: {0}")]
    Spec(#[from] spec::Invalid),
    /// The container's user has no id outside its user namespace.
    #[error("id {0} of the container's process is not mapped in its user namespace")]
    Unmapped(u32),
    /// A place in the container cannot be used.
    #[error(transparent)]
    Rootfs(#[from] trouble::Error),
    /// The container's user stands too far back in a large `/etc/passwd`.
    #[error(
        "/etc/passwd in the container has no entry of uid {0} in its first {max} bytes; set HOME \
         for the container",
        max = passwd::MAX_SIZE
    )]
    Passwd(u32),
    /// The process that the engine named is not in a container.
    #[error("process {0} has no mount namespace of its own")]
    NoNamespace(i32),
    /// A system call failed.
    #[error("failed to {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// What a delivery needs to know of the container.
#[derive(Debug)]
pub struct Target {
    /// The rootfs, an absolute path in the container's mount namespace.
    rootfs: PathBuf,
    /// The container's users, in our ids.
    users: Users,
    /// The user's id as the container has it.
    uid_inside: u32,
    cwd: PathBuf,
    home: Option<PathBuf>,
    /// The folders that the process's variables name, for the [`places`] in
    /// their order.
    moved: Vec<Option<PathBuf>>,
}

impl Target {
    /// Reads what is needed from the container's `config.json` and from its
    /// init process.
    pub fn of(spec: &Spec<'_>, bundle: &Path, record: &Record, pid: i32) -> Result<Self, Error> {
        let process = spec.process();
        let user = process.user()?;
        let folder = |name: &str| -> Result<Option<PathBuf>, Error> {
            let value = process.variable(name)?;
            Ok(value
                .filter(|value| !value.is_empty())
                .map(|value| PathBuf::from(&*value)))
        };
        let moved = places(record).map(|place| match &place.moved_by {
            Some(moved) => folder(moved.variable.as_str()),
            None => Ok(None),
        });
        Ok(Self {
            rootfs: bundle.join(spec.root()?.unwrap_or_else(|| "rootfs".into())),
            users: users(&user, pid)?,
            uid_inside: user.uid,
            cwd: process.cwd()?,
            home: folder("HOME")?,
            moved: moved.collect::<Result<_, _>>()?,
        })
    }
}

/// The container's users, as they are called outside of its user namespace.
fn users(inside: &spec::User, pid: i32) -> Result<Users, Error> {
    let read = failed("read the ids of the container's user namespace");
    let users = IdMap::of_users(pid).map_err(&read)?;
    let groups = IdMap::of_groups(pid).map_err(&read)?;
    let uid = |id| {
        users
            .outside(id)
            .map(Uid::from_raw)
            .ok_or(Error::Unmapped(id))
    };
    let gid = |id| {
        groups
            .outside(id)
            .map(Gid::from_raw)
            .ok_or(Error::Unmapped(id))
    };
    let further = inside.additional_gids.iter().map(|id| gid(*id));
    Ok(Users {
        user: Identity {
            uid: uid(inside.uid)?,
            gid: gid(inside.gid)?,
            groups: further.collect::<Result<_, _>>()?,
        },
        root: Identity {
            uid: uid(0)?,
            gid: gid(0)?,
            groups: Vec::new(),
        },
    })
}

/// Where a record has something to do: first its payload's files, then what
/// is surplus.
fn places(record: &Record) -> impl Iterator<Item = &Place> {
    let files = record.payload.files.iter().map(|file| &file.place);
    files.chain(record.surplus.iter().map(|surplus| &surplus.place))
}

/// Delivers a record's files into the container whose init has this pid, takes
/// out what is surplus there, and says what of that could not be taken out.
///
/// The calling thread is in the container's mount namespace afterwards.
pub fn deliver(
    pid: i32,
    target: &Target,
    record: &Record,
    kept: Kept<'_>,
) -> Result<Vec<Surplus>, Error> {
    let payload = &record.payload;
    let tmpfs = secret_files(&target.users.user, payload, kept)?;
    enter_mount_namespace(pid)?;
    let rootfs = Rootfs::open(&target.rootfs, target.users.clone())?;
    let home = home(&rootfs, target)?;
    // What goes comes before what is put there, maybe in the same file.
    let left = retract(&rootfs, &home, target, record);
    let spots = spots(&rootfs, &home, target, payload)?;
    // What can be refused for its content comes before what leaves a trace.
    for (spot, file) in spots.iter().zip(&payload.files) {
        plant(&rootfs, spot, &file.delivery).map_err(|trouble| trouble.at(&spot.path))?;
    }
    let Some(tmpfs) = tmpfs else {
        return Ok(left);
    };
    let mounts = Mounts::read().map_err(failed("read the container's mounts"))?;
    attach(&rootfs, &tmpfs, &mounts)?;
    for (at, (spot, file)) in spots.iter().zip(&payload.files).enumerate() {
        if let Delivery::Bind { .. } = &file.delivery {
            bind(&rootfs, &tmpfs, &file_name(at), spot, &mounts)?;
        }
    }
    Ok(left)
}

/// Takes out what is surplus. A file that cannot be changed now is no reason
/// not to start: nothing in it is a secret, and it is tried again.
fn retract(rootfs: &Rootfs, home: &Path, target: &Target, record: &Record) -> Vec<Surplus> {
    let moved = target.moved.iter().skip(record.payload.files.len());
    let left = record.surplus.iter().zip(moved).filter(|(surplus, moved)| {
        let path = path_of(&surplus.place, moved.as_deref(), home, &target.cwd);
        let spot = rootfs.spot(&path);
        !spot.is_ok_and(|spot| seed::retract(rootfs, &spot, &surplus.object).is_ok())
    });
    left.map(|(surplus, _)| surplus.clone()).collect()
}

/// Puts a seed in its place; a secret file is none.
fn plant(rootfs: &Rootfs, spot: &Spot, delivery: &Delivery) -> Result<(), Trouble> {
    match delivery {
        Delivery::Bind { .. } => Ok(()),
        Delivery::MergeJson { object } => seed::plant(rootfs, spot, object),
        Delivery::AppendText { text, unless } => append::append(rootfs, spot, text, unless),
    }
}

fn spots(
    rootfs: &Rootfs,
    home: &Path,
    target: &Target,
    payload: &Payload,
) -> Result<Vec<Spot>, Error> {
    let places = payload.files.iter().zip(&target.moved);
    places
        .map(|(file, moved)| {
            let path = path_of(&file.place, moved.as_deref(), home, &target.cwd);
            Ok(rootfs.spot(&path)?)
        })
        .collect()
}

/// The tmpfs with the payload's secret files, kept on our side and not mounted
/// yet in the container; `None` when there is no secret file.
fn secret_files(
    user: &Identity,
    payload: &Payload,
    kept: Kept<'_>,
) -> Result<Option<Tmpfs>, Error> {
    let secrets: Vec<(usize, &Secret)> = payload
        .files
        .iter()
        .enumerate()
        .filter_map(secret)
        .collect();
    if secrets.is_empty() {
        return Ok(None);
    }
    let page = |content: &Secret| (content.expose().len() as u64).next_multiple_of(4096);
    let size = secrets.iter().map(|(_, content)| page(content)).sum();
    let tmpfs = Tmpfs::new(user, size).map_err(failed("make the container's tmpfs"))?;
    for (at, content) in secrets {
        tmpfs
            .add(&file_name(at), content.expose().as_bytes(), user)
            .map_err(failed("write to the container's tmpfs"))?;
    }
    let kept = kept.mount_point().and_then(|folder| tmpfs.kept_on(folder));
    kept.map(Some)
        .map_err(failed("keep the container's tmpfs on the engine's side"))
}

fn secret((at, file): (usize, &CredentialFile)) -> Option<(usize, &Secret)> {
    match &file.delivery {
        Delivery::Bind { content } => Some((at, content)),
        Delivery::MergeJson { .. } | Delivery::AppendText { .. } => None,
    }
}

fn enter_mount_namespace(pid: i32) -> Result<(), Error> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let open = |path: &str| fs::open(path, flags, Mode::empty());
    let theirs = open(&format!("/proc/{pid}/ns/mnt"))
        .map_err(failed("open the container's mount namespace"))?;
    let ours = open("/proc/self/ns/mnt").map_err(failed("open our mount namespace"))?;
    let inode = |fd: &OwnedFd| fs::fstat(fd).map(|stat| stat.st_ino);
    let same = inode(&theirs).and_then(|theirs| Ok(theirs == inode(&ours)?));
    if same.map_err(failed("stat the container's mount namespace"))? {
        return Err(Error::NoNamespace(pid));
    }
    move_into_link_name_space(theirs.as_fd(), Some(LinkNameSpaceType::Mount))
        .map_err(failed("enter the container's mount namespace"))
}

/// The user's home folder as the low-level runtime sees it: `HOME`, else the
/// entry in `/etc/passwd`, else `/`.
fn home(rootfs: &Rootfs, target: &Target) -> Result<PathBuf, Error> {
    if let Some(home) = &target.home {
        return Ok(Path::new("/").join(&target.cwd).join(home));
    }
    let Ok(file) = rootfs.read_file(Path::new("/etc/passwd")) else {
        return Ok("/".into());
    };
    let bytes = file::read_start(file, passwd::MAX_SIZE)
        .map_err(failed("read the container's /etc/passwd"))?;
    match passwd::by_uid(&bytes, target.uid_inside) {
        Some(entry) => Ok(Path::new("/").join(entry.home)),
        None if bytes.len() as u64 >= passwd::MAX_SIZE => Err(Error::Passwd(target.uid_inside)),
        None => Ok("/".into()),
    }
}

/// The path of a place, from the container's root.
fn path_of(place: &Place, moved: Option<&Path>, home: &Path, cwd: &Path) -> PathBuf {
    let below = |folder: &Path, path: &ContainerPath| folder.join(path.as_str());
    match (&place.moved_by, moved) {
        (Some(moved_by), Some(folder)) => {
            below(&Path::new("/").join(cwd).join(folder), &moved_by.path)
        }
        _ => below(home, &place.path),
    }
}

/// Mounts the tmpfs at [`MOUNT_POINT`].
fn attach(rootfs: &Rootfs, tmpfs: &Tmpfs, mounts: &Mounts) -> Result<(), Error> {
    let path = Path::new(MOUNT_POINT);
    let folder = rootfs.systems_folder(path)?;
    refuse_shared(&folder, path, mounts)?;
    tmpfs
        .attach(&folder)
        .map_err(failed("mount the container's tmpfs"))
}

/// Binds a file of the tmpfs over its place.
fn bind(
    rootfs: &Rootfs,
    tmpfs: &Tmpfs,
    name: &str,
    spot: &Spot,
    mounts: &Mounts,
) -> Result<(), Error> {
    let mount_point = spot
        .mount_point(rootfs)
        .map_err(|trouble| trouble.at(&spot.path))?;
    refuse_shared(&mount_point, &spot.path, mounts)?;
    tmpfs
        .bind(name, mount_point)
        .map_err(failed("bind the credential over its place"))
}

fn refuse_shared(place: &OwnedFd, path: &Path, mounts: &Mounts) -> Result<(), Error> {
    let shared = mounts.shared_at(place);
    if shared.map_err(failed("stat the container's mounts"))? {
        return Err(Trouble::Shared.at(path).into());
    }
    Ok(())
}

fn failed<E: Into<io::Error>>(action: &'static str) -> impl Fn(E) -> Error {
    move |source| Error::System {
        action,
        source: source.into(),
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
