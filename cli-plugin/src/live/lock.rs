//! A lock that is a file: one process has it at a time, and it is free again
//! however that process ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

/// How often taking it is tried: who only looks whether it is taken has it for
/// a moment.
const TRIES: u32 = 10;

/// How long is waited between two tries.
const PAUSE: Duration = Duration::from_millis(2);

/// The largest note that is read, in bytes.
const LARGEST_NOTE: u64 = 4 << 10;

/// A lock that this process has. Dropped, it is gone, and its file with it.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock at `path` (0600); `None` when another has it.
    ///
    /// # Errors
    /// The file cannot be made or opened.
    pub(super) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        for _ in 0..TRIES {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
                .open(path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // Its last owner may have removed it meanwhile.
                Ok(()) if lies_at(&file, path) => {
                    let path = path.to_owned();
                    return Ok(Some(Self { file, path }));
                }
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// The lock at `path`, where `file` is what its owner had of it: handed on
    /// to this process, it was never free.
    pub(super) fn handed_on(file: File, path: &Path) -> Option<Self> {
        if !lies_at(&file, path) {
            return None;
        }
        // Of the same opening of the file, so that it is ours already.
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        let path = path.to_owned();
        Some(Self { file, path })
    }

    /// Whether the file is still the one that others look at.
    pub(super) fn holds(&self) -> bool {
        lies_at(&self.file, &self.path)
    }

    /// What is to be handed on.
    ///
    /// # Errors
    /// It cannot be shared.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Notes something in it, over what was noted before.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn note(&self, text: &[u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.holds() {
            let _ = fs::remove_file(&self.path);
        }
        // A process that another thread is just starting has it open, too.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// The right to have a login renewed: the folder in which the login lies,
/// locked. There is one of it, whatever the login is called and wherever it is
/// published, and nothing is written to it.
#[derive(Debug)]
pub(super) struct Turn(File);

impl Turn {
    /// Takes it for the login in this file; `None` when another has it.
    ///
    /// # Errors
    /// There is no such file, or its file system knows no locks.
    pub(super) fn try_take(login: &Path) -> io::Result<Option<Self>> {
        let login = fs::canonicalize(login)?;
        let folder = File::open(login.parent().unwrap_or(Path::new("/")))?;
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self(folder))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// What its owner has noted in the lock at `path`; `None` when nobody has it.
pub(super) fn note_of_owner(path: &Path) -> Option<Vec<u8>> {
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .ok()?;
    // Shared, so that two who look do not take each other for the owner.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => {}
        _ => return None,
    }
    let mut note = Vec::new();
    file.take(LARGEST_NOTE).read_to_end(&mut note).ok()?;
    Some(note)
}

fn lies_at(file: impl AsFd, path: &Path) -> bool {
    let Ok(there) = fs::symlink_metadata(path) else {
        return false;
    };
    let ours = rustix::fs::fstat(file);
    ours.is_ok_and(|ours| (ours.st_dev, ours.st_ino) == (there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn one_has_it_at_a_time_and_it_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(note_of_owner(&path), None);
        let lock = Lock::try_take(&path).unwrap().unwrap();
        let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600);
        lock.note(b"a longer note").unwrap();
        lock.note(b"mine").unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        assert_eq!(note_of_owner(&path).unwrap(), b"mine");
        drop(lock);
        assert!(!path.exists());
        assert!(Lock::try_take(&path).unwrap().is_some());
    }

    #[test]
    fn one_whose_file_was_taken_away_is_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lost = Lock::try_take(&path).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!lost.holds());
        let lock = Lock::try_take(&path).unwrap().unwrap();
        drop(lost);
        assert!(lock.holds(), "another's file is left alone");
        assert!(path.exists());
    }

    #[test]
    fn a_login_has_one_turn_by_whichever_name() {
        let folder = tempfile::tempdir().unwrap();
        let (login, link) = (folder.path().join("login"), folder.path().join("l/login"));
        assert!(Turn::try_take(&login).is_err());
        fs::write(&login, "").unwrap();
        fs::create_dir(folder.path().join("l")).unwrap();
        std::os::unix::fs::symlink("../login", &link).unwrap();
        let turn = Turn::try_take(&login).unwrap().unwrap();
        assert!(Turn::try_take(&link).unwrap().is_none());
        drop(turn);
        assert!(Turn::try_take(&link).unwrap().is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn it_is_handed_on_without_being_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::try_take(&path).unwrap().unwrap();
        let handed = Lock::handed_on(lock.file().unwrap(), &path).unwrap();
        std::mem::forget(lock);
        assert!(Lock::try_take(&path).unwrap().is_none());
        let stranger = File::open(&path).unwrap();
        assert!(Lock::handed_on(stranger, &path).is_none());
        drop(handed);
        assert!(!path.exists());
    }
}
