//! The answers that are kept: one file a token, by its fingerprint.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::Check;
use crate::staged_file::{self, Access, StagedFile};
use crate::token::Fingerprint;
use crate::token::record::Records;

/// The folder beside the records.
const FOLDER: &str = "checks";

/// The largest answer that is read, in bytes.
const LIMIT: u64 = 4 << 10;

/// How long an answer is kept that nobody renews: its token is gone, or not
/// used any more.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The answers about a configuration's tokens.
#[derive(Debug, Clone)]
pub struct Checks {
    folder: PathBuf,
}

/// The right to ask about a token, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    lock: File,
}

impl Drop for Claim {
    /// Closing the file would not be enough: a program that is being started at
    /// this moment has it too, until it is what is started.
    fn drop(&mut self) {
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

impl Checks {
    /// The answers beside a configuration's file.
    pub fn beside(config_file: &Path) -> Self {
        Self {
            folder: Records::beside(config_file).folder().join(FOLDER),
        }
    }

    /// What was said of a token last. What cannot be read is none: it is asked
    /// again then.
    pub fn read(&self, token: &Fingerprint) -> Option<Check> {
        let file = File::open(self.file(token)).ok()?;
        let mut text = Vec::new();
        file.take(LIMIT).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps an answer with what was known before, and forgets answers that
    /// nobody has renewed for long.
    ///
    /// # Errors
    /// It cannot be written; what was known before is kept.
    pub fn keep(&self, token: &Fingerprint, check: Check) -> io::Result<Check> {
        self.make_folder()?;
        self.sweep();
        let known = match self.read(token) {
            Some(known) => known.followed_by(check),
            None => check,
        };
        let text = serde_json::to_vec_pretty(&known)?;
        StagedFile::write(&self.folder, &text, Access::Mode(0o600))?.put(&self.file(token))?;
        Ok(known)
    }

    /// Takes the asking about a token for this process alone; `None` when
    /// another is at it.
    pub fn claim(&self, token: &Fingerprint) -> Option<Claim> {
        self.make_folder().ok()?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(format!("{token}.lock")))
            .ok()?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            // A file system without locks has one user here.
            Ok(()) | Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => Some(Claim { lock }),
            Err(_) => None,
        }
    }

    fn file(&self, token: &Fingerprint) -> PathBuf {
        self.folder.join(format!("{token}.json"))
    }

    fn make_folder(&self) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
    }

    fn sweep(&self) {
        staged_file::sweep(&self.folder);
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let old = entries.filter(|entry| {
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            let age = written.ok().and_then(|written| written.elapsed().ok());
            age.is_some_and(|age| age > KEPT)
        });
        for entry in old {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::check::Verdict;
    use jiff::Timestamp;
    use std::os::unix::fs::PermissionsExt;
    use std::time::SystemTime;

    fn check(verdict: Verdict) -> Check {
        Check::new(verdict, Timestamp::from_second(1_000).unwrap())
    }

    #[test]
    fn scenario_68_an_answer_is_its_token_s_and_the_user_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let checks = Checks::beside(&folder.path().join("config.toml"));
        let (one, other) = (Fingerprint::of(&"1".into()), Fingerprint::of(&"2".into()));
        assert_eq!(checks.read(&one), None);
        checks.keep(&one, check(Verdict::Refused)).unwrap();
        let kept = checks.keep(&one, check(Verdict::Unknown)).unwrap();
        assert_eq!(kept.verdict, Verdict::Refused);
        assert_eq!(checks.read(&one), Some(kept));
        assert_eq!(checks.read(&other), None);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
        let place = folder.path().join("tokens");
        assert_eq!(mode(&place), 0o700);
        assert_eq!(mode(&place.join("checks")), 0o700);
        assert_eq!(mode(&checks.file(&one)), 0o600);
        fs::write(checks.file(&one), "{").unwrap();
        assert_eq!(checks.read(&one), None);
        checks.keep(&one, check(Verdict::Accepted)).unwrap();
        assert_eq!(checks.read(&one), Some(check(Verdict::Accepted)));
    }

    #[test]
    fn what_nobody_renews_is_forgotten_after_90_days() {
        let folder = tempfile::tempdir().unwrap();
        let checks = Checks::beside(&folder.path().join("config.toml"));
        let tokens = ["old", "young", "new"].map(|text| Fingerprint::of(&text.into()));
        for token in &tokens[..2] {
            checks.keep(token, check(Verdict::Accepted)).unwrap();
        }
        for (token, days) in tokens.iter().zip([91, 89]) {
            let written = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
            let file = File::options().write(true).open(checks.file(token));
            file.unwrap().set_modified(written).unwrap();
        }
        checks.keep(&tokens[2], check(Verdict::Accepted)).unwrap();
        let kept = tokens.map(|token| checks.read(&token).is_some());
        assert_eq!(kept, [false, true, true]);
    }

    #[test]
    fn one_process_at_a_time_asks_about_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let checks = Checks::beside(&folder.path().join("config.toml"));
        let (one, other) = (Fingerprint::of(&"1".into()), Fingerprint::of(&"2".into()));
        let claim = checks.claim(&one).unwrap();
        assert!(checks.claim(&one).is_none());
        assert!(checks.claim(&other).is_some());
        drop(claim);
        assert!(checks.claim(&one).is_some());
    }
}
