//! Putting a payload's files into a container, between the making of its
//! mounts and pivot_root.

mod again;
mod live;
mod secret_files;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::append;
use crate::container::{self, Container};
use crate::container_user::ContainerUser;
use crate::identity::Users;
use crate::mounts::Mounts;
use crate::payload::{ContainerPath, Delivery, Payload, Place};
use crate::process;
use crate::recipient::{self, Ids, Recipient};
use crate::record::{Record, Surplus};
use crate::rootfs::Rootfs;
use crate::seed;
use crate::spec::{self, Spec};
use crate::spot::Spot;
use crate::standing::Standing;
use crate::tmpfs::{MOUNT_POINT, Tmpfs, file_name};
use crate::trouble::{self, Trouble};

pub use again::{redeliver, refuse_unserved};
use live::Live;

/// Why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bundle's `config.json` is not valid.
    #[error("the bundle's config.json cannot be used: {0}")]
    Spec(#[from] spec::Invalid),
    /// Nobody can be given the files.
    #[error(transparent)]
    Recipient(#[from] recipient::Error),
    /// A place in the container cannot be used.
    #[error(transparent)]
    Rootfs(#[from] trouble::Error),
    /// The process that the engine named is not in a container.
    #[error("process {0} has no mount namespace of its own")]
    NoNamespace(i32),
    /// It is not the process that the container was served as.
    #[error("process {0} is none that was given a login at its start; restart the container")]
    NotServed(i32),
    /// It may mount where it is now.
    #[error(
        "process {0} has left the user namespace that the container was started in, and could \
         change there what other containers follow; restart the container"
    )]
    Left(i32),
    /// What is kept for the container cannot be reached.
    #[error(transparent)]
    Container(#[from] container::Error),
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
    /// The user that is to be given the files, where it is not the process's.
    named: Option<ContainerUser>,
    ids: Ids,
    /// The users of the container's process, in our ids.
    users: Users,
    /// The id of its user as the container has it.
    uid_inside: u32,
    may_mount: bool,
    /// Whether its process has a label of `SELinux`'s.
    labelled: bool,
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
        let ids = Ids::of(pid)?;
        Ok(Self {
            rootfs: bundle.join(spec.root()?.unwrap_or_else(|| "rootfs".into())),
            named: record.user.clone(),
            users: Users {
                user: ids.outside(&user)?,
                root: ids.outside(&spec::User::default())?,
            },
            ids,
            uid_inside: user.uid,
            may_mount: process.may_mount()?,
            labelled: process.is_labelled()?,
            cwd: process.cwd()?,
            home: folder("HOME")?,
            moved: moved.collect::<Result<_, _>>()?,
        })
    }

    /// Why the container cannot follow what one of our users publishes, if that is
    /// so.
    fn cannot_follow(&self, uid: u32, standing: Standing, phase: Phase) -> Option<&'static str> {
        if self.may_change_what_is_of(uid, standing, phase) {
            return Some("it may mount (CAP_SYS_ADMIN), and could change what others follow");
        }
        // What is published keeps the label that the owner's folder gives it.
        self.labelled.then_some(
            "SELinux confines the container, which may not read what its owner publishes",
        )
    }

    /// Whether the container could change what one of our users publishes: it
    /// may mount, and so make a mount of its writable, and that user is one of
    /// its own, or, once it runs, has become so in a namespace that it made. Whose
    /// root is the machine's has other ways to do that.
    fn may_change_what_is_of(&self, uid: u32, standing: Standing, phase: Phase) -> bool {
        let machines_root = standing == Standing::Root && self.users.root.uid.is_root();
        let has_user = phase == Phase::Running || self.ids.has_user(uid);
        self.may_mount && !machines_root && has_user
    }

    fn recipient(&self, rootfs: &Rootfs) -> Result<Recipient, recipient::Error> {
        if let Some(named) = &self.named {
            return recipient::named(rootfs, &self.ids, named);
        }
        let home = self.home.as_deref();
        Ok(Recipient {
            user: self.users.user.clone(),
            home: recipient::home_of_process(rootfs, self.uid_inside, home, &self.cwd)?,
        })
    }
}

