//! Root's files, read and replaced as a whole: old or new, never half.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::staged_file::{Access, StagedFile, sweep};

/// What is appended to a file's name for the copy of its former state.
pub const BACKUP_SUFFIX: &str = ".docker-jackin.bak";

/// A file as it was when it was read.
#[derive(Debug)]
pub struct WholeFile {
    /// The file itself, with no symlink left in its path.
    path: PathBuf,
    text: Option<String>,
    metadata: Option<Metadata>,
}

impl WholeFile {
    /// Reads a file that may be missing. A symlink is followed once, here, so
    /// that it is its target that gets replaced and the link survives.
    ///
    /// # Errors
    /// When it is there and cannot be read, or is no UTF-8.
    pub fn read(path: &Path) -> io::Result<Self> {
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(io::Error::other("it is a symlink that leads nowhere"));
                }
                return Ok(Self {
                    path: std::path::absolute(path)?,
                    text: None,
                    metadata: None,
                });
            }
            Err(error) => return Err(error),
        };
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(Self {
            text: Some(fs::read_to_string(&path)?),
            metadata: Some(metadata),
            path,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds; `None` when it is missing.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Where [`Self::replace`] keeps the former state.
    pub fn backup_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(BACKUP_SUFFIX);
        path.into()
    }

    /// Replaces the file by `text`, keeping mode and owner, or makes it anew
    /// with mode 0644. With `backup`, the former state is kept beside it.
    /// `accept` is asked about the finished file before it takes its place.
    ///
    /// # Errors
    /// When it cannot be written, has changed since it was read, or is not
    /// accepted; it is untouched then.
    pub fn replace(
        &self,
        text: &str,
        backup: bool,
        accept: &dyn Fn(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        sweep(folder);
        let new = self.staged(folder, text)?;
        accept(new.path())?;
        self.require_unchanged()?;
        if let Some(former) = self.text.as_deref().filter(|_| backup) {
            self.staged(folder, former)?.put(&self.backup_path())?;
        }
        new.put(&self.path)
    }

    /// Removes the file.
    ///
    /// # Errors
    /// When it has changed since it was read, or cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        self.require_unchanged()?;
        fs::remove_file(&self.path)?;
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::File::open(folder)?.sync_all()
    }

    /// A finished file under another name in the same folder.
    fn staged(&self, folder: &Path, text: &str) -> io::Result<StagedFile> {
        let access = match &self.metadata {
            Some(former) => Access::Of(former),
            None => Access::Mode(0o644),
        };
        StagedFile::write(folder, text.as_bytes(), access)
    }

    fn require_unchanged(&self) -> io::Result<()> {
        let now = Self::read(&self.path)?;
        if now.text != self.text {
            return Err(io::Error::other(
                "it was changed by somebody else just now; try again",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    const ACCEPT: &dyn Fn(&Path) -> io::Result<()> = &|_| Ok(());

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn mode_and_owner_stay_and_the_former_state_is_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.json");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12), Some(34)).unwrap();
        }
        let before = fs::metadata(&path).unwrap();
        let file = WholeFile::read(&path).unwrap();
        file.replace("new", true, ACCEPT).unwrap();
        let after = fs::metadata(&path).unwrap();
        let owner = |of: &Metadata| (of.uid(), of.gid(), of.mode());
        assert_eq!(owner(&after), owner(&before));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_to_string(file.backup_path()).unwrap(), "old");
        assert_eq!(
            owner(&fs::metadata(file.backup_path()).unwrap()),
            owner(&before)
        );
        let expected = ["daemon.json", "daemon.json.docker-jackin.bak"];
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn a_link_stays_a_link_to_the_new_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("real.json");
        let link = folder.path().join("daemon.json");
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink("real.json", &link).unwrap();
        WholeFile::read(&link)
            .unwrap()
            .replace("new", false, ACCEPT)
            .unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("real.json"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_missing_file_is_made_with_its_folder_and_without_backup() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etc/daemon.json");
        let file = WholeFile::read(&path).unwrap();
        assert_eq!(file.text(), None);
        file.replace("new", true, ACCEPT).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
        assert_eq!(names(&folder.path().join("etc")), ["daemon.json"]);
    }

    #[test]
    fn what_is_not_accepted_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.json");
        fs::write(&path, "old").unwrap();
        let refuse = |staged: &Path| {
            assert_eq!(fs::read_to_string(staged).unwrap(), "new");
            Err(io::Error::other("no"))
        };
        let file = WholeFile::read(&path).unwrap();
        assert!(file.replace("new", true, &refuse).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["daemon.json"]);
    }

    #[test]
    fn a_change_in_between_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.json");
        fs::write(&path, "old").unwrap();
        let file = WholeFile::read(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(file.replace("new", true, ACCEPT).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn what_is_no_readable_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(WholeFile::read(&link).is_err());
        assert!(WholeFile::read(folder.path()).is_err());
        let binary = folder.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(WholeFile::read(&binary).is_err());
    }

    #[test]
    fn scenario_76_what_a_kill_left_behind_is_swept_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.json");
        let left = folder.path().join(".docker-jackin-old");
        let fresh = folder.path().join(".docker-jackin-new");
        for name in [&path, &left, &fresh] {
            fs::write(name, "old").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        let file = fs::File::options().write(true).open(&left).unwrap();
        file.set_modified(long_ago).unwrap();
        WholeFile::read(&path)
            .unwrap()
            .replace("new", false, ACCEPT)
            .unwrap();
        assert_eq!(names(folder.path()), [".docker-jackin-new", "daemon.json"]);
    }
}
