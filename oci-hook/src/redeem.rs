//! Redeeming: turning a handle into its ticket, for one container, once.

use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags, ResolveFlags, Timespec};
use rustix::io::Errno;

use crate::container::ContainerId;
use crate::file;
use crate::folder::{self, TICKETS};
use crate::owners_folder::{Access, OwnersFolder, Refused};
use crate::payload::Payload;
use crate::reference;
use crate::standing::Standing;
use crate::store::Store;
use crate::ticket::{Handle, InvalidTicket, MAX_SIZE, Ticket};

const LEDGERS: &str = "redeemed";
const MAX_LEDGER: u64 = 1 << 20;

/// By how many seconds a clock may have been set back since a ticket was issued.
const MAX_CLOCK_SKEW: u64 = 60;

/// Why a ticket is not redeemed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error(
        "it is not there: it has expired, was taken back, was never issued on this machine, or the \
         container's state was lost with a reboot; remove the container and start it anew with \
         'docker jackin run', or with another 'docker jackin ticket'"
    )]
    NotFound,
    /// It served as many containers as it was for.
    #[error(
        "it was redeemed already, by container {by}; make another with 'docker jackin ticket', or \
         start the container with 'docker jackin run'"
    )]
    Redeemed {
        /// The container that had it last.
        by: String,
    },
    /// Its time is over.
    #[error(
        "it expired {seconds} s ago; make another with 'docker jackin ticket', or start the \
         container anew with 'docker jackin run'"
    )]
    Expired {
        /// For how long, in seconds.
        seconds: u64,
    },
    /// It was issued later than now.
    #[error("it was issued in the future; set the system's clock")]
    FromTheFuture,
    /// The container was created from another image.
    #[error(
        "it is for image {wanted:?}, and this container was created from {found}; make one for \
         that with 'docker jackin ticket --image'"
    )]
    Image {
        /// The image that the ticket is for.
        wanted: String,
        /// The container's image, in quotes, or that it is unknown.
        found: String,
    },
    /// The engine is another user's own.
    #[error(
        "it is of uid {ticket}, and this engine, being rootless, takes tickets of its own user \
         alone, uid {engine}; start the container with an engine of uid {ticket}, or of root"
    )]
    OtherEngine {
        /// The owner that the handle names.
        ticket: u32,
        /// The user of the engine.
        engine: u32,
    },
    /// A folder on the way to it may be written by somebody else.
    #[error("its folder {path} must be a folder of uid {uid} on tmpfs with mode 0700")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The owner that the handle names.
        uid: u32,
    },
    /// It is no plain file of its owner's alone.
    #[error("its file must be a regular file of uid {uid}, mode 0600, with one link")]
    File {
        /// The owner that the handle names.
        uid: u32,
    },
    /// It is larger than a ticket may be.
    #[error("its file is larger than {MAX_SIZE} bytes")]
    TooLarge,
    /// It names another id or owner than its handle.
    #[error("its file belongs to another handle")]
    OtherHandle,
    /// What it says cannot be read.
    #[error(transparent)]
    Invalid(#[from] InvalidTicket),
    /// The container cannot be given what it holds, and so does not use it up.
    #[error("{0}")]
    Unfit(String),
    /// A folder on the way to it cannot be looked at.
    #[error("failed to {action} its folder {path}: {source}")]
    OnFolder {
        /// What was tried.
        action: &'static str,
        /// The folder, or the one that it is in.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A system call failed.
    #[error("failed to {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// What the engine knows of a container, as far as a ticket may ask.
#[derive(Debug)]
pub struct Bearer<'a> {
    /// The container's id.
    pub id: &'a ContainerId,
    /// The image reference it was created from, where the engine tells.
    pub image: Option<&'a str>,
    /// The image's id, `sha256:…`, where the engine tells.
    pub image_id: Option<&'a str>,
}

/// Redeems a ticket for a container.
///
/// The container is entered in the ticket's ledger under a lock before the
/// ticket is handed out, so of two containers with one handle only one has
/// it. A crash in between costs the ticket, never gives it twice.
pub fn redeem(
    store: &Store,
    handle: &Handle,
    bearer: &Bearer<'_>,
    now: u64,
    fits: &dyn Fn(&Payload) -> Result<(), String>,
) -> Result<Ticket, Error> {
    redeem_from(
        store,
        handle,
        bearer,
        now,
        fits,
        &folder::candidates(handle.owner),
    )
}

fn redeem_from(
    store: &Store,
    handle: &Handle,
    bearer: &Bearer<'_>,
    now: u64,
    fits: &dyn Fn(&Payload) -> Result<(), String>,
    folders: &[PathBuf],
) -> Result<Ticket, Error> {
    let ledgers = file::make_folder(store.root(), LEDGERS).map_err(failed("open the ledgers"))?;
    let Some((folder, ticket_file)) = find(handle, store.standing(), folders)? else {
        return Err(
            last_bearer(&ledgers, handle).map_or(Error::NotFound, |by| Error::Redeemed { by })
        );
    };
    let ticket = read(ticket_file, handle, store.standing())?;
    if ticket.expires <= now {
        let seconds = now - ticket.expires;
        return Err(Error::Expired { seconds });
    }
    if ticket.issued > now + MAX_CLOCK_SKEW {
        return Err(Error::FromTheFuture);
    }
    check_image(&ticket, bearer)?;
    fits(&ticket.payload).map_err(Error::Unfit)?;
    let used_up = enter(&ledgers, handle, &ticket, bearer.id)?;
    if used_up {
        file::gone(fs::unlinkat(&folder, handle.id.as_str(), AtFlags::empty()))
            .map_err(failed("remove the redeemed ticket"))?;
    }
    sweep(&ledgers, now);
    Ok(ticket)
}

/// Finds the ticket's file, in the first folder that has it.
fn find(
    handle: &Handle,
    standing: Standing,
    folders: &[PathBuf],
) -> Result<Option<(OwnedFd, OwnedFd)>, Error> {
    for path in folders {
        let Some(folder) = open_tickets(path, handle.owner, standing)? else {
            continue;
        };
        match fs::openat2(
            &folder,
            handle.id.as_str(),
            file::READ_HOSTILE,
            Mode::empty(),
            ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS,
        ) {
            Ok(ticket) => return Ok(Some((folder, ticket))),
            Err(Errno::NOENT) => {}
            // A link, or a socket: there is something, and it is no ticket.
            Err(Errno::LOOP | Errno::NXIO | Errno::XDEV) => {
                return Err(Error::File { uid: handle.owner });
            }
            Err(error) => return Err(failed("open the ticket")(error)),
        }
    }
    Ok(None)
}

/// Opens `<folder>/tickets`, if both are their owner's alone and in memory.
fn open_tickets(path: &Path, uid: u32, standing: Standing) -> Result<Option<OwnedFd>, Error> {
    let refused = |refused| match refused {
        Refused::OtherEngine => other_engine(uid, standing),
        Refused::Unsafe => Error::Folder {
            path: path.to_owned(),
            uid,
        },
        Refused::System(action, error) => Error::OnFolder {
            action,
            path: path.to_owned(),
            source: error.into(),
        },
    };
    let Some(folder) = OwnersFolder::open(path, uid, standing).map_err(refused)? else {
        return Ok(None);
    };
    let tickets = folder.below(TICKETS, Access::Owner).map_err(refused)?;
    Ok(tickets.map(OwnersFolder::into_fd))
}

/// The owner that a ticket of this user's shows here.
fn owner(uid: u32, standing: Standing) -> Result<u32, Error> {
    standing
        .seen(uid)
        .ok_or_else(|| other_engine(uid, standing))
}

fn other_engine(uid: u32, standing: Standing) -> Error {
    Error::OtherEngine {
        ticket: uid,
        engine: standing.called_outside(0),
    }
}

fn read(ticket: OwnedFd, handle: &Handle, standing: Standing) -> Result<Ticket, Error> {
    let owner = owner(handle.owner, standing)?;
    let stat = fs::fstat(&ticket).map_err(failed("stat the ticket"))?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let private = stat.st_uid == owner && stat.st_mode & 0o7777 == 0o600;
    if !regular || !private || stat.st_nlink != 1 {
        return Err(Error::File { uid: handle.owner });
    }
    let bytes = file::read_bounded(ticket, MAX_SIZE).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Error::TooLarge,
        _ => failed("read the ticket")(error),
    })?;
    let ticket = Ticket::from_json(&bytes)?;
    if ticket.id != handle.id || ticket.owner != handle.owner {
        return Err(Error::OtherHandle);
    }
    Ok(ticket)
}

