//! A file as it was and as it will be.

use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::engine::registration::{left_as_it_is, unreadable};
use crate::engine::whole_file::WholeFile;
use crate::failure::Failure;

/// Asks somebody about a finished file before it takes its place.
pub type Accept<'a> = Box<dyn Fn(&Path) -> io::Result<()> + 'a>;

/// One file's change. `None` stands for no file.
pub struct FileChange<'a> {
    path: PathBuf,
    before: Option<String>,
    after: Option<String>,
    backup: bool,
    accept: Option<Accept<'a>>,
}

impl<'a> FileChange<'a> {
    /// A change of a file from what it is to what it will be.
    pub fn new(path: &Path, before: Option<&str>, after: Option<String>) -> Self {
        Self {
            path: path.to_owned(),
            before: before.map(str::to_owned),
            after,
            backup: false,
            accept: None,
        }
    }

    /// The same, of a file that is not ours: its former state is kept beside
    /// it.
    #[must_use]
    pub fn with_backup(mut self) -> Self {
        self.backup = true;
        self
    }

    /// The same, once somebody has accepted the finished file.
    #[must_use]
    pub fn accepted_by(mut self, accept: Accept<'a>) -> Self {
        self.accept = Some(accept);
        self
    }

    /// Whether there is anything to do.
    pub fn is_needed(&self) -> bool {
        self.before != self.after
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it will hold.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Makes the change: the file is old or new at any moment.
    ///
    /// # Errors
    /// It is not as it was when the change was planned, is not accepted, or
    /// cannot be written; it is untouched then.
    pub fn apply(&self) -> Result<(), Failure> {
        if !self.is_needed() {
            return Ok(());
        }
        let file = WholeFile::read(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        if file.text() == self.after() {
            return Ok(());
        }
        if file.text() != self.before.as_deref() {
            let reason = "it was changed by somebody else just now; try again";
            return Err(left_as_it_is(&self.path, &reason));
        }
        let accept = |staged: &Path| self.accept.as_ref().map_or(Ok(()), |accept| accept(staged));
        let done = match self.after() {
            Some(text) => file.replace(text, self.backup, &accept),
            None => file.remove(),
        };
        done.map_err(|error| left_as_it_is(&self.path, &error))
    }

    /// The same change and a later one of the same file as one.
    pub(super) fn followed_by(&self, later: &FileChange<'_>) -> FileChange<'static> {
        FileChange::new(&self.path, self.before.as_deref(), later.after.clone())
    }

    /// A copy for showing.
    pub(super) fn shown(&self) -> FileChange<'static> {
        self.followed_by(self)
    }

    /// The change as a patch, or that there is none.
    pub fn patch(&self) -> String {
        let name = self.path.display().to_string();
        if !self.is_needed() {
            return format!("{name}: no change\n");
        }
        let side = |text: &Option<String>| match text {
            Some(_) => name.clone(),
            None => "/dev/null".to_owned(),
        };
        let (old, new) = (side(&self.before), side(&self.after));
        let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let (before, after) = (text(&self.before), text(&self.after));
        let diff = TextDiff::from_lines(before.as_str(), after.as_str());
        diff.unified_diff().header(&old, &new).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn scenario_76_what_somebody_else_changed_in_between_is_left_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let change = FileChange::new(&path, None, Some("ours".into()));
        fs::write(&path, "theirs").unwrap();
        assert!(change.apply().is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn a_change_that_was_made_already_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let change = FileChange::new(&path, None, Some("ours".into()));
        change.apply().unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        change.apply().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
        FileChange::new(&path, Some("ours"), None).apply().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_patch_says_what_comes_and_what_goes() {
        let patch = |before: Option<&str>, after: Option<&str>| {
            FileChange::new(Path::new("/f"), before, after.map(str::to_owned)).patch()
        };
        assert_eq!(patch(Some("a"), Some("a")), "/f: no change\n");
        assert!(patch(None, Some("a\n")).starts_with("--- /dev/null\n+++ /f\n"));
        assert!(patch(Some("a\n"), None).starts_with("--- /f\n+++ /dev/null\n"));
    }
}
