use std::os::unix::fs::{MetadataExt, symlink};

use rustix::process::{Gid, Uid};

use super::*;

fn user(uid: u32, gid: u32) -> Users {
    Users {
        user: Identity {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            groups: Vec::new(),
        },
        root: Identity::ROOT,
    }
}

/// A rootfs in a folder beside one that must stay as it is. The tests act as
/// other users, so they need root; `make test` has it.
struct Image {
    folder: tempfile::TempDir,
    rootfs: Rootfs,
}

impl Image {
    fn new() -> Self {
        Self::of(user(0, 0))
    }

    fn of(users: Users) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), everybody).unwrap();
        let root = folder.path().join("rootfs");
        std::fs::create_dir_all(root.join("home/dev")).unwrap();
        std::fs::create_dir(folder.path().join("outside")).unwrap();
        std::fs::write(folder.path().join("outside/file"), "untouched").unwrap();
        let rootfs = Rootfs::open(&root, users).unwrap();
        Self { folder, rootfs }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("rootfs").join(path)
    }

    fn spot(&self, path: &str) -> Result<Spot, Error> {
        self.rootfs.spot(Path::new(path))
    }

    fn assert_nothing_outside_changed(&self) {
        let outside = self.folder.path().join("outside");
        let names: Vec<_> = std::fs::read_dir(&outside)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["file"]);
        assert_eq!(std::fs::read(outside.join("file")).unwrap(), b"untouched");
    }
}

fn trouble(result: Result<Spot, Error>) -> Trouble {
    result.unwrap_err().trouble
}

#[test]
fn scenario_59_links_inside_the_image_are_followed() {
    let image = Image::new();
    std::fs::create_dir(image.path("run")).unwrap();
    std::fs::create_dir(image.path("var")).unwrap();
    symlink("/run", image.path("var/run")).unwrap();
    let spot = image.spot("/var/run/file").unwrap();
    let folder = fs::fstat(&spot.folder).unwrap();
    assert_eq!(folder.st_ino, image.path("run").metadata().unwrap().ino());
}

#[test]
fn scenario_56_a_link_out_of_the_image_stays_inside_it() {
    let image = Image::new();
    let outside = image.folder.path().join("outside");
    for (name, target) in [
        ("absolute", outside.clone()),
        ("relative", "../../../outside".into()),
        ("climbing", "../../../../../../../../../..".into()),
    ] {
        symlink(&target, image.path("home/dev").join(name)).unwrap();
        let path = format!("/home/dev/{name}/inner/file");
        // The link may dangle inside the image; it never leads out of it.
        if let Ok(spot) = image.spot(&path) {
            file_in(&spot);
        }
    }
    symlink(outside.join("file"), image.path("home/dev/last")).unwrap();
    if let Ok(spot) = image.spot("/home/dev/last") {
        file_in(&spot);
    }
    image.assert_nothing_outside_changed();
}

fn file_in(spot: &Spot) {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW;
    fs::openat(&spot.folder, &*spot.name, flags, Mode::RWXU).unwrap();
}

#[test]
fn scenario_56_what_is_no_file_is_refused_by_its_kind() {
    let image = Image::new();
    std::fs::create_dir(image.path("home/dev/folder")).unwrap();
    let special = [
        ("fifo", FileType::Fifo),
        ("socket", FileType::Socket),
        ("device", FileType::CharacterDevice),
    ];
    for (name, kind) in special {
        fs::mknodat(
            fs::CWD,
            image.path("home/dev").join(name),
            kind,
            Mode::RWXU,
            0,
        )
        .unwrap();
    }
    for name in ["folder", "fifo", "socket", "device"] {
        let found = trouble(image.spot(&format!("/home/dev/{name}")));
        assert!(
            matches!(found, Trouble::NotFile(kind) if kind.to_lowercase() == name),
            "{found:?}"
        );
    }
}

#[test]
fn scenario_56_loops_and_files_on_the_way_are_refused() {
    let image = Image::new();
    symlink("b", image.path("home/a")).unwrap();
    symlink("a", image.path("home/b")).unwrap();
    symlink("self/x", image.path("home/self")).unwrap();
    std::fs::write(image.path("home/file"), "").unwrap();
    assert!(matches!(trouble(image.spot("/home/a")), Trouble::Loop));
    assert!(matches!(trouble(image.spot("/home/a/file")), Trouble::Loop));
    assert!(matches!(trouble(image.spot("/home/self")), Trouble::Loop));
    assert!(matches!(
        trouble(image.spot("/home/file/below")),
        Trouble::NotFolder
    ));
}

