//! What is written down about a scope's token: never the token itself.
//!
//! One JSON file a scope, 0600, in the folder `tokens` (0700) beside the
//! configuration. What is about to be made is noted before it is, so that
//! whatever a kill leaves behind in a store is known by name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::store::Kept;
use super::{Fingerprint, TokenScope};
use crate::failure::{Failure, Kind};
use crate::staged_file::{Access, StagedFile, sweep};

/// The version of the schema that this build writes and reads.
const VERSION: u32 = 1;

/// The largest record that is read, in bytes.
const LIMIT: u64 = 64 << 10;

/// What is known about a scope's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    version: u32,
    /// Whose it is.
    pub scope: TokenScope,
    /// The token that is wired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Wired>,
    /// The token that is about to be wired: a kill may have come before this
    /// was noted, and after the configuration was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Wired>,
    /// What we made, or were about to make, and is not wired: what a kill or a
    /// failed removal has left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<Kept>,
    /// What we made for tokens that were unwired since, and that nobody asked
    /// us to remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Kept>,
}

/// A token that the configuration refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wired {
    /// Where it is kept; `None` for a source that the user named themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// What tells its source from another, by `Source::identity`.
    pub source: String,
    /// Whether the place was made by us.
    pub made: Made,
    /// What tells it from another token.
    pub fingerprint: Fingerprint,
    /// When it was minted; `None` for one that we did not mint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Timestamp>,
    /// When it ends, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Whose making the place is that a token is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// Ours: it goes when its token does.
    Ours,
    /// The user's: it stays.
    Adopted,
}

