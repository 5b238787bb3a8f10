//! What the kernel tells of a process, as far as it tells it from others.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use crate::file;

/// Far longer than a process's line in `/proc`.
const MAX_STAT: u64 = 4096;

/// When a process started, in clock ticks since the machine did: with its pid
/// that says which process it is, whatever has that pid later.
///
/// # Errors
/// There is no such process.
pub fn started(pid: i32) -> io::Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let stat = file::read_path(Path::new(&path), MAX_STAT)?;
    let stat = String::from_utf8_lossy(&stat);
    // proc(5): the name, in brackets, may hold anything; the start is field 22.
    let started = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_ascii_whitespace().nth(19)?.parse().ok());
    started.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A process as it is called and when it started: no other one is named so.
///
/// # Errors
/// There is no such process.
pub fn named(pid: i32) -> io::Result<String> {
    Ok(format!("{pid} {}", started(pid)?))
}

/// Our own `/proc/self`, held open from the first call on.
///
/// In the namespace of a running container, `/proc` is whatever the container
/// has there. What is looked up in this folder stays about us, and its
/// `mountinfo` is that of the namespace that we are in.
pub fn ourselves() -> Result<BorrowedFd<'static>, Errno> {
    static OURSELVES: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(fd) = OURSELVES.get() {
        return Ok(fd.as_fd());
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = fs::open("/proc/self", flags, Mode::empty())?;
    Ok(OURSELVES.get_or_init(|| fd).as_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let own = std::process::id().cast_signed();
        assert_eq!(started(own).unwrap(), started(own).unwrap());
        assert!(started(own).unwrap() > started(1).unwrap());
        assert_ne!(named(own).unwrap(), named(1).unwrap());
        assert!(started(i32::MAX).is_err());
    }
}