#[test]
fn scenario_56_a_dangling_link_on_the_way_is_refused() {
    let image = Image::new();
    symlink("/nowhere/at/all", image.path("home/dev/.claude")).unwrap();
    let found = trouble(image.spot("/home/dev/.claude/.credentials.json"));
    assert!(matches!(found, Trouble::Dangling), "{found:?}");
}

#[test]
fn scenario_56_a_link_into_proc_is_refused() {
    // What matters is the file system's magic, so the host's own will do.
    let rootfs = Rootfs::open(Path::new("/"), user(0, 0)).unwrap();
    let trouble = |path: &str| rootfs.users_folder(Path::new(path)).unwrap_err().trouble;
    assert!(matches!(trouble("/proc/sys"), Trouble::Kernel));
    assert!(matches!(trouble("/proc/self/root/tmp"), Trouble::Loop));
    let file = rootfs.read_file(Path::new("/proc/version"));
    assert!(matches!(file, Err(Trouble::Kernel)));
}

#[test]
fn scenario_56_a_device_is_not_so_much_as_opened() {
    let image = Image::new();
    // Character device 10:200 is tun, 1:3 null: opening either would work.
    let mode = Mode::from_raw_mode(0o666);
    let null = fs::makedev(1, 3);
    fs::mknodat(
        fs::CWD,
        image.path("home/passwd"),
        FileType::CharacterDevice,
        mode,
        null,
    )
    .unwrap();
    let found = image
        .rootfs
        .read_file(Path::new("/home/passwd"))
        .unwrap_err();
    assert!(matches!(found, Trouble::NotFile("device")), "{found:?}");
}

