//! The lock that lets one writer at a time at the configuration.

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::failure::{Failure, Kind};

/// How long another writer is waited for. One holds the lock for milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the lock is tried for.
const PAUSE: Duration = Duration::from_millis(10);

/// The lock on a configuration's folder; the system takes it back from a
/// process that dies. On the folder, since the file itself is replaced.
#[derive(Debug)]
pub(super) struct FolderLock {
    /// Open for as long as the lock is held.
    #[expect(dead_code, reason = "held, not read")]
    folder: Option<File>,
}

impl FolderLock {
    /// Waits for the lock.
    ///
    /// # Errors
    /// Somebody else does not let go of it, or the folder cannot be opened.
    pub(super) fn take(folder: &Path) -> Result<Self, Failure> {
        Self::take_within(folder, PATIENCE)
    }

    fn take_within(folder: &Path, patience: Duration) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            let message = format!("failed to lock {}: {error}", folder.display());
            Failure::new(Kind::Configuration, message)
        };
        let opened = File::open(folder).map_err(|error| failed(&error))?;
        let until = Instant::now() + patience;
        loop {
            match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    let folder = Some(opened);
                    return Ok(Self { folder });
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < until => sleep(PAUSE),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    let seconds = patience.as_secs();
                    let waited = format!("another command has held it for {seconds} s");
                    return Err(failed(&waited).hint("end that command, and try again"));
                }
                // NFS locks no folder. What is left is the look at the file
                // right before it is replaced.
                Err(Errno::BADF | Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => {
                    return Ok(Self { folder: None });
                }
                Err(error) => return Err(failed(&error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_waits_and_then_says_for_what() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let second = FolderLock::take_within(folder.path(), Duration::from_millis(30));
        let failure = second.unwrap_err().to_string();
        assert!(failure.contains("another command has held it"), "{failure}");
        drop(first);
        assert!(FolderLock::take(folder.path()).is_ok());
    }
}
