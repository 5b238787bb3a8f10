use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::FileType;
use serde_json::json;

use super::*;
use crate::identity::Identity;
use crate::payload::Payload;
use crate::tmpfs::Tmpfs;

/// A container's folder on tmpfs, in a mount namespace of the test's own.
struct Room {
    folder: tempfile::TempDir,
    container: OwnedFd,
}

impl Room {
    fn new() -> Self {
        // This thread's alone, and it ends with the test.
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let container = std::fs::File::open(folder.path()).unwrap().into();
        Self { folder, container }
    }

    /// As the hook makes it, with these files on it.
    fn keep(&self, files: &[&str]) -> Tmpfs {
        let tmpfs = Tmpfs::new(&Identity::ROOT, 0).unwrap();
        for (at, content) in files.iter().enumerate() {
            let name = file_name(at);
            tmpfs
                .add(&name, content.as_bytes(), &Identity::ROOT)
                .unwrap();
        }
        tmpfs.keep_on(self.kept().mount_point().unwrap()).unwrap();
        tmpfs.cloned().unwrap()
    }

    fn kept(&self) -> Kept<'_> {
        Kept::of(&self.container)
    }

    fn file(&self, at: usize) -> PathBuf {
        self.folder.path().join(FOLDER).join(file_name(at))
    }

    /// What a payload that delivered these comes to.
    fn updated(&self, delivered: &[&str]) -> (bool, Vec<String>) {
        let files = delivered.iter().map(|content| {
            json!({"place": {"path": "login"}, "delivery": {"bind": {"content": content}}})
        });
        let files: Vec<_> = files.collect();
        let mut payload: Payload = serde_json::from_value(json!({ "files": files })).unwrap();
        let changed = self.kept().update(payload.files.iter_mut());
        let contents = payload.files.iter().map(|file| match &file.delivery {
            Delivery::Bind { content } => content.expose().to_owned(),
            other => unreachable!("{other:?}"),
        });
        (changed, contents.collect())
    }
}

/// The mounts below a folder, in the namespace of this thread.
fn mounts_below(folder: &Path) -> usize {
    let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let folder = format!(" {}/", folder.display());
    mounts.lines().filter(|line| line.contains(&folder)).count()
}

fn unchanged(contents: &[&str]) -> (bool, Vec<String>) {
    (false, contents.iter().map(|&text| text.into()).collect())
}

#[test]
fn scenario_38_what_the_agent_wrote_in_place_takes_the_place_of_what_was_delivered() {
    let room = Room::new();
    room.keep(&["delivered", "other"]);
    assert_eq!(
        room.updated(&["delivered", "other"]),
        unchanged(&["delivered", "other"])
    );
    std::fs::write(room.file(0), "the agent's own, and longer").unwrap();
    assert_eq!(
        room.updated(&["delivered", "other"]),
        (
            true,
            vec!["the agent's own, and longer".into(), "other".into()]
        )
    );
}

#[test]
fn scenario_56_what_is_no_plain_text_is_passed_over() {
    let room = Room::new();
    room.keep(&["delivered"]);
    let file = room.file(0);
    let special = |kind, mode| {
        fs::mknodat(fs::CWD, &file, kind, Mode::RWXU, mode).unwrap();
    };
    let cases: [(&str, &dyn Fn()); 12] = [
        ("gone", &|| {}),
        ("empty", &|| std::fs::write(&file, "").unwrap()),
        ("blank", &|| std::fs::write(&file, " \n\t\n").unwrap()),
        ("no text", &|| std::fs::write(&file, b"\xff\xfe").unwrap()),
        ("too large", &|| {
            std::fs::write(&file, vec![b'x'; usize::try_from(MAX_SIZE).unwrap() + 1]).unwrap();
        }),
        ("1 GiB, sparse", &|| {
            let sparse = std::fs::File::create(&file).unwrap();
            sparse.set_len(1 << 30).unwrap();
        }),
        ("an absolute link", &|| {
            symlink("/etc/shadow", &file).unwrap();
        }),
        ("a link on the tmpfs", &|| symlink("other", &file).unwrap()),
        ("a folder", &|| std::fs::create_dir(&file).unwrap()),
        ("a FIFO", &|| special(FileType::Fifo, 0)),
        ("a socket", &|| special(FileType::Socket, 0)),
        ("a device", &|| {
            special(FileType::CharacterDevice, fs::makedev(1, 5));
        }),
    ];
    std::fs::write(file.with_file_name("other"), "elsewhere").unwrap();
    for (case, make) in cases {
        let _ = std::fs::remove_file(&file);
        make();
        assert_eq!(
            room.updated(&["delivered"]),
            unchanged(&["delivered"]),
            "{case}"
        );
        let _ = std::fs::remove_dir(&file);
    }
}

#[test]
fn odd_modes_and_hard_links_are_the_agents_affair() {
    let room = Room::new();
    room.keep(&["delivered"]);
    let file = room.file(0);
    std::fs::write(&file, vec![b'x'; usize::try_from(MAX_SIZE).unwrap()]).unwrap();
    std::fs::hard_link(&file, file.with_file_name("again")).unwrap();
    for mode in [0o000, 0o4777] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(room.updated(&["delivered"]).0, "{mode:o}");
    }
}