impl Record {
    /// An empty record.
    pub fn new(scope: TokenScope) -> Self {
        Self {
            version: VERSION,
            scope,
            token: None,
            pending: None,
            orphans: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Whether there is nothing to write down.
    pub fn is_empty(&self) -> bool {
        self.token.is_none()
            && self.pending.is_none()
            && self.orphans.is_empty()
            && self.left.is_empty()
    }

    /// All that we made and that is noted here.
    pub fn places(&self) -> Vec<&Kept> {
        let wired = [&self.token, &self.pending].into_iter().flatten();
        let ours = wired.filter(|wired| wired.made == Made::Ours);
        let kept = ours.filter_map(|wired| wired.kept.as_ref());
        let mut places = Vec::new();
        for place in kept.chain(&self.orphans).chain(&self.left) {
            if *place != Kept::Plain && !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// What is known about the token of which this is true: it may be noted
    /// as wired, or as about to be.
    pub fn of(&self, is_it: impl Fn(&Wired) -> bool) -> Option<&Wired> {
        let mut known = [&self.token, &self.pending].into_iter().flatten();
        known.find(|wired| is_it(wired))
    }
}

/// The records of a configuration.
#[derive(Debug, Clone)]
pub struct Records {
    folder: PathBuf,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {why}", file.display())]
pub struct Broken {
    /// The record's file.
    pub file: PathBuf,
    why: String,
}

/// The right to change one scope's record and what it speaks of, until it is
/// dropped. The system takes it back from a process that dies.
#[derive(Debug)]
pub struct Held {
    lock: File,
}

impl Drop for Held {
    /// Closing the file would not be enough: a program that is being started at
    /// this moment has it too, until it is what is started.
    fn drop(&mut self) {
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

impl Records {
    /// The records beside a configuration's file.
    pub fn beside(config_file: &Path) -> Self {
        // A link to the file is followed for it, and its folder is the user's
        // own all the same.
        let folder = config_file.parent().unwrap_or(Path::new("/"));
        Self {
            folder: folder.join("tokens"),
        }
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The record of a scope; an empty one when there is none.
    ///
    /// # Errors
    /// There is one, and it cannot be read.
    pub fn read(&self, scope: &TokenScope) -> Result<Record, Broken> {
        let file = self.file(scope);
        let broken = |why: String| Broken {
            file: file.clone(),
            why,
        };
        let text = match read_small(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Record::new(scope.clone()));
            }
            Err(error) => return Err(broken(error.to_string())),
        };
        let record: Record =
            serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
        if record.version != VERSION {
            return Err(broken(format!("it is of version {}", record.version)));
        }
        if record.scope != *scope {
            return Err(broken(format!("it is about {}", record.scope)));
        }
        Ok(record)
    }

    /// The scopes that there are records of, of workspaces that are gone, too;
    /// of a record that cannot be read it is not known.
    pub fn scopes(&self) -> Vec<TokenScope> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let records = entries.filter_map(|entry| {
            let file = entry.path();
            let is_record = file.extension().is_some_and(|end| end == "json");
            let text = read_small(&file).ok().filter(|_| is_record)?;
            let record: Record = serde_json::from_slice(&text).ok()?;
            Some(record.scope)
        });
        let mut scopes: Vec<_> = records.collect();
        scopes.sort();
        scopes
    }

    /// Writes a scope's record, or removes one that has become empty.
    ///
    /// # Errors
    /// It cannot be written; the file holds what it held then.
    pub fn write(&self, record: &Record) -> Result<(), Failure> {
        let file = self.file(&record.scope);
        let failed = |error: io::Error| {
            let message = format!("failed to write {}: {error}", file.display());
            Failure::new(Kind::Configuration, message)
        };
        if record.is_empty() {
            return match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            };
        }
        self.make_folder().map_err(failed)?;
        let text = serde_json::to_vec_pretty(record).map_err(|error| failed(error.into()))?;
        sweep(&self.folder);
        let staged = StagedFile::write(&self.folder, &text, Access::Mode(0o600));
        staged.and_then(|staged| staged.put(&file)).map_err(failed)
    }

    /// Takes a scope for this process alone, at once.
    ///
    /// # Errors
    /// Another command is at work on it.
    pub fn hold(&self, scope: &TokenScope) -> Result<Held, Failure> {
        let failed = |error: io::Error| {
            let folder = self.folder.display();
            Failure::new(
                Kind::Configuration,
                format!("failed to lock {folder}: {error}"),
            )
        };
        self.make_folder().map_err(failed)?;
        let file = self.folder.join(format!("{}.lock", scope.file_stem()));
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(file)
            .map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            // A file system without locks has one user here.
            Ok(()) | Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Held { lock }),
            Err(Errno::WOULDBLOCK) => {
                let message = format!("another command is at work on the token of {scope}");
                Err(Failure::new(Kind::Configuration, message).hint("end it, or wait for it"))
            }
            Err(error) => Err(failed(error.into())),
        }
    }

    /// The file of a scope's record.
    pub fn file(&self, scope: &TokenScope) -> PathBuf {
        self.folder.join(format!("{}.json", scope.file_stem()))
    }

    fn make_folder(&self) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let found = self.folder.metadata()?;
        // What lies in it says what is removed, and where a token is.
        if is_another_s(&found) {
            let why = "it is not the user's own, or others may write to it";
            return Err(io::Error::other(why));
        }
        Ok(())
    }
}

/// Whether somebody else could have written it; root may write anything.
fn is_another_s(found: &fs::Metadata) -> bool {
    let own = rustix::process::geteuid().as_raw();
    (found.uid() != own && found.uid() != 0) || found.mode() & 0o022 != 0
}

fn read_small(file: &Path) -> io::Result<Vec<u8>> {
    // Without waiting: a FIFO without a writer would hold a launch up.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut options = File::options();
    let file = options.read(true).custom_flags(nonblock).open(file)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if is_another_s(&found) {
        let why = "it is not the user's own, or others may write to it";
        return Err(io::Error::other(why));
    }
    let mut text = Vec::new();
    let length = file.take(LIMIT + 1).read_to_end(&mut text)?;
    if u64::try_from(length).is_ok_and(|length| length > LIMIT) {
        return Err(io::Error::other("it is too large"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_scope_is_free_once_it_is_given_back_whoever_has_a_copy_of_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::beside(&folder.path().join("config.toml"));
        let held = records.hold(&scope(None)).unwrap();
        // As a program has it between fork and exec.
        let copy = held.lock.try_clone().unwrap();
        assert!(records.hold(&scope(None)).is_err());
        drop(held);
        assert!(records.hold(&scope(None)).is_ok());
        drop(copy);
    }

    fn scope(role: Option<&str>) -> TokenScope {
        TokenScope {
            workspace: "my-app".to_owned(),
            role: role.map(str::to_owned),
        }
    }

    fn wired() -> Wired {
        Wired {
            kept: None,
            source: "file:/x".to_owned(),
            made: Made::Adopted,
            fingerprint: Fingerprint::of(&"x".into()),
            issued: None,
            expires: None,
        }
    }

    #[test]
    fn scenario_67_a_record_is_its_scope_s_alone_and_goes_when_it_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::beside(&folder.path().join("config.toml"));
        let mut record = Record::new(scope(Some("web")));
        assert_eq!(records.read(&record.scope).unwrap(), record);
        record.token = Some(wired());
        records.write(&record).unwrap();
        assert_eq!(records.read(&record.scope).unwrap(), record);
        assert!(records.read(&scope(None)).unwrap().is_empty());
        let file = records.file(&record.scope);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&file), mode(records.folder())), (0o600, 0o700));
        record.token = None;
        records.write(&record).unwrap();
        assert!(!file.exists());
        records.write(&record).unwrap();
    }

    #[test]
    fn scenario_69_a_broken_record_is_told_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::beside(&folder.path().join("config.toml"));
        let mut record = Record::new(scope(None));
        record.token = Some(wired());
        records.write(&record).unwrap();
        let file = records.file(&record.scope);
        let text = fs::read_to_string(&file).unwrap();
        for broken in [
            String::new(),
            text.replace("\"version\": 1", "\"version\": 2"),
            text.replace("my-app", "other"),
            text.replace("\"source\"", "\"sauce\""),
            " ".repeat(usize::try_from(LIMIT).unwrap() + 1),
        ] {
            fs::write(&file, &broken).unwrap();
            let error = records.read(&record.scope).unwrap_err().to_string();
            assert!(error.contains("my-app.json cannot be read: "), "{error}");
        }
    }

    #[test]
    fn scenario_69_what_others_could_have_written_is_no_record_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::beside(&folder.path().join("config.toml"));
        let mut record = Record::new(scope(None));
        record.token = Some(wired());
        records.write(&record).unwrap();
        let file = records.file(&record.scope);
        let others = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        others(&file, 0o620);
        let why = records.read(&record.scope).unwrap_err().to_string();
        assert!(why.ends_with("others may write to it"), "{why}");
        fs::remove_file(&file).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &file, 0o600.into()).unwrap();
        let why = records.read(&record.scope).unwrap_err().to_string();
        assert!(why.ends_with("no regular file"), "{why}");
        assert!(records.scopes().is_empty());
        others(records.folder(), 0o770);
        let refused = records.hold(&record.scope).unwrap_err().to_string();
        assert!(refused.contains("others may write to it"), "{refused}");
        assert!(records.write(&record).is_err());
    }

    #[test]
    fn one_command_at_a_time_works_on_a_scope() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::beside(&folder.path().join("config.toml"));
        let held = records.hold(&scope(None)).unwrap();
        assert!(records.hold(&scope(Some("web"))).is_ok());
        let refused = records.hold(&scope(None)).unwrap_err().to_string();
        assert!(refused.contains("another command is at work"), "{refused}");
        drop(held);
        assert!(records.hold(&scope(None)).is_ok());
    }
}
