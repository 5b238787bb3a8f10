//! Handing a payload to the engine's side: staging a ticket on tmpfs.

mod folder;
mod waiting;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jackin_oci_hook::container_user::ContainerUser;
use jackin_oci_hook::payload::Payload;
use jackin_oci_hook::ticket::{Handle, Limits, MAX_SIZE, SCHEMA, Ticket, TicketId, to_wiped_json};
use rustix::fs::{RenameFlags, renameat_with};
use serde_json::value::RawValue;

pub use folder::TicketFolder;
pub use waiting::{Beginning, InvalidBeginning, Waiting};

use crate::failure::{Failure, Kind};

/// How long a ticket lives where nobody says otherwise. `docker run` pulls a
/// missing image before it creates the container, and a large one takes
/// minutes.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// For whom a ticket is, and for how long.
#[derive(Debug)]
pub struct Terms {
    /// Which containers may redeem it.
    pub limits: Limits,
    /// Whose home its files go to; `None` for the user of the container's
    /// process.
    pub user: Option<ContainerUser>,
    /// How long it lives, in whole seconds.
    pub lifetime: Duration,
}

impl Terms {
    /// For one container of `image`, which is about to be started.
    pub fn of_image(image: &str) -> Self {
        Self {
            limits: Limits {
                image: Some(image.to_owned()),
                ..Limits::default()
            },
            user: None,
            lifetime: LIFETIME,
        }
    }
}

/// A ticket that lies ready for its container.
#[derive(Debug)]
pub struct Staged {
    /// How the container names it.
    pub handle: Handle,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
    path: PathBuf,
}

impl Staged {
    /// The ticket's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the ticket back, when no container will come for it.
    pub fn withdraw(self) {
        // One that is gone was redeemed, and any other is swept when it ends.
        let _ = fs::remove_file(self.path);
    }
}

/// A ticket's id.
///
/// # Errors
/// The system gives no random bits.
pub fn draw_id() -> Result<TicketId, Failure> {
    let mut bits = [0; 16];
    fill_randomly(&mut bits).map_err(|error| failed("draw a ticket's id", &error))?;
    Ok(TicketId::from_random(bits))
}

/// Stages a ticket of this id, and sweeps those of this user that have ended.
///
/// # Errors
/// There is no folder on tmpfs for it, or it cannot be written there.
pub fn stage(
    folder: &TicketFolder,
    id: TicketId,
    payload: Payload,
    request: Option<Box<RawValue>>,
    terms: Terms,
    now: SystemTime,
) -> Result<Staged, Failure> {
    let now = seconds(now);
    sweep(folder.path(), now);
    let ticket = Ticket {
        schema: SCHEMA,
        id,
        owner: folder.owner(),
        issued: now,
        expires: now + terms.lifetime.as_secs(),
        request,
        payload,
        user: terms.user,
        limits: terms.limits,
    };
    let content = to_wiped_json(&ticket).map_err(|error| {
        Failure::new(Kind::Internal, "failed to write a ticket as JSON").hint(error.to_string())
    })?;
    if content.len() as u64 > MAX_SIZE {
        let message = format!("the values for this container are larger than {MAX_SIZE} bytes");
        return Err(Failure::new(Kind::Configuration, message)
            .hint("give large values as a mounted file instead"));
    }
    let path = folder.path().join(ticket.id.as_str());
    write_whole(&path, &content, ticket.expires).map_err(|error| {
        failed(
            &format!("write a ticket to {}", folder.path().display()),
            &error,
        )
    })?;
    let handle = ticket.handle();
    tracing::debug!(handle = handle.masked(), "staged a ticket");
    Ok(Staged {
        handle,
        expires: ticket.expires,
        path,
    })
}