#[test]
fn missing_folders_belong_to_the_user_also_where_the_user_may_not_write() {
    let image = Image::of(user(1000, 1001));
    image.spot("/home/new/.claude/file").unwrap();
    for path in ["home/new", "home/new/.claude"] {
        let metadata = image.path(path).metadata().unwrap();
        let seen = (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
        assert_eq!(seen, (1000, 1001, 0o700), "{path}");
    }
    assert_eq!(image.path("home").metadata().unwrap().uid(), 0);
}

#[test]
fn scenario_58_in_a_volume_nothing_is_made_that_its_user_could_not_make() {
    let volume = Path::new("/dev/shm");
    let rootfs = Rootfs::open(Path::new("/"), user(1000, 1000)).unwrap();
    let private = tempfile::tempdir_in(volume).unwrap();
    let path = private.path().join("folder/file");
    let error = rootfs.spot(&path).unwrap_err();
    assert!(
        matches!(error.trouble, Trouble::Unwritable(1000)),
        "{error}"
    );
    let spot = rootfs.spot(&private.path().join("file"));
    let edited = spot.unwrap().edit(&rootfs, |_| Ok(Some("x".into())));
    let error = edited.unwrap_err();
    assert!(matches!(error, Trouble::Unwritable(1000)), "{error}");
    assert_eq!(std::fs::read_dir(private.path()).unwrap().count(), 0);
}

#[test]
fn scenario_58_what_was_swapped_after_it_was_read_is_not_written() {
    let image = Image::new();
    std::fs::write(image.path("home/dev/file"), "old").unwrap();
    let spot = image.spot("/home/dev/file").unwrap();
    spot.edit(&image.rootfs, |old| {
        assert_eq!(old, "old");
        std::fs::remove_file(image.path("home/dev/file")).unwrap();
        // A folder cannot be renamed over, so this would be written in place.
        let mode = Mode::from_raw_mode(0o666);
        fs::mknodat(
            fs::CWD,
            image.path("home/dev/file"),
            FileType::CharacterDevice,
            mode,
            fs::makedev(1, 3),
        )
        .unwrap();
        Ok(Some("new".into()))
    })
    .unwrap();
    assert_eq!(std::fs::read(image.path("home/dev/file")).unwrap(), b"new");
    assert!(image.path("home/dev/file").metadata().unwrap().is_file());
}

#[test]
fn a_text_is_appended_as_the_user_and_a_missing_file_is_theirs_alone() {
    let image = Image::of(user(1000, 1001));
    let append = |path: &str| {
        let spot = image.spot(path).unwrap();
        crate::append::append(&image.rootfs, &spot, "b = 2\n", "b =").unwrap();
        crate::append::append(&image.rootfs, &image.spot(path).unwrap(), "b = 2\n", "b =").unwrap();
        let metadata = image.path(&path[1..]).metadata().unwrap();
        let text = std::fs::read_to_string(image.path(&path[1..])).unwrap();
        (text, metadata.uid(), metadata.mode() & 0o7777)
    };
    assert_eq!(
        append("/home/dev/new.toml"),
        ("b = 2\n".into(), 1000, 0o600)
    );

    std::fs::create_dir(image.path("home/dev/theirs")).unwrap();
    std::fs::write(image.path("home/dev/theirs/a.toml"), "a = 1").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(image.path("home/dev/theirs/a.toml"), mode).unwrap();
    for path in ["home/dev/theirs", "home/dev/theirs/a.toml"] {
        std::os::unix::fs::chown(image.path(path), Some(1000), Some(1001)).unwrap();
    }
    let wanted = ("a = 1\nb = 2\n".into(), 1000, 0o640);
    assert_eq!(append("/home/dev/theirs/a.toml"), wanted);
}

#[test]
fn a_text_is_not_appended_to_what_is_none() {
    let image = Image::new();
    std::fs::write(image.path("home/dev/binary"), b"\xff\xfe").unwrap();
    let spot = image.spot("/home/dev/binary").unwrap();
    let error = crate::append::append(&image.rootfs, &spot, "b = 2\n", "b =").unwrap_err();
    assert!(matches!(error, Trouble::NotText), "{error}");
    assert_eq!(
        std::fs::read(image.path("home/dev/binary")).unwrap(),
        b"\xff\xfe"
    );
}

#[test]
fn an_error_shows_what_the_image_wrote_in_escaped_form() {
    let error = Trouble::Loop.at(Path::new("/home/\u{1b}[2J\nlevel=error"));
    assert!(
        error
            .to_string()
            .starts_with(r#""/home/\u{1b}[2J\nlevel=error" in"#),
        "{error}"
    );
}

#[test]
fn a_volume_that_is_mounted_over_a_new_folder_meanwhile_is_not_given_away() {
    let image = Image::of(user(1000, 1000));
    let outside = image.folder.path().join("outside");
    std::fs::create_dir(image.path("srv")).unwrap();
    let parent: OwnedFd = std::fs::File::open(image.path("")).unwrap().into();
    // The mount is this thread's alone.
    std::thread::scope(|scope| {
        let race = scope.spawn(|| {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
            let (none, private) = (None::<&str>, nix::mount::MsFlags::MS_PRIVATE);
            nix::mount::mount(none, "/", none, private | nix::mount::MsFlags::MS_REC, none)
                .unwrap();
            let bind = nix::mount::MsFlags::MS_BIND;
            nix::mount::mount(Some(&outside), &image.path("srv"), none, bind, none).unwrap();
            // As the container sees it, by its own root.
            let parent: OwnedFd = std::fs::File::open(image.path("")).unwrap().into();
            image.rootfs.give_folder(&parent, OsStr::new("srv"))
        });
        assert_eq!(race.join().unwrap(), Err(Errno::XDEV));
    });
    assert_eq!(outside.metadata().unwrap().uid(), 0);
    image
        .rootfs
        .give_folder(&parent, OsStr::new("srv"))
        .unwrap();
    assert_eq!(image.path("srv").metadata().unwrap().uid(), 1000);
}

#[test]
fn what_the_containers_root_did_not_make_is_not_given_away() {
    let image = Image::of(user(1000, 1000));
    let parent: OwnedFd = std::fs::File::open(image.path("")).unwrap().into();
    std::fs::create_dir(image.path("srv")).unwrap();
    std::os::unix::fs::chown(image.path("srv"), Some(1001), None).unwrap();
    let given = image.rootfs.give_folder(&parent, OsStr::new("srv"));
    assert_eq!(given, Err(Errno::ACCESS));
    assert_eq!(image.path("srv").metadata().unwrap().uid(), 1001);
}