/// How far a container has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing of the image has run in it yet.
    Starting,
    /// It has done what it likes.
    Running,
}

/// Where a record has something to do: first its payload's files, then what
/// is surplus.
fn places(record: &Record) -> impl Iterator<Item = &Place> {
    let files = record.payload.files.iter().map(|file| &file.place);
    files.chain(record.surplus.iter().map(|surplus| &surplus.place))
}

/// What a delivery came to.
#[derive(Debug)]
pub struct Delivered {
    /// What is surplus and could not be taken out.
    pub left: Vec<Surplus>,
    /// What is not as it should be, though the container may start.
    pub warnings: Vec<String>,
}

/// Delivers a record's files into the container whose init has this pid, and
/// takes out what is surplus there.
///
/// The calling thread is in the container's mount namespace afterwards.
pub fn deliver(
    pid: i32,
    target: &Target,
    record: &Record,
    container: &Container,
) -> Result<Delivered, Error> {
    let payload = &record.payload;
    let mut live = Live::open(record, target, pid, Phase::Starting);
    let tmpfs = secret_files::make(&target.users.user, payload, container.kept(), &mut live)?;
    MountNamespace::of(pid)?.enter()?;
    let (rootfs, home) = rootfs_of(&target.rootfs, target, tmpfs.as_ref(), payload)?;
    // What goes comes before what is put there, maybe in the same file.
    let left = retract(&rootfs, &home, target, record);
    let spots = spots(&rootfs, &home, target, payload)?;
    // What can be refused for its content comes before what leaves a trace.
    for (spot, file) in spots.iter().zip(&payload.files) {
        plant(&rootfs, spot, &file.delivery).map_err(|trouble| trouble.at(&spot.path))?;
    }
    if let Some(tmpfs) = tmpfs {
        mount(&rootfs, &tmpfs, &spots, payload)?;
    }
    let warnings = live.lease_to(container.id());
    Ok(Delivered { left, warnings })
}

/// Opens the rootfs for its recipient, who gets the tmpfs, and says where their
/// home is.
fn rootfs_of(
    path: &Path,
    target: &Target,
    tmpfs: Option<&Tmpfs>,
    payload: &Payload,
) -> Result<(Rootfs, PathBuf), Error> {
    let rootfs = Rootfs::open(path, target.users.clone())?;
    let Recipient { user, home } = target.recipient(&rootfs)?;
    if let Some(tmpfs) = tmpfs.filter(|_| target.named.is_some()) {
        secret_files::give(tmpfs, payload, &user)
            .map_err(failed("give the container's tmpfs to its user"))?;
    }
    Ok((rootfs.with_user(user), home))
}

/// Mounts the tmpfs, and its files over their places.
fn mount(rootfs: &Rootfs, tmpfs: &Tmpfs, spots: &[Spot], payload: &Payload) -> Result<(), Error> {
    let mounts = Mounts::read().map_err(failed("read the container's mounts"))?;
    attach(rootfs, tmpfs, &mounts)?;
    for (at, (spot, file)) in spots.iter().zip(&payload.files).enumerate() {
        if file.delivery.secret().is_some() {
            bind(rootfs, tmpfs, &file_name(at), spot, &mounts)?;
        }
    }
    Ok(())
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
        Delivery::Bind { .. } | Delivery::Live { .. } => Ok(()),
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

/// A process's mount namespace, which is not ours.
struct MountNamespace(OwnedFd);

impl MountNamespace {
    fn of(pid: i32) -> Result<Self, Error> {
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
        Ok(Self(theirs))
    }

    fn enter(self) -> Result<(), Error> {
        // Opened while `/proc` is the host's.
        process::ourselves().map_err(failed("open /proc/self"))?;
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Mount))
            .map_err(failed("enter the container's mount namespace"))
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
