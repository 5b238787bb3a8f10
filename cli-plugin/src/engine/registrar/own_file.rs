//! Files that are ours as a whole: drop-ins in folders that an engine reads.

use std::fs;
use std::path::{Path, PathBuf};

use super::change::FileChange;
use crate::engine::registration::{left_as_it_is, unreadable};
use crate::engine::whole_file::WholeFile;
use crate::failure::Failure;

/// How a file of ours begins that may hold comments.
pub const HEADER: &str = "# Written by `docker jackin install";

/// A file of our own, wherever it may be.
#[derive(Debug, Clone)]
pub struct OwnFile {
    path: PathBuf,
    /// Whether a text is of ours.
    is_ours: fn(&str) -> bool,
}

/// What lies where a file of ours would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Missing,
    /// A file of ours, with this text.
    Ours(String),
    /// Somebody else's.
    NotOurs,
}

impl OwnFile {
    /// A file that begins with [`HEADER`].
    pub fn with_header(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            is_ours: |text| text.starts_with(HEADER),
        }
    }

    /// A file that is told by what it says.
    pub fn told_by(path: impl Into<PathBuf>, is_ours: fn(&str) -> bool) -> Self {
        Self {
            path: path.into(),
            is_ours,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What lies there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn find(&self) -> Result<Found, Failure> {
        // A link is somebody's: what it leads to would be left behind.
        if fs::symlink_metadata(&self.path).is_ok_and(|there| there.is_symlink()) {
            return Ok(Found::NotOurs);
        }
        let file = WholeFile::read(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        Ok(match file.text() {
            None => Found::Missing,
            Some(text) if (self.is_ours)(text) => Found::Ours(text.to_owned()),
            Some(_) => Found::NotOurs,
        })
    }

    /// Whether it is there, and ours.
    pub fn is_there(&self) -> bool {
        matches!(self.find(), Ok(Found::Ours(_)))
    }

    /// The change that gives it this text.
    ///
    /// # Errors
    /// Somebody else's file lies there.
    pub fn put<'a>(&self, text: String) -> Result<FileChange<'a>, Failure> {
        Ok(match self.find()? {
            Found::Missing => FileChange::new(&self.path, None, Some(text)),
            Found::Ours(before) => FileChange::new(&self.path, Some(&before), Some(text)),
            Found::NotOurs => {
                let reason = "it is not one of docker-jackin's own; rename it first";
                return Err(left_as_it_is(&self.path, &reason));
            }
        })
    }

    /// The change that removes it; none where there is nothing of ours.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn remove<'a>(&self) -> Result<FileChange<'a>, Failure> {
        Ok(match self.find()? {
            Found::Ours(before) => FileChange::new(&self.path, Some(&before), None),
            Found::Missing | Found::NotOurs => FileChange::new(&self.path, None, None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_somebody_else_is_neither_replaced_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("50-docker-jackin.conf");
        let own = OwnFile::with_header(&path);
        assert_eq!(own.find().unwrap(), Found::Missing);
        assert!(own.put("x".into()).unwrap().is_needed());
        assert!(!own.remove().unwrap().is_needed());
        fs::write(&path, "[engine]\n").unwrap();
        assert!(own.put("x".into()).is_err());
        assert!(!own.remove().unwrap().is_needed());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::write(&path, format!("{HEADER}\n")).unwrap();
        assert_eq!(OwnFile::with_header(&link).find().unwrap(), Found::NotOurs);
        assert!(own.remove().unwrap().is_needed());
    }
}