fn check_image(ticket: &Ticket, bearer: &Bearer<'_>) -> Result<(), Error> {
    let Some(wanted) = &ticket.limits.image else {
        return Ok(());
    };
    let named = bearer
        .image
        .is_some_and(|found| reference::names(wanted, found));
    if named || bearer.image_id == Some(wanted.as_str()) {
        return Ok(());
    }
    let found = match bearer.image {
        Some(image) => format!("{image:?}"),
        None => "an image that this engine does not name".to_owned(),
    };
    let wanted = wanted.clone();
    Err(Error::Image { wanted, found })
}

/// Enters a container in the ticket's ledger; says whether it was the last
/// one that the ticket is for.
fn enter(
    ledgers: &OwnedFd,
    handle: &Handle,
    ticket: &Ticket,
    id: &ContainerId,
) -> Result<bool, Error> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = fs::openat(ledgers, handle.expose(), flags, Mode::RUSR | Mode::WUSR)
        .map_err(failed("open the ticket's ledger"))?;
    fs::flock(&fd, FlockOperation::LockExclusive).map_err(failed("lock the ticket's ledger"))?;
    let mut ledger = std::fs::File::from(fd);
    let mut text = String::new();
    (&ledger)
        .take(MAX_LEDGER)
        .read_to_string(&mut text)
        .map_err(failed("read the ticket's ledger"))?;
    let bearers: Vec<&str> = text.lines().collect();
    let limit = ticket.limits.containers as usize;
    if bearers.len() >= limit {
        let by = bearers.last().copied().unwrap_or_default().to_owned();
        return Err(Error::Redeemed { by });
    }
    ledger
        .seek(io::SeekFrom::End(0))
        .and_then(|_| ledger.write_all(format!("{id}\n").as_bytes()))
        .map_err(failed("write the ticket's ledger"))?;
    // The ledger is of use for as long as the ticket could come back.
    let until = Timespec {
        tv_sec: ticket.expires.cast_signed(),
        tv_nsec: 0,
    };
    let times = fs::Timestamps {
        last_access: until,
        last_modification: until,
    };
    fs::futimens(&ledger, &times).map_err(failed("date the ticket's ledger"))?;
    Ok(bearers.len() + 1 >= limit)
}

fn last_bearer(ledgers: &OwnedFd, handle: &Handle) -> Option<String> {
    let ledger = fs::openat(ledgers, handle.expose(), file::READ_HOSTILE, Mode::empty()).ok()?;
    let bytes = file::read_bounded(ledger, MAX_LEDGER).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    text.lines().last().map(str::to_owned)
}

/// Drops the ledgers of tickets that have expired. A failure here must not
/// cost a container its start.
fn sweep(ledgers: &OwnedFd, now: u64) {
    for name in file::names(ledgers).unwrap_or_default() {
        let Ok(stat) = fs::statat(ledgers, &*name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        // A minute's grace: a ledger is dated just after it is made.
        if i128::from(stat.st_mtime) + 60 < i128::from(now) {
            let _ = fs::unlinkat(ledgers, &*name, AtFlags::empty());
        }
    }
}

fn failed<E: Into<io::Error>>(action: &'static str) -> impl Fn(E) -> Error {
    move |source| Error::System {
        action,
        source: source.into(),
    }
}

#[cfg(test)]
#[path = "redeem_tests.rs"]
mod tests;
