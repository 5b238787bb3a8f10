//! The owner's word that they ask for a container's login to be delivered again.
//!
//! An exec proves nothing: an image has its `HEALTHCHECK` run by the engine, too.
//! So the owner leaves an empty file of the container's name where they alone can,
//! and it counts once.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{self, AtFlags, FileType, Stat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use crate::container::ContainerId;
use crate::folder;
use crate::identity::Identity;
use crate::owners_folder::{Access, OwnersFolder};
use crate::published::ASKED;
use crate::standing::Standing;

/// How long a word counts that was not taken at once.
const LIFETIME: Duration = Duration::from_secs(60);

/// Takes the word of user `uid` that they ask for this container's login. It is
/// removed, as that user, and counts if it could be, and is no older than
/// [`LIFETIME`].
///
/// What is wrong with the owner's folders counts as no word: whoever the exec is
/// of may know nothing of them.
pub fn take(uid: u32, standing: Standing, id: &ContainerId) -> bool {
    take_from(&folder::candidates(uid), uid, standing, id)
}

fn take_from(folders: &[PathBuf], uid: u32, standing: Standing, id: &ContainerId) -> bool {
    let mut taken = false;
    // All of them, so that none is left for later.
    for path in folders {
        let found = OwnersFolder::open(path, uid, standing).ok().flatten();
        let asked = found.and_then(|folder| folder.below(ASKED, Access::Owner).ok().flatten());
        taken |= asked.is_some_and(|asked| take_in(&asked, id));
    }
    taken
}

fn take_in(asked: &OwnersFolder, id: &ContainerId) -> bool {
    // Where there is none, this process stays as it is: a change of its ids is
    // not without a trace, and the low-level runtime may come next.
    let Ok(found) = look_at(asked.fd(), id) else {
        return false;
    };
    let owner = Identity {
        uid: Uid::from_raw(asked.stat().st_uid),
        gid: Gid::from_raw(asked.stat().st_gid),
        groups: Vec::new(),
    };
    let removed = owner.act(|| fs::unlinkat(asked.fd(), id.as_str(), AtFlags::empty()));
    let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    let theirs = found.st_uid == asked.stat().st_uid;
    matches!(removed, Ok(Ok(()))) && regular && theirs && is_fresh(&found)
}

fn look_at(folder: &OwnedFd, id: &ContainerId) -> Result<Stat, Errno> {
    fs::statat(folder, id.as_str(), AtFlags::SYMLINK_NOFOLLOW)
}

/// A file of the future is one of a clock that was set back since.
fn is_fresh(stat: &Stat) -> bool {
    let written = u64::try_from(stat.st_mtime).ok();
    let written = written.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    let age = written.and_then(|written| SystemTime::now().duration_since(written).ok());
    age.is_some_and(|age| age <= LIFETIME)
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;
