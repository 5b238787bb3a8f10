//! Delivering the secret files once more, to a container that runs.
//!
//! All of it is alive and may change under our hands. So, more than before it
//! started: nothing is looked up by a path of its own choosing but below an fd of
//! its root, its `/proc` is not asked, and what is taken off is first proved to be
//! ours. What is won by a race is the container's own already.
//!
//! Seeds are not looked at: they are for a start.

use std::path::Path;

use rustix::fs::{self, AtFlags, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{chdir, fchdir};

use super::live::Live;
use super::{Error, MountNamespace, Phase, Target, failed, mount, rootfs_of, secret_files, spots};
use crate::container::Container;
use crate::mounts::Mounts;
use crate::process;
use crate::record::Record;
use crate::rootfs::Rootfs;
use crate::served::Served;

/// Delivers a record's secret files to the running container whose init has this
/// pid, in the place of those that lie on the file system `former`, and gives
/// what there is to warn of.
///
/// Between the two, for less than a millisecond, their places are empty files.
///
/// The calling thread is in the container's mount namespace afterwards.
///
/// # Errors
/// Also when the process is not the one that was served at its start. What was
/// there before may be gone then.
pub fn redeliver(
    pid: i32,
    target: &Target,
    record: &Record,
    container: &Container,
    former: Option<u64>,
) -> Result<Vec<String>, Error> {
    let payload = &record.payload;
    let namespace = served(pid, container)?;
    let mut live = Live::open(record, target, pid, Phase::Running);
    let tmpfs = secret_files::make(&target.users.user, payload, container.kept(), &mut live)?;
    namespace.enter()?;
    let (rootfs, home) = rootfs_of(Path::new("/"), target, tmpfs.as_ref(), payload)?;
    if let Some(former) = former {
        take_off(&rootfs, former)?;
    }
    let spots = spots(&rootfs, &home, target, payload)?;
    if let Some(tmpfs) = tmpfs {
        mount(&rootfs, &tmpfs, &spots, payload)?;
    }
    Ok(live.lease_to(container.id()))
}

/// Refuses a process that is not the one that was served at its start, or not
/// where it was then.
///
/// # Errors
/// Nothing may be mounted in its mount namespace.
pub fn refuse_unserved(pid: i32, container: &Container) -> Result<(), Error> {
    served(pid, container).map(drop)
}

/// The mount namespace of the container's process as it was served at its start.
///
/// The user namespace is looked at after the mount namespace is open: a process
/// leaves both at once, or the user namespace first.
fn served(pid: i32, container: &Container) -> Result<MountNamespace, Error> {
    let namespace = MountNamespace::of(pid)?;
    let found = Served::of(pid).map_err(failed("read about the container's process"))?;
    match container.served(&found)? {
        Some(served) if served.is_where(&found) => Ok(namespace),
        Some(_) => Err(Error::Left(pid)),
        None => Err(Error::NotServed(pid)),
    }
}

/// Takes off the mounts of a file system. One that cannot be reached by its
/// place, because something lies over it, stays.
fn take_off(rootfs: &Rootfs, device: u64) -> Result<(), Error> {
    let mounts = Mounts::read().map_err(failed("read the container's mounts"))?;
    // unmount(2) takes a path alone, and the container's `/proc` has not ours.
    let here = process::ourselves().and_then(fchdir);
    here.map_err(failed("enter /proc/self"))?;
    for (id, place) in mounts.of_device(device) {
        if let Ok(found) = rootfs.look_at(&place)
            && is_mount(&found, id, device).unwrap_or(false)
        {
            let path = format!("fd/{}", std::os::fd::AsRawFd::as_raw_fd(&found));
            unmount(path, UnmountFlags::DETACH).map_err(failed("take off the former files"))?;
        }
    }
    chdir("/").map_err(failed("leave /proc/self"))
}

/// Whether what was found is the root of this mount, of this file system. Linux
/// before 5.8 does not tell, and there it is not taken for it.
fn is_mount(found: impl std::os::fd::AsFd, id: u64, device: u64) -> Result<bool, Errno> {
    let stat = fs::statx(&found, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    let known = stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    let same = fs::makedev(stat.stx_dev_major, stat.stx_dev_minor) == device;
    Ok(known && same && stat.stx_mnt_id == id)
}
