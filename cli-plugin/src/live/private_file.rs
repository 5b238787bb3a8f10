//! Small files in a folder that is the user's alone: read whole, and replaced
//! so that a reader sees the old one or the new one, and a full file system
//! leaves the old.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

use crate::staged_file::{Access, StagedFile};

/// The largest file that is read, in bytes.
const LIMIT: u64 = 512 << 10;

/// After how many seconds an unfinished file is one that a kill left behind.
const ABANDONED: u64 = 60;

/// What the names of unfinished files begin with, whoever writes them.
const UNFINISHED: &str = ".";

/// Writes a file with this mode, over the one of this name.
///
/// # Errors
/// The folder cannot be written; the former file is there then.
pub(super) fn write(folder: &Path, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
    StagedFile::write(folder, content, Access::Mode(mode))?.put(&folder.join(name))
}

/// What a regular file holds; `None` when there is none, or it is too large.
pub(super) fn read(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let size = Some(metadata.len()).filter(|size| *size <= LIMIT)?;
    // Room for all of it, so that growing leaves no copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).ok()? + 1));
    file.take(size).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The names in a folder of what is finished.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with(UNFINISHED)).collect()
}

/// Whether a name may be a file's that is finished.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(UNFINISHED) && !name.contains(['/', '\0'])
}

/// Removes a file; that it is not there is no error.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder where it is missing, with this mode whatever the umask.
///
/// # Errors
/// It cannot be made, or something else lies there.
pub(super) fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    if metadata.mode() & 0o7777 != mode {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Removes unfinished files that a kill left behind.
pub(super) fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let age = written.ok().and_then(|written| written.elapsed().ok());
        let name = entry.file_name();
        let unfinished = name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
        if unfinished && age.is_some_and(|age| age.as_secs() > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
