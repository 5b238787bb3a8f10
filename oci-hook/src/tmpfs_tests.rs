use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::*;
use crate::kept::{FOLDER, Kept};

/// The place of a login in a container, and what its owner publishes.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    /// In a mount namespace of the test's own. The owner's folder lies on a
    /// shared mount, as systemd has all of `/run`.
    fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none).unwrap();
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let room = Self { folder };
        for name in ["owner", "container", "place"] {
            fs::create_dir(room.path(name)).unwrap();
        }
        let owner = room.path("owner");
        mount(Some("tmpfs"), &owner, Some("tmpfs"), MsFlags::empty(), none).unwrap();
        mount(none, &owner, none, MsFlags::MS_SHARED, none).unwrap();
        fs::create_dir(room.path("owner/published")).unwrap();
        // A container's own `/run`.
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
        fs::create_dir(MOUNT_POINT).unwrap();
        fs::write(room.path("place/login"), "").unwrap();
        room.publish("one");
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, name: &str) -> OwnedFd {
        fs::File::open(self.path(name)).unwrap().into()
    }

    /// As the owner does it: a new file, renamed over the old one.
    fn publish(&self, content: &str) {
        let (new, login) = (
            self.path("owner/published/.new"),
            self.path("owner/published/login"),
        );
        fs::write(&new, content).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o444)).unwrap();
        fs::rename(new, login).unwrap();
    }

    fn keep(&self, user: &Identity) -> Tmpfs {
        let tmpfs = Tmpfs::new(user, 0).unwrap();
        let container = self.open("container");
        tmpfs
            .keep_on(Kept::of(&container).mount_point().unwrap())
            .unwrap();
        tmpfs
    }

    /// Gives a container the login, as the hook does.
    fn deliver(&self, user: &Identity) {
        let tmpfs = self.keep(user);
        let live = tmpfs.follow(0, self.open("owner/published"), user).unwrap();
        let clone = tmpfs.cloned().unwrap();
        drop(live);
        clone.attach(fs::File::open(MOUNT_POINT).unwrap()).unwrap();
        clone.bind(file_name(0), self.open("place/login")).unwrap();
    }

    fn login(&self) -> PathBuf {
        self.path("place/login")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for name in ["place/login", "owner"] {
            let _ = unmount(
                self.path(name),
                UnmountFlags::DETACH | UnmountFlags::NOFOLLOW,
            );
        }
        let _ = Kept::of(&self.open("container")).drop_it();
    }
}

fn user(uid: u32) -> Identity {
    Identity {
        uid: rustix::process::Uid::from_raw(uid),
        gid: rustix::process::Gid::from_raw(uid),
        groups: Vec::new(),
    }
}

/// The lines of our mount table with this in them.
fn mounts(with: &str) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let lines = mounts.lines().filter(|line| line.contains(with));
    lines.map(str::to_owned).collect()
}

#[test]
fn scenario_41_what_is_published_is_seen_at_once_and_its_end_too() {
    let room = Room::new();
    room.deliver(&user(1000));
    for content in ["one", "two", "a longer three"] {
        room.publish(content);
        assert_eq!(fs::read_to_string(room.login()).unwrap(), content);
    }
    fs::remove_file(room.path("owner/published/login")).unwrap();
    let gone = fs::read(room.login()).unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    room.publish("again");
    assert_eq!(fs::read_to_string(room.login()).unwrap(), "again");
}

#[test]
fn scenario_41_root_cannot_write_it_and_everybody_can_read_it() {
    let room = Room::new();
    room.deliver(&user(1000));
    let live = Path::new(MOUNT_POINT).join("live-0");
    let refused = |result: io::Result<()>| {
        assert_eq!(
            result.unwrap_err().kind(),
            io::ErrorKind::ReadOnlyFilesystem
        );
    };
    refused(fs::write(room.login(), "mine"));
    refused(fs::write(live.join("other"), "mine"));
    refused(fs::remove_file(live.join("login")));
    refused(chown(live.join("login"), Some(0), None));
    let busy = fs::remove_file(room.login()).unwrap_err();
    assert_eq!(busy.raw_os_error(), Some(nix::libc::EBUSY));
    let opened = Command::new("setpriv")
        .args(["--reuid", "4711", "--clear-groups", "cat"])
        .arg(live.join("login"))
        .output()
        .unwrap();
    assert_eq!(opened.stdout, b"one", "{opened:?}");
    // The others' files and names stay the user's.
    let root = fs::metadata(MOUNT_POINT).unwrap();
    assert_eq!((root.uid(), root.mode() & 0o7777), (1000, 0o711));
    let link = fs::symlink_metadata(room.login()).unwrap();
    assert_eq!(link.uid(), 1000);
}

#[test]
fn a_mount_of_the_containers_never_shows_at_its_owners() {
    let room = Room::new();
    fs::create_dir(room.path("owner/published/sub")).unwrap();
    room.deliver(&user(1000));
    let live = format!("{MOUNT_POINT}/live-0");
    let [line] = &mounts(&live)[..] else {
        panic!("{:?}", mounts(&live));
    };
    assert!(line.contains(" ro,nosuid,nodev,noexec"), "{line}");
    assert!(
        !line.contains("shared:") && !line.contains("master:"),
        "{line}"
    );
    let (some, none) = (Some("tmpfs"), None::<&str>);
    mount(some, &*format!("{live}/sub"), some, MsFlags::empty(), none).unwrap();
    let owners = room.path("owner/published/sub");
    assert!(mounts(owners.to_str().unwrap()).is_empty());
}

#[test]
fn scenario_52_our_side_lets_go_of_the_owners_folder_at_once() {
    let room = Room::new();
    room.deliver(&user(0));
    let kept = room.path("container").join(FOLDER);
    assert_eq!(mounts(&format!("{}/", kept.display())), [""; 0]);
    // A stopped container is one without its mounts.
    let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
    unmount(room.login(), flags).unwrap();
    unmount(MOUNT_POINT, UnmountFlags::DETACH).unwrap();
    unmount(room.path("owner"), UnmountFlags::empty()).unwrap();
}

#[test]
fn scenario_52_a_kill_before_that_leaves_it_to_who_drops_the_tmpfs() {
    let room = Room::new();
    let tmpfs = room.keep(&user(0));
    let live = tmpfs.follow(0, room.open("owner/published"), &user(0));
    std::mem::forget(live.unwrap());
    drop(tmpfs);
    let container = room.open("container");
    Kept::of(&container).drop_it().unwrap();
    let place = room.path("container");
    assert_eq!(mounts(&format!("{}/", place.display())), [""; 0]);
    assert!(room.path("owner/published/login").exists());
}

#[test]
fn what_cannot_be_followed_leaves_room_for_a_copy() {
    let room = Room::new();
    let tmpfs = room.keep(&user(1000));
    // A folder of another namespace's cannot be cloned; a file is no folder.
    let file = room.open("owner/published/login");
    assert!(tmpfs.follow(0, file, &user(1000)).is_err());
    tmpfs.add(&file_name(0), b"copy", &user(1000)).unwrap();
    let kept = room.path("container").join(FOLDER);
    let names: Vec<_> = fs::read_dir(&kept).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let root = fs::metadata(kept).unwrap();
    assert_eq!(root.mode() & 0o7777, 0o700);
}
