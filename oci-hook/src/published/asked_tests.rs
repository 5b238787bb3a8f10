use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use super::*;

const UID: u32 = 1000;

/// An owner's folder on tmpfs.
struct Owner(tempfile::TempDir);

fn own(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    chown(path, Some(UID), Some(UID)).unwrap();
}

impl Owner {
    fn new() -> Self {
        let owner = Self(tempfile::tempdir_in("/dev/shm").unwrap());
        fs::create_dir_all(owner.asked()).unwrap();
        for path in [owner.root(), owner.asked()] {
            own(&path, 0o700);
        }
        owner
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("user")
    }

    fn asked(&self) -> PathBuf {
        self.root().join(ASKED)
    }

    fn ask(&self, age: u64) -> PathBuf {
        let path = self.asked().join("c1");
        let file = File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age))
            .unwrap();
        own(&path, 0o600);
        path
    }

    fn take(&self, id: &str) -> bool {
        let id = ContainerId::try_from(OsString::from(id)).unwrap();
        let folders = [self.0.path().join("missing"), self.root()];
        take_from(&folders, UID, Standing::Root, &id)
    }
}

#[test]
fn a_word_counts_once_and_for_its_container() {
    let owner = Owner::new();
    assert!(!owner.take("c1"));
    let path = owner.ask(0);
    assert!(!owner.take("c2"));
    assert!(owner.take("c1"));
    assert!(!path.exists());
    assert!(!owner.take("c1"));
}

#[test]
fn an_old_word_goes_and_does_not_count() {
    let owner = Owner::new();
    let path = owner.ask(LIFETIME.as_secs() + 5);
    assert!(!owner.take("c1"));
    assert!(!path.exists());
}

#[test]
fn a_word_that_its_owner_could_not_take_back_does_not_count() {
    let owner = Owner::new();
    let path = owner.ask(0);
    own(&owner.asked(), 0o500);
    assert!(!owner.take("c1"));
    assert!(path.exists());
}

#[test]
fn what_is_not_the_owners_own_folder_has_no_word_in_it() {
    for spoil in [
        |owner: &Owner| own(&owner.asked(), 0o750),
        |owner: &Owner| chown(owner.asked(), Some(0), None).unwrap(),
        |owner: &Owner| chown(owner.root(), Some(0), None).unwrap(),
        |owner: &Owner| {
            fs::rename(owner.asked(), owner.root().join("away")).unwrap();
            symlink("away", owner.asked()).unwrap();
        },
    ] {
        let owner = Owner::new();
        owner.ask(0);
        spoil(&owner);
        assert!(!owner.take("c1"));
        assert!(owner.asked().join("c1").exists());
    }
}

#[test]
fn what_is_no_file_of_the_owners_is_no_word() {
    let owner = Owner::new();
    let path = owner.asked().join("c1");
    symlink("/etc/passwd", &path).unwrap();
    assert!(!owner.take("c1"));
    fs::create_dir(&path).unwrap();
    assert!(!owner.take("c1"));
    assert!(path.exists());
}
