use std::os::unix::fs::{MetadataExt, symlink};

use rustix::process::{Gid, Uid};

use super::*;

/// A rootfs in a folder beside one that must stay as it is. The tests act as
/// other users, so they need root; `make test` has it.
struct Image {
    folder: tempfile::TempDir,
    rootfs: Rootfs,
}

impl Image {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("rootfs");
        std::fs::create_dir_all(root.join("home/dev")).unwrap();
        std::fs::create_dir(folder.path().join("outside")).unwrap();
        std::fs::write(folder.path().join("outside/file"), "untouched").unwrap();
        let rootfs = Rootfs::open(&root).unwrap();
        Self { folder, rootfs }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("rootfs").join(path)
    }

    fn spot(&self, path: &str) -> Result<Spot, Error> {
        self.rootfs.spot(Path::new(path), &Identity::ROOT)
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
    let image = Image::new();
    let proc = image.path("proc");
    std::fs::create_dir(&proc).unwrap();
    // What matters is the file system's magic, so the host's own will do.
    let rootfs = Rootfs::open(Path::new("/")).unwrap();
    let error = rootfs
        .folder(Path::new("/proc/self"), &Identity::ROOT, Mode::RWXU)
        .unwrap_err();
    assert!(
        matches!(error.trouble, Trouble::Kernel | Trouble::Loop),
        "{error}"
    );
    let error = rootfs
        .folder(
            Path::new("/proc/self/root/tmp"),
            &Identity::ROOT,
            Mode::RWXU,
        )
        .unwrap_err();
    assert!(matches!(error.trouble, Trouble::Loop), "{error}");
}

#[test]
fn missing_folders_belong_to_the_user_also_where_the_user_may_not_write() {
    let image = Image::new();
    let user = Identity {
        uid: Uid::from_raw(1000),
        gid: Gid::from_raw(1001),
        groups: Vec::new(),
    };
    std::fs::set_permissions(
        image.folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    image
        .rootfs
        .spot(Path::new("/home/new/.claude/file"), &user)
        .unwrap();
    for path in ["home/new", "home/new/.claude"] {
        let metadata = image.path(path).metadata().unwrap();
        assert_eq!(
            (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777),
            (1000, 1001, 0o700),
            "{path}"
        );
    }
    assert_eq!(image.path("home").metadata().unwrap().uid(), 0);
    assert!(rustix::process::geteuid().is_root());
}