#[test]
fn a_folder_with_no_tmpfs_on_it_holds_nothing_of_the_containers() {
    let room = Room::new();
    assert_eq!(room.updated(&["delivered"]), unchanged(&["delivered"]));
    room.kept().mount_point().unwrap();
    std::fs::write(room.file(0), "not the container's").unwrap();
    assert_eq!(room.updated(&["delivered"]), unchanged(&["delivered"]));
}

#[test]
fn scenario_52_what_is_dropped_is_mounted_nowhere_any_more() {
    let room = Room::new();
    room.kept().drop_it().unwrap();
    let clone = room.keep(&["one"]);
    room.keep(&["on top of it"]);
    assert_eq!(mounts_below(room.folder.path()), 2);
    room.kept().drop_it().unwrap();
    assert_eq!(mounts_below(room.folder.path()), 0);
    assert!(!room.folder.path().join(FOLDER).exists());
    room.kept().drop_it().unwrap();
    // The container's own mount of it is another one, and stays.
    let elsewhere = room.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    clone
        .attach(std::fs::File::open(&elsewhere).unwrap())
        .unwrap();
    assert_eq!(std::fs::read(elsewhere.join(file_name(0))).unwrap(), b"one");
}

#[test]
fn scenario_52_it_can_be_dropped_from_another_namespace() {
    let room = Room::new();
    room.keep(&["one"]);
    let path = room.folder.path().to_owned();
    let outsider = std::thread::spawn(move || {
        // A copy of the mounts, as another namespace has it that came later.
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let container: OwnedFd = std::fs::File::open(&path).unwrap().into();
        Kept::of(&container).drop_it().unwrap();
        mounts_below(&path)
    });
    assert_eq!(outsider.join().unwrap(), 0);
    assert_eq!(mounts_below(room.folder.path()), 0);
}

/// As systemd has `/run`.
#[test]
fn on_a_shared_mount_it_is_private_all_the_same_and_leaves_no_copy() {
    let room = Room::new();
    let run = room.folder.path().join("run");
    let elsewhere = room.folder.path().join("elsewhere");
    for folder in [&run, &elsewhere] {
        std::fs::create_dir(folder).unwrap();
    }
    let none = None::<&str>;
    mount(Some("tmpfs"), &run, Some("tmpfs"), MsFlags::empty(), none).unwrap();
    mount(none, &run, none, MsFlags::MS_SHARED, none).unwrap();
    let room = Room {
        container: std::fs::File::open(&run).unwrap().into(),
        folder: room.folder,
    };
    let clone = room.keep(&["one"]);
    // A namespace that follows ours, as those of services do.
    let (path, inside) = (run.clone(), elsewhere.clone());
    let (ready, wait) = std::sync::mpsc::channel::<()>();
    let (say, hear) = std::sync::mpsc::channel();
    let follower = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        say.send(mounts_below(&path)).unwrap();
        wait.recv().unwrap();
        (mounts_below(&path), mounts_below(&inside))
    });
    assert_eq!(hear.recv().unwrap(), 1);
    // What the container mounts on its own side stays there.
    clone
        .attach(std::fs::File::open(&elsewhere).unwrap())
        .unwrap();
    std::fs::create_dir(elsewhere.join("sub")).unwrap();
    let sub = elsewhere.join("sub");
    mount(Some("tmpfs"), &sub, Some("tmpfs"), MsFlags::empty(), none).unwrap();
    assert_eq!((mounts_below(&run), mounts_below(&elsewhere)), (1, 1));
    room.kept().drop_it().unwrap();
    ready.send(()).unwrap();
    assert_eq!(follower.join().unwrap(), (0, 0));
    assert_eq!(mounts_below(&run), 0);
}

#[test]
fn removing_a_tree_stops_at_a_mount() {
    let room = Room::new();
    room.keep(&["one"]);
    let parent = std::fs::File::open(room.folder.path().parent().unwrap()).unwrap();
    let name = room.folder.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(file::remove_tree(&parent, name), Err(Errno::XDEV));
    assert_eq!(std::fs::read(room.file(0)).unwrap(), b"one");
    room.kept().drop_it().unwrap();
    file::remove_tree(&parent, name).unwrap();
    assert!(!room.folder.path().exists());
}

/// What it is comes from its owner alone. The container's user, whose the tmpfs
/// is, may put anything in the place of the symlink to it.
#[test]
fn scenario_56_a_login_that_is_followed_is_not_taken_from_the_container() {
    let room = Room::new();
    room.keep(&["the container's", "renewed"]);
    let login = "00112233445566778899aabbccddeeff";
    let mut payload: Payload = serde_json::from_value(json!({"files": [
        {"place": {"path": "a"}, "delivery": {"live": {"login": login, "content": "owner's"}}},
        {"place": {"path": "b"}, "delivery": {"bind": {"content": "old"}}},
    ]}))
    .unwrap();
    assert!(room.kept().update(payload.files.iter_mut()));
    let contents: Vec<_> = payload
        .files
        .iter()
        .filter_map(|file| Some(file.delivery.secret()?.expose()))
        .collect();
    assert_eq!(contents, ["owner's", "renewed"]);
    // Nor does a symlink like that lead our side anywhere.
    std::fs::remove_file(room.file(1)).unwrap();
    symlink("file-0", room.file(1)).unwrap();
    assert!(!room.kept().update(payload.files.iter_mut()));
}
