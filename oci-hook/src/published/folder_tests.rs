use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::*;
use crate::container::ContainerId;
use crate::published::{FILE, LEASE_SCHEMA, LEASES, Lease};

const UID: u32 = 1000;

/// An owner's folder on tmpfs with one publication.
struct Owner {
    folder: tempfile::TempDir,
    id: LoginId,
}

impl Owner {
    fn new() -> Self {
        Self::in_folder("/dev/shm")
    }

    fn in_folder(parent: &str) -> Self {
        let folder = tempfile::tempdir_in(parent).unwrap();
        let id = LoginId::from_bits([7; 16]);
        let owner = Self { folder, id };
        let published = owner.published();
        fs::create_dir_all(&published).unwrap();
        fs::write(published.join(FILE), "published").unwrap();
        for (path, mode) in [
            (owner.root(), 0o700),
            (owner.root().join(LOGINS), 0o700),
            (owner.login(), 0o700),
            (published.clone(), 0o755),
            (published.join(FILE), 0o444),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            chown(&path, Some(UID), Some(UID)).unwrap();
        }
        owner
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("user")
    }

    fn login(&self) -> PathBuf {
        self.root().join(LOGINS).join(self.id.as_str())
    }

    fn published(&self) -> PathBuf {
        self.login().join(PUBLISHED)
    }

    fn open(&self) -> Result<Publication, Error> {
        let folders = [self.folder.path().join("missing"), self.root()];
        Publication::open_in(&folders, UID, Standing::Root, &self.id)
    }

    /// Which folder was refused, below the owner's.
    fn refused(&self) -> PathBuf {
        match self.open() {
            Err(Error::Folder { path, uid: UID, .. }) => {
                path.strip_prefix(self.root()).unwrap().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }
}

fn lease(id: &ContainerId, publication: &Publication) -> Lease {
    Lease {
        schema: LEASE_SCHEMA,
        container: id.as_str().to_owned(),
        pid: 4711,
        started: 12,
        folder: publication.inode(),
        since: 1,
    }
}

#[test]
fn what_the_owner_publishes_is_found_and_told_from_a_later_one() {
    let owner = Owner::new();
    let publication = owner.open().unwrap();
    let stat = fs::metadata(owner.published()).unwrap();
    let inode = publication.inode();
    assert_eq!((inode.device, inode.number), (stat.dev(), stat.ino()));
    fs::rename(owner.published(), owner.login().join("old")).unwrap();
    assert!(matches!(owner.open(), Err(Error::Missing { uid: UID })));
}

#[test]
fn a_login_that_has_ended_is_published_all_the_same() {
    let owner = Owner::new();
    fs::remove_file(owner.published().join(FILE)).unwrap();
    owner.open().unwrap();
}

#[test]
fn scenario_56_every_folder_on_the_way_must_be_its_owners_alone() {
    let below = |name: &str| PathBuf::from(LOGINS).join(name);
    let owner = Owner::new();
    let login = below(owner.id.as_str());
    for folder in [PathBuf::new(), LOGINS.into(), login.clone()] {
        for mode in [0o750, 0o701, 0o777] {
            let path = owner.root().join(&folder);
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(owner.refused(), folder, "{mode:o}");
            fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        }
    }
    for folder in [
        PathBuf::new(),
        LOGINS.into(),
        login.clone(),
        login.join(PUBLISHED),
    ] {
        let path = owner.root().join(&folder);
        for other in [0, UID + 1] {
            chown(&path, Some(other), None).unwrap();
            assert_eq!(owner.refused(), folder, "of uid {other}");
        }
        chown(&path, Some(UID), None).unwrap();
    }
    owner.open().unwrap();
}

#[test]
fn scenario_56_nobody_else_may_write_what_is_published() {
    let owner = Owner::new();
    for mode in [
        0o775, 0o757, 0o777, 0o700, 0o555, 0o1755, 0o2755, 0o4755, 0o000,
    ] {
        fs::set_permissions(owner.published(), Permissions::from_mode(mode)).unwrap();
        assert!(owner.refused().ends_with(PUBLISHED), "{mode:o}");
    }
}

#[test]
fn scenario_56_no_link_and_nothing_else_is_taken_for_the_folder() {
    let owner = Owner::new();
    let published = owner.published();
    let elsewhere = owner.login().join("elsewhere");
    fs::rename(&published, &elsewhere).unwrap();
    let cases: [(&str, &dyn Fn()); 4] = [
        ("a link", &|| symlink(&elsewhere, &published).unwrap()),
        ("a link of the kernel's", &|| {
            symlink("/proc/self/root", &published).unwrap();
        }),
        ("a file", &|| fs::write(&published, "").unwrap()),
        ("a FIFO", &|| {
            let kind = rustix::fs::FileType::Fifo;
            let mode = rustix::fs::Mode::from_raw_mode(0o755);
            rustix::fs::mknodat(rustix::fs::CWD, &published, kind, mode, 0).unwrap();
        }),
    ];
    for (case, make) in cases {
        make();
        assert!(owner.refused().ends_with(PUBLISHED), "{case}");
        fs::remove_file(&published).unwrap();
    }
    // Nor on the way to it.
    fs::rename(&elsewhere, &published).unwrap();
    let (logins, moved) = (owner.root().join(LOGINS), owner.root().join("moved"));
    fs::rename(&logins, &moved).unwrap();
    symlink(&moved, &logins).unwrap();
    assert_eq!(owner.refused(), PathBuf::from(LOGINS));
}

#[test]
fn scenario_56_another_file_system_is_not_entered() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let none = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).unwrap();
    let owner = Owner::new();
    for folder in [owner.published(), owner.login()] {
        mount(
            Some("tmpfs"),
            &folder,
            Some("tmpfs"),
            MsFlags::empty(),
            none,
        )
        .unwrap();
        chown(&folder, Some(UID), None).unwrap();
        let mode = if folder == owner.login() {
            0o700
        } else {
            0o755
        };
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        assert!(owner.root().join(owner.refused()) == folder);
        nix::mount::umount(&folder).unwrap();
    }
    // Nor the same one by another mount.
    mount(
        Some(&owner.published()),
        &owner.published(),
        none,
        MsFlags::MS_BIND,
        none,
    )
    .unwrap();
    assert!(owner.refused().ends_with(PUBLISHED));
    nix::mount::umount(&owner.published()).unwrap();
}

