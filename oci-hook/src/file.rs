//! Files reached through their folder's fd: read within a bound, written whole.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

/// Flags for reading a file that somebody else may have put there: no link is
/// followed, and opening a FIFO or a device does not wait.
pub const READ_HOSTILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Reads all of an open file, into a buffer that is wiped when dropped.
///
/// # Errors
/// `FileTooLarge` when there are more than `limit` bytes.
pub fn read_bounded(fd: impl AsFd, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = std::fs::File::from(fd.as_fd().try_clone_to_owned()?);
    let expected = file.metadata()?.len().min(limit);
    let capacity = usize::try_from(expected).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    let mut limited = file.take(limit + 1);
    limited.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Reads the first `limit` bytes of an open file.
pub fn read_start(fd: impl AsFd, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::from(fd.as_fd().try_clone_to_owned()?);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file of the engine's or of ours by its path.
///
/// # Errors
/// `FileTooLarge` when there are more than `limit` bytes.
pub fn read_path(path: &Path, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    read_bounded(std::fs::File::open(path)?, limit)
}

/// Opens a folder of ours by name, without following a link.
pub fn open_folder(folder: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(folder, name, flags, Mode::empty())
}

/// Opens a folder of ours by name, made with mode 0700 where it is missing.
pub fn make_folder(folder: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    match fs::mkdirat(&folder, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => open_folder(folder, name),
        Err(error) => Err(error),
    }
}

/// Replaces a file in a folder of ours: a reader sees the old bytes or the
/// new ones. The file gets mode 0600. Only one writer at a time is expected.
pub fn replace(folder: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!(".{name}.new");
    match fs::unlinkat(&folder, &*temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    write_new(&folder, &temporary, bytes)?;
    fs::renameat(&folder, &*temporary, &folder, name)?;
    Ok(())
}

/// Writes a file that must not be there yet, with mode 0600.
pub fn write_new(folder: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = fs::openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    let mut file = std::fs::File::from(fd);
    if let Err(error) = file.write_all(bytes) {
        // Half a file helps nobody, and a full tmpfs needs the room.
        let _ = fs::unlinkat(&folder, name, AtFlags::empty());
        return Err(error);
    }
    Ok(file.into())
}

/// The names in a folder, without `.` and `..`.
pub fn names(folder: impl AsFd) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    for entry in fs::Dir::read_from(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes a folder of ours with everything in it, without following links.
///
/// # Errors
/// `XDEV` where something is mounted in it, which is left as it is.
pub fn remove_tree(folder: impl AsFd, name: &str) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = match fs::openat2(&folder, name, flags, Mode::empty(), ResolveFlags::NO_XDEV) {
        Ok(inside) => inside,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in names(&inside)? {
        let stat = match fs::statat(&inside, &*entry, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(error),
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            remove_tree(&inside, &entry)?;
        } else {
            gone(fs::unlinkat(&inside, &*entry, AtFlags::empty()))?;
        }
    }
    gone(fs::unlinkat(folder, name, AtFlags::REMOVEDIR))
}

/// Takes "it is not there" for success, where removing is what was wanted.
pub fn gone(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Whether an open file or folder lies in memory: tmpfs or ramfs
/// (statfs(2), `f_type`).
pub fn in_memory(fd: impl AsFd) -> Result<bool, Errno> {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    let magic = fs::fstatfs(fd)?.f_type.cast_unsigned();
    Ok(matches!(magic & 0xffff_ffff, TMPFS | RAMFS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        let fd = std::fs::File::open(folder.path()).unwrap().into();
        (folder, fd)
    }

    #[test]
    fn a_file_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
        let (folder, fd) = folder();
        write_new(&fd, "file", &[b'x'; 10]).unwrap();
        let path = folder.path().join("file");
        assert_eq!(read_path(&path, 10).unwrap().len(), 10);
        let error = read_path(&path, 9).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn replacing_survives_a_temporary_file_left_by_a_kill() {
        let (folder, fd) = folder();
        write_new(&fd, ".file.new", b"half").unwrap();
        replace(&fd, "file", b"whole").unwrap();
        assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"whole");
        assert_eq!(names(&fd).unwrap(), ["file"]);
    }

    #[test]
    fn removing_a_tree_leaves_what_a_link_in_it_points_to() {
        let (folder, fd) = folder();
        std::fs::write(folder.path().join("outside"), "kept").unwrap();
        let inner = make_folder(&fd, "tree").unwrap();
        fs::symlinkat("../outside", &inner, "link").unwrap();
        make_folder(&inner, "deeper").unwrap();
        remove_tree(&fd, "tree").unwrap();
        assert_eq!(names(&fd).unwrap(), ["outside"]);
        remove_tree(&fd, "tree").unwrap();
    }
}
