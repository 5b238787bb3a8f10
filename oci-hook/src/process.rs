//! What the kernel tells of a process, as far as it tells it from others.

use std::io;
use std::path::Path;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let own = std::process::id().cast_signed();
        assert_eq!(started(own).unwrap(), started(own).unwrap());
        assert!(started(own).unwrap() > started(1).unwrap());
        assert!(started(i32::MAX).is_err());
    }
}
