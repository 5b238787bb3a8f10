//! A file's new content, finished beside it and then put in its place: old or
//! new, never half.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

/// What an unfinished file's name begins with.
const PREFIX: &str = ".docker-jackin-";

/// After how many seconds an unfinished file is one that a kill left behind.
const ABANDONED: u64 = 60;

/// Whose the new file is, and who may read it.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    /// As with the file whose place it takes.
    Of(&'a Metadata),
    /// The user's own, with these permission bits.
    Mode(u32),
}

/// A finished file under another name in the same folder. Dropped, it goes.
#[derive(Debug)]
pub struct StagedFile(tempfile::NamedTempFile);

impl StagedFile {
    /// Writes the content of a new file in `folder`, down to the disk.
    ///
    /// # Errors
    /// When it cannot be written, or given to the owner it must have.
    pub fn write(folder: &Path, content: &[u8], access: Access<'_>) -> io::Result<Self> {
        let mut file = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempfile_in(folder)?;
        file.write_all(content)?;
        let permissions = match access {
            Access::Mode(mode) => fs::Permissions::from_mode(mode),
            Access::Of(former) => give(file.as_file(), former)?,
        };
        file.as_file().set_permissions(permissions)?;
        file.as_file().sync_all()?;
        Ok(Self(file))
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts it in its place, which must be in the same folder.
    ///
    /// # Errors
    /// When the system refuses; the place holds what it held then.
    pub fn put(self, place: &Path) -> io::Result<()> {
        self.0.persist(place)?;
        sync_folder_of(place)
    }

    /// Puts it in a place where nothing is yet.
    ///
    /// # Errors
    /// When there is something, or the system refuses; it stays as it is then.
    pub fn put_new(self, place: &Path) -> io::Result<()> {
        self.0.persist_noclobber(place)?;
        sync_folder_of(place)
    }
}

/// A rename is on disk only once its folder is.
fn sync_folder_of(place: &Path) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("/"));
    fs::File::open(folder)?.sync_all()
}

/// Gives a file to the owner and group of another, and gives the permissions
/// that it may then have. A group that its owner is not in cannot be kept: no
/// other group is let in for it.
fn give(file: &fs::File, former: &Metadata) -> io::Result<fs::Permissions> {
    let (uid, gid) = (Uid::from_raw(former.uid()), Gid::from_raw(former.gid()));
    match rustix::fs::fchown(file, Some(uid), Some(gid)) {
        Ok(()) => Ok(former.permissions()),
        Err(Errno::PERM) if file.metadata()?.uid() == former.uid() => {
            let mode = former.permissions().mode();
            Ok(fs::Permissions::from_mode(mode & !0o070))
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes unfinished files that a killed process of ours left in a folder.
pub fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|written| written.elapsed().ok());
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && age.is_some_and(|age| age.as_secs() > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
