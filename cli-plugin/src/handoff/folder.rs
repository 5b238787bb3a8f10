//! The user's ticket folder: on tmpfs, and the user's alone.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use jackin_oci_hook::file::in_memory;
use jackin_oci_hook::folder::{TICKETS, candidates};
use jackin_oci_hook::standing::Standing;
use jackin_oci_hook::ticket::{MAX_SIZE, Ticket, TicketId};
use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

use crate::failure::{Failure, Kind};
use crate::request::Request;

/// A folder for tickets that has been looked over.
#[derive(Debug)]
pub struct TicketFolder {
    path: PathBuf,
    owner: u32,
}

impl TicketFolder {
    /// The first of `candidates` that is usable, made where it is missing.
    ///
    /// # Errors
    /// None is: with the reason for each.
    pub fn open(candidates: &[PathBuf], uid: u32) -> Result<Self, Failure> {
        let mut reasons = Vec::new();
        for candidate in candidates {
            match prepare(candidate, uid) {
                Ok(path) => return Ok(Self { path, owner: uid }),
                Err(reason) => reasons.push(format!("{}: {reason}", candidate.display())),
            }
        }
        let message = "no folder in memory (tmpfs) for the hand-off to the engine's side";
        let failure = reasons
            .into_iter()
            .fold(Failure::new(Kind::Configuration, message), Failure::hint);
        Err(failure.hint(
            "log in with a session that has /run/user/<uid> (loginctl enable-linger), or mount a tmpfs at /dev/shm (for root: /run)",
        ))
    }

    /// The folder of user `uid`. A rootless engine's root is its user, whose
    /// folder has the user's own id in its name.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_user(uid: u32) -> Result<Self, Failure> {
        let standing = Standing::of_this_process().map_err(|error| {
            let message = format!("failed to read /proc/self/uid_map: {error}");
            Failure::new(Kind::Internal, message)
        })?;
        Self::open(&candidates(standing.called_outside(uid)), uid)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another folder beside it, made where it is missing, and as private.
    ///
    /// # Errors
    /// It cannot be made, or it is not the user's alone.
    pub fn beside(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.path.with_file_name(name);
        make(&folder, self.owner).map_err(|reason| {
            let message = format!("cannot use {}: {reason}", folder.display());
            Failure::new(Kind::Configuration, message).hint("remove it, and try again")
        })?;
        Ok(folder)
    }

    /// Takes back the tickets in it whose request is one of `those`.
    pub fn withdraw_those(&self, those: impl Fn(&Request) -> bool) -> Vec<TicketId> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let meant = entries.filter_map(|entry| {
            let ticket = read_ticket(&entry.path())?;
            let request = Request::from_raw(&ticket.request?).ok()?;
            let withdrawn = those(&request) && fs::remove_file(entry.path()).is_ok();
            withdrawn.then_some(ticket.id)
        });
        meant.collect()
    }

    /// The user's id.
    pub fn owner(&self) -> u32 {
        self.owner
    }
}

/// The ticket in a file; `None` when it is none of today's schema.
pub(super) fn read_ticket(path: &Path) -> Option<Ticket> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let size = file.metadata().ok().filter(Metadata::is_file)?.len();
    // It holds secrets: room for all of it, so that growing leaves no copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(size.min(MAX_SIZE)).ok()? + 1,
    ));
    file.take(MAX_SIZE).read_to_end(&mut bytes).ok()?;
    Ticket::from_json(&bytes).ok()
}

/// Makes `base` and the ticket folder in it, and looks both over.
fn prepare(base: &Path, uid: u32) -> Result<PathBuf, String> {
    let tickets = base.join(TICKETS);
    for folder in [base, &tickets] {
        make(folder, uid)?;
    }
    Ok(tickets)
}

/// Makes a folder where it is missing, and looks it over.
fn make(folder: &Path, uid: u32) -> Result<(), String> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.to_string()),
        _ => look_over(folder, uid),
    }
}

/// A folder on tmpfs that only `uid` may enter, and no link to one.
fn look_over(folder: &Path, uid: u32) -> Result<(), String> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder, flags, Mode::empty());
    let opened = File::from(opened.map_err(|error| error.to_string())?);
    let metadata = opened.metadata().map_err(|error| error.to_string())?;
    if metadata.uid() != uid {
        return Err(format!("it belongs to uid {}", metadata.uid()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode != 0o700 {
        return Err(format!("its mode is {mode:04o} and must be 0700"));
    }
    if !in_memory(&opened).map_err(|error| error.to_string())? {
        // Not left behind, when it was made just now.
        let _ = fs::remove_dir(folder);
        return Err("it lies on a disk, where secrets would stay".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_on_a_disk_is_refused_and_not_left_behind() {
        let disk = tempfile::tempdir().unwrap();
        if in_memory(File::open(disk.path()).unwrap()).unwrap() {
            return;
        }
        let base = disk.path().join("docker-jackin");
        let uid = rustix::process::geteuid().as_raw();
        let failure = TicketFolder::open(std::slice::from_ref(&base), uid).unwrap_err();
        assert!(failure.to_string().contains("lies on a disk"), "{failure}");
        assert!(!base.exists());
    }
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_folder_that_is_not_the_users_alone_is_refused() {
        let shm = tempfile::tempdir_in("/dev/shm").expect("Linux has a tmpfs here");
        let uid = rustix::process::geteuid().as_raw();
        let at = |name: &str| shm.path().join(name);
        fs::create_dir(at("open")).unwrap();
        fs::set_permissions(at("open"), Permissions::from_mode(0o750)).unwrap();
        fs::create_dir(at("real")).unwrap();
        fs::set_permissions(at("real"), Permissions::from_mode(0o700)).unwrap();
        symlink("real", at("link")).unwrap();
        for (name, reason) in [
            ("open", "0750"),
            ("link", "Not a directory"),
            ("no/such", "No such file"),
        ] {
            let failure = TicketFolder::open(&[at(name)], uid).unwrap_err();
            assert!(failure.to_string().contains(reason), "{failure}");
        }
        let foreign = TicketFolder::open(&[at("real")], uid + 1).unwrap_err();
        assert!(foreign.to_string().contains("belongs to uid"), "{foreign}");
        let fallback = TicketFolder::open(&[at("link"), at("real")], uid).unwrap();
        assert_eq!(fallback.path(), at("real").join(TICKETS));
    }
}
