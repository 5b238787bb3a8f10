//! The folder of launch records: beside the tickets, in memory, the user's
//! alone.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{LaunchId, LaunchIds, Record};
use crate::failure::Failure;
use crate::handoff::{LIFETIME, TicketFolder};

/// The folder beside the one of the tickets.
const LAUNCHES: &str = "launches";

/// The largest record that is read, in bytes.
const LIMIT: u64 = 64 << 10;

/// Where one user's launches are written down.
#[derive(Debug)]
pub struct LaunchFolder {
    path: PathBuf,
}

impl LaunchFolder {
    /// The folder of user `uid`, made where it is missing.
    ///
    /// # Errors
    /// There is no folder in memory for it, or it is not the user's alone.
    pub fn of_user(uid: u32) -> Result<Self, Failure> {
        Self::beside(&TicketFolder::of_user(uid)?)
    }

    /// The folder beside that of the user's tickets.
    ///
    /// # Errors
    /// It cannot be made, or it is not the user's alone.
    pub fn beside(tickets: &TicketFolder) -> Result<Self, Failure> {
        let path = tickets.beside(LAUNCHES)?;
        Ok(Self { path })
    }

    /// Writes a record down, over the one of the same launch.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(record)?;
        // 0600 is what a temporary file has.
        let mut file = tempfile::Builder::new()
            .prefix(".")
            .tempfile_in(&self.path)?;
        file.write_all(&text)?;
        file.persist(self.place(&record.id))?;
        Ok(())
    }

    /// The record of a launch, when there is one that can be read.
    pub fn read(&self, id: &LaunchId) -> Option<Record> {
        let file = File::open(self.place(id)).ok()?;
        let mut bytes = Vec::new();
        file.take(LIMIT).read_to_end(&mut bytes).ok()?;
        Record::from_json(&bytes).filter(|record| record.id == *id)
    }

    /// All records, the oldest first.
    pub fn all(&self) -> Vec<Record> {
        let names = self.names().into_iter();
        let ids = names.filter_map(|name| LaunchId::try_from(name).ok());
        let mut records: Vec<Record> = ids.filter_map(|id| self.read(&id)).collect();
        records.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        records
    }

    /// Removes the record of a launch; whether there was one.
    pub fn remove(&self, id: &LaunchId) -> bool {
        fs::remove_file(self.place(id)).is_ok()
    }

    /// Removes the records of launches on the engine behind `socket` that are
    /// not `alive`. One whose ticket still waits is left: the image may still
    /// be pulled.
    pub fn sweep(&self, socket: &Path, alive: &LaunchIds, now: SystemTime) {
        let old = |created: SystemTime| {
            let age = now.duration_since(created).unwrap_or_default();
            age > LIFETIME
        };
        for record in self.all() {
            let waits = record.waits_until() >= now;
            if record.socket == socket && !alive.contains(&record.id) && !waits {
                self.remove(&record.id);
            }
        }
        for name in self.names() {
            let unfinished = self.path.join(&name);
            let written = fs::symlink_metadata(&unfinished).and_then(|file| file.modified());
            if name.starts_with('.') && written.is_ok_and(old) {
                let _ = fs::remove_file(unfinished);
            }
        }
    }

    fn place(&self, id: &LaunchId) -> PathBuf {
        self.path.join(id.as_str())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().into_string());
        names.filter_map(Result::ok).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, UNIX_EPOCH};

    fn folder() -> (tempfile::TempDir, LaunchFolder) {
        let shm = tempfile::tempdir_in("/dev/shm").expect("Linux has a tmpfs here");
        let uid = rustix::process::geteuid().as_raw();
        let tickets = TicketFolder::open(&[shm.path().join("docker-jackin")], uid).unwrap();
        (shm, LaunchFolder::beside(&tickets).unwrap())
    }

    fn record(socket: &str, created: SystemTime) -> Record {
        let image = Some("img".to_owned());
        Record::new(LaunchId::random().unwrap(), image, socket.into(), created)
    }

    #[test]
    fn a_record_is_a_private_file_and_comes_back_as_it_was() {
        let (_shm, folder) = folder();
        let mut record = record("/run/e.sock", UNIX_EPOCH + Duration::from_secs(7));
        folder.write(&record).unwrap();
        record.role = Some("web".into());
        folder.write(&record).unwrap();
        assert_eq!(folder.all(), std::slice::from_ref(&record));
        let metadata = fs::metadata(folder.place(&record.id)).unwrap();
        assert_eq!(metadata.mode() & 0o7777, 0o600);
        assert_eq!(folder.names().len(), 1, "nothing unfinished is left");
        assert!(folder.remove(&record.id));
        assert!(!folder.remove(&record.id));
    }

    #[test]
    fn what_is_no_record_of_this_version_is_passed_by() {
        let (_shm, folder) = folder();
        let record = record("/s", UNIX_EPOCH);
        let text = serde_json::to_string(&record).unwrap();
        let other = text.replace(r#""version":1"#, r#""version":2"#);
        assert_ne!(text, other);
        for content in ["", "{", other.as_str()] {
            fs::write(folder.place(&record.id), content).unwrap();
            assert_eq!(folder.all(), [], "{content}");
        }
        // A record under another's name would speak for a foreign container.
        let foreign = LaunchId::random().unwrap();
        fs::write(folder.place(&foreign), text).unwrap();
        assert_eq!(folder.read(&foreign), None);
    }

    #[test]
    fn scenario_52_only_old_records_of_the_same_engine_without_container_are_swept() {
        let (_shm, folder) = folder();
        let now = SystemTime::now();
        let old = now - LIFETIME - Duration::from_secs(5);
        let [gone, alive, young, elsewhere] = [
            record("/a", old),
            record("/a", old),
            record("/a", now),
            record("/b", old),
        ];
        for record in [&gone, &alive, &young, &elsewhere] {
            folder.write(record).unwrap();
        }
        let mut waiting = record("/a", old);
        waiting.ticket_ends = Some(waiting.created + 10 * LIFETIME.as_secs());
        folder.write(&waiting).unwrap();
        fs::write(folder.path.join(".unfinished"), "").unwrap();
        folder.sweep(Path::new("/a"), &[alive.id.clone()].into(), now);
        let left = |record: &Record| folder.read(&record.id).is_some();
        let left = [&gone, &alive, &young, &elsewhere].map(left);
        assert_eq!(left, [false, true, true, true]);
        assert!(
            folder.remove(&waiting.id),
            "its ticket can still be redeemed"
        );
        assert_eq!(folder.names().len(), 4, "a fresh unfinished file stays");
        let later = now + 2 * LIFETIME;
        folder.sweep(Path::new("/a"), &LaunchIds::new(), later);
        assert_eq!(folder.all(), [elsewhere]);
        assert_eq!(folder.names().len(), 1);
    }
}