#[test]
fn scenario_50_a_login_on_a_disk_is_not_followed() {
    let owner = Owner::in_folder("/var/tmp");
    assert_eq!(owner.refused(), PathBuf::new());
}

#[test]
fn a_rootless_engine_follows_its_own_users_logins_alone() {
    let owner = Owner::new();
    let open = |uid| {
        let standing = Standing::Rootless { uid };
        Publication::open_in(&[owner.root()], UID, standing, &owner.id)
    };
    assert!(matches!(open(4711), Err(Error::OtherEngine { uid: UID })));
    // There its user's files show as root's.
    for folder in [
        owner.root(),
        owner.root().join(LOGINS),
        owner.login(),
        owner.published(),
    ] {
        chown(folder, Some(0), Some(0)).unwrap();
    }
    open(UID).unwrap();
}

#[test]
fn a_lease_is_the_owners_own_file_and_is_replaced_whole() {
    let owner = Owner::new();
    let publication = owner.open().unwrap();
    let id = ContainerId::try_from(OsString::from("c1")).unwrap();
    let mut lease = lease(&id, &publication);
    for pid in [4711, 4712] {
        lease.pid = pid;
        publication.write_lease(&id, &lease).unwrap();
        let file = owner.login().join(LEASES).join("c1");
        let read: Lease = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(read, lease);
        let stat = fs::symlink_metadata(&file).unwrap();
        assert_eq!((stat.uid(), stat.mode() & 0o7777), (UID, 0o600));
    }
    let leases = fs::metadata(owner.login().join(LEASES)).unwrap();
    assert_eq!((leases.uid(), leases.mode() & 0o7777), (UID, 0o700));
    let names = fs::read_dir(owner.login().join(LEASES)).unwrap();
    assert_eq!(names.count(), 1);
}

#[test]
fn scenario_56_a_lease_goes_nowhere_but_to_its_folder() {
    let owner = Owner::new();
    let publication = owner.open().unwrap();
    let id = ContainerId::try_from(OsString::from("c1")).unwrap();
    let lease = lease(&id, &publication);
    let roots = tempfile::tempdir_in("/dev/shm").unwrap();
    let leases = owner.login().join(LEASES);
    // Root's folder, by a link: neither followed nor writable for the owner.
    symlink(roots.path(), &leases).unwrap();
    assert!(publication.write_lease(&id, &lease).is_err());
    fs::remove_file(&leases).unwrap();
    // Root's file, by a link in its place: the link gives way.
    let victim = roots.path().join("file");
    fs::write(&victim, "root's own").unwrap();
    fs::create_dir(&leases).unwrap();
    chown(&leases, Some(UID), None).unwrap();
    for name in ["c1", ".c1.new"] {
        symlink(&victim, leases.join(name)).unwrap();
    }
    publication.write_lease(&id, &lease).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"root's own");
    assert_eq!(fs::read_dir(roots.path()).unwrap().count(), 1);
    // A folder of root's is none that the owner could write to.
    fs::remove_dir_all(&leases).unwrap();
    fs::create_dir(&leases).unwrap();
    assert!(publication.write_lease(&id, &lease).is_err());
}
