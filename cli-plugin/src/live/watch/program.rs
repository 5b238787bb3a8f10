//! The watcher's own program, which may be replaced while it runs.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a new file must have lain there: it may be being written.
pub(super) const SETTLED: Duration = Duration::from_secs(1);

/// What the system puts behind the name of a program whose file is gone.
const GONE: &str = " (deleted)";

/// The program that this process runs.
#[derive(Debug)]
pub(in crate::live) struct Program {
    path: PathBuf,
    file: Identity,
}

/// What lies where the program was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Successor {
    /// The program itself, or something that cannot be run.
    None,
    /// Another program.
    Ready,
    /// Another program, written a moment ago.
    Fresh,
    /// Nothing.
    Gone,
}

#[derive(Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    number: u64,
    size: u64,
    written: (i64, i64),
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
            size: metadata.size(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Program {
    /// The one that this process runs.
    ///
    /// # Errors
    /// The system does not say.
    pub(in crate::live) fn of_this_process() -> io::Result<Self> {
        let own = Path::new("/proc/self/exe");
        let path = fs::read_link(own)?;
        let was = path.to_str().and_then(|path| path.strip_suffix(GONE));
        Ok(Self {
            path: was.map_or_else(|| path.clone(), PathBuf::from),
            file: Identity::from(&fs::metadata(own)?),
        })
    }

    /// Where it lies.
    pub(in crate::live) fn path(&self) -> &Path {
        &self.path
    }

    /// Does without the one that lies there now.
    pub(in crate::live) fn pass_by_successor(&mut self) {
        if let Ok(there) = fs::metadata(&self.path) {
            self.file = Identity::from(&there);
        }
    }

    /// What lies there now.
    pub(super) fn successor(&self) -> Successor {
        let Ok(there) = fs::metadata(&self.path) else {
            return Successor::Gone;
        };
        let runs = there.is_file() && there.permissions().mode() & 0o111 != 0;
        if !runs || Identity::from(&there) == self.file {
            return Successor::None;
        }
        // When it was put there; it may have been written long before.
        let put = there.ctime().max(there.mtime());
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec;
        let age = now.abs_diff(put);
        if age > SETTLED.as_secs() {
            Successor::Ready
        } else {
            Successor::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_replaced_or_removed_is_told_from_one_that_was_not() {
        let own = Program::of_this_process().unwrap();
        assert_eq!(own.successor(), Successor::None);
        let folder = tempfile::tempdir().unwrap();
        let mut moved = Program {
            path: folder.path().join("program"),
            ..own
        };
        assert_eq!(moved.successor(), Successor::Gone);
        fs::write(moved.path(), "half").unwrap();
        assert_eq!(moved.successor(), Successor::None, "it cannot be run");
        fs::set_permissions(moved.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(moved.successor(), Successor::Fresh);
        moved.pass_by_successor();
        assert_eq!(moved.successor(), Successor::None);
    }
}
