//! The lock that lets one process at a time publish or remove.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How long another process is waited for. One holds the lock for
/// milliseconds; one that is stopped meanwhile must not stop a launch.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often the lock is tried for.
const PAUSE: Duration = Duration::from_millis(2);

/// The lock on the folder of logins, held until it is dropped; the system
/// takes it back from a process that dies.
#[derive(Debug)]
pub struct Lock {
    #[expect(dead_code, reason = "held, not read")]
    folder: File,
}

impl Lock {
    /// Waits for the lock.
    ///
    /// # Errors
    /// Somebody else does not let go of it, or the folder cannot be opened.
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        Self::take_within(folder, PATIENCE)
    }

    fn take_within(folder: &Path, patience: Duration) -> io::Result<Self> {
        let folder = File::open(folder)?;
        let until = Instant::now() + patience;
        loop {
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { folder }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < until => sleep(PAUSE),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    let message = "another command keeps the lock on published logins";
                    return Err(io::Error::new(ErrorKind::TimedOut, message));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_never_let_go_of_is_not_waited_for_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let second = Lock::take_within(folder.path(), Duration::from_millis(10));
        assert_eq!(second.unwrap_err().kind(), ErrorKind::TimedOut);
        drop(first);
        assert!(Lock::take(folder.path()).is_ok());
    }
}
