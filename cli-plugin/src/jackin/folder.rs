//! Where jackin keeps its files, and their texts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Remark;
use crate::host::Host;

/// The largest file that is read, in bytes, and the most workspaces.
const LIMIT: u64 = 1 << 20;
const MOST: usize = 2000;

/// The texts of a folder of jackin's.
#[derive(Debug, Default)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// `config.toml`.
    pub(super) config: Option<Zeroizing<String>>,
    /// `workspaces/*.toml`, by the names of the workspaces.
    pub(super) workspaces: BTreeMap<String, Zeroizing<String>>,
    /// What could not be read.
    pub(super) remarks: Vec<Remark>,
}

impl Folder {
    /// The folder that is meant: the one that was named, else the one that
    /// jackin itself would take.
    pub fn meant(named: Option<&Path>, host: &Host) -> PathBuf {
        let path = named
            .map(Path::to_owned)
            .or_else(|| host.path_variable("JACKIN_CONFIG_DIR"))
            .unwrap_or_else(|| host.home().join(".config/jackin"));
        host.folder().join(path)
    }

    /// Reads all that is there.
    pub fn open(path: PathBuf) -> Self {
        let mut folder = Self {
            path,
            ..Self::default()
        };
        if folder.path.join("config.publish.journal").exists() {
            folder.remark(
                "config.publish.journal",
                "jackin was interrupted while it saved: run jackin once, it finishes that",
            );
        }
        folder.config = folder.text("config.toml");
        for name in folder.workspace_names() {
            if let Some(text) = folder.text(&format!("workspaces/{name}.toml")) {
                folder.workspaces.insert(name, text);
            }
        }
        folder
    }

    /// Whether there was nothing in it.
    pub fn is_empty(&self) -> bool {
        self.config.is_none() && self.workspaces.is_empty()
    }

    /// What could not be read.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn remark(&mut self, place: &str, what: impl Into<String>) {
        let (place, what) = (place.to_owned(), what.into());
        self.remarks.push(Remark { place, what });
    }

    fn text(&mut self, name: &str) -> Option<Zeroizing<String>> {
        match text(&self.path.join(name), LIMIT) {
            Ok(text) => text,
            Err(error) => {
                self.remark(name, format!("cannot be read: {error}"));
                None
            }
        }
    }

    /// The names of the workspaces that have a file; half-written files end
    /// in something else.
    fn workspace_names(&mut self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path.join("workspaces")) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned()))
            .filter(|name| !name.is_empty())
            .take(MOST + 1)
            .collect();
        if names.len() > MOST {
            names.pop();
            self.remark("workspaces", format!("has more than {MOST} files"));
        }
        names.sort();
        names
    }
}

/// A file's text; `None` when it is not there.
pub(super) fn text(path: &Path, limit: u64) -> io::Result<Option<Zeroizing<String>>> {
    let mut options = File::options();
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits();
    options
        .read(true)
        .custom_flags(i32::try_from(nonblock).unwrap_or_default());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > limit {
        let why = format!("it is no regular file of at most {limit} bytes");
        return Err(io::Error::other(why));
    }
    let room = usize::try_from(metadata.len()).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(limit).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Where jackin keeps what it makes itself: checkouts of roles, and dates.
pub fn state_folder(host: &Host) -> PathBuf {
    let named = host.path_variable("JACKIN_HOME_DIR");
    let folder = named.unwrap_or_else(|| host.home().join(".jackin"));
    host.folder().join(folder)
}

/// The day on which jackin expects a workspace's token to end, if it is one.
pub fn stamp(state: &Path, workspace: &str) -> Option<String> {
    if workspace.contains(['/', '\\']) {
        return None;
    }
    let path = state.join("cache/claude-token-expiry").join(workspace);
    let text = text(&path, 64).ok()??;
    let date: jiff::civil::Date = text.trim().parse().ok()?;
    Some(date.to_string())
}