/// Writes a file that is not there before it is whole, and dates it to when it
/// ends: by that it is swept.
fn write_whole(path: &Path, content: &[u8], ends: u64) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}"));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    let dated = UNIX_EPOCH + Duration::from_secs(ends);
    let written = file.write_all(content).and_then(|()| {
        file.set_modified(dated)?;
        // Unlike a plain rename, never over a file that is there.
        let here = rustix::fs::CWD;
        renameat_with(here, &unfinished, here, path, RenameFlags::NOREPLACE).map_err(Into::into)
    });
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Removes tickets that have ended, by their date, and unfinished ones that a
/// killed process left behind.
fn sweep(folder: &Path, now: u64) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let dated = entry
            .metadata()
            .ok()
            .filter(fs::Metadata::is_file)
            .and_then(|metadata| metadata.modified().ok());
        let unfinished = entry.file_name().as_encoded_bytes().starts_with(b".");
        let grace = if unfinished { LIFETIME.as_secs() } else { 0 };
        if dated.is_some_and(|dated| seconds(dated) + grace < now) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Fills a buffer from the system's random source.
pub(crate) fn fill_randomly(mut bits: &mut [u8]) -> io::Result<()> {
    while !bits.is_empty() {
        let count = rustix::rand::getrandom(&mut *bits, rustix::rand::GetRandomFlags::empty())?;
        bits = &mut bits[count..];
    }
    Ok(())
}

/// Whole seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map(|since| since.as_secs())
        .unwrap_or_default()
}

fn failed(what: &str, error: &io::Error) -> Failure {
    Failure::new(Kind::Internal, format!("failed to {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    /// A folder of our own on tmpfs.
    fn folder() -> (tempfile::TempDir, TicketFolder) {
        let shm = tempfile::tempdir_in("/dev/shm").expect("Linux has a tmpfs here");
        let uid = rustix::process::geteuid().as_raw();
        let folder = TicketFolder::open(&[shm.path().join("docker-jackin")], uid).unwrap();
        (shm, folder)
    }

    #[test]
    fn scenario_53_a_file_that_is_there_is_never_written_into() {
        let (_shm, folder) = folder();
        for taken in ["ticket", ".ticket"] {
            let taken = folder.path().join(taken);
            fs::write(&taken, "theirs").unwrap();
            assert!(write_whole(&folder.path().join("ticket"), b"ours", 1).is_err());
            assert_eq!(fs::read(&taken).unwrap_or_default(), b"theirs");
            let _ = fs::remove_file(taken);
        }
    }

    #[test]
    fn scenario_53_a_ticket_is_a_private_whole_file_that_the_other_side_reads() {
        let (_shm, folder) = folder();
        let now = SystemTime::now();
        let staged = stage(
            &folder,
            draw_id().unwrap(),
            Payload::default(),
            None,
            Terms::of_image("img:1"),
            now,
        )
        .unwrap();
        let metadata = fs::metadata(&staged.path).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.nlink()), (0o600, 1));
        let ticket = Ticket::from_json(&fs::read(&staged.path).unwrap()).unwrap();
        assert_eq!(ticket.handle(), staged.handle);
        assert_eq!(ticket.limits.image.as_deref(), Some("img:1"));
        assert_eq!(ticket.expires - ticket.issued, LIFETIME.as_secs());
        assert_eq!(metadata.mtime(), ticket.expires.cast_signed());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        staged.withdraw();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn scenario_52_what_has_ended_is_swept_and_nothing_else() {
        let (_shm, folder) = folder();
        let now = SystemTime::now();
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        let left = || fs::read_dir(folder.path()).unwrap().count();
        let staged = |lifetime: u64, now: SystemTime| {
            let terms = Terms {
                lifetime: Duration::from_secs(lifetime),
                ..Terms::of_image("img")
            };
            let id = draw_id().unwrap();
            stage(&folder, id, Payload::default(), None, terms, now).unwrap()
        };
        staged(10, now);
        staged(20_000, now);
        fs::write(folder.path().join(".unfinished"), "").unwrap();
        staged(10, at(5));
        assert_eq!(left(), 4);
        staged(50_000, at(12)).withdraw();
        assert_eq!(left(), 3, "the one of 10 s is over");
        staged(50_000, at(10_000)).withdraw();
        assert_eq!(left(), 1, "the long one lives");
        staged(50_000, at(20_002)).withdraw();
        assert_eq!(left(), 0);
    }
}
