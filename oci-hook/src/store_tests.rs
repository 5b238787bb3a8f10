use super::*;

fn create(path: &Path) -> Result<Store, Error> {
    Store::create_at(&[path.to_owned()], Standing::Root)
}

/// A folder on tmpfs, as `/run` is.
fn in_memory() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir_in("/dev/shm")
        .unwrap()
}

fn id(text: &str) -> ContainerId {
    ContainerId::try_from(OsString::from(text)).unwrap()
}

fn marker(root: &str, alive: &Path) -> Marker {
    Marker {
        root: root.into(),
        alive: alive.to_owned(),
    }
}

#[test]
fn nothing_is_kept_on_a_disk_or_in_a_folder_others_may_enter() {
    let disk = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(
        disk.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    let error = create(disk.path()).unwrap_err();
    assert!(matches!(error, Error::OnDisk { .. }), "{error}");

    let open = in_memory();
    std::fs::set_permissions(
        open.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o750),
    )
    .unwrap();
    let error = create(open.path()).unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
}

#[test]
fn a_rootless_engines_store_is_made_with_the_folder_above_it_and_through_no_link() {
    let session = in_memory();
    let folders = [session.path().join("docker-jackin"), "engine".into()];
    let rootless = Standing::Rootless { uid: 1000 };
    assert!(Store::open_at(&folders, rootless).unwrap().is_none());
    let store = Store::create_at(&folders, rootless).unwrap();
    assert_eq!(store.path, folders.iter().collect::<PathBuf>());
    assert!(Store::open_at(&folders, rootless).unwrap().is_some());

    let elsewhere = session.path().join("elsewhere");
    std::fs::rename(&folders[0], &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &folders[0]).unwrap();
    assert!(Store::open_at(&folders, rootless).is_err());
    assert!(Store::create_at(&folders, rootless).is_err());
    // A link on the way to the first is the system's own.
    let linked = in_memory();
    std::os::unix::fs::symlink(session.path(), linked.path().join("user")).unwrap();
    let folders = [linked.path().join("user/elsewhere"), "engine".into()];
    assert!(Store::open_at(&folders, rootless).unwrap().is_some());
}

#[test]
fn scenario_52_a_sweep_forgets_what_the_engine_forgot_and_nothing_else() {
    let folder = in_memory();
    let engine = tempfile::tempdir().unwrap();
    let store = create(folder.path()).unwrap();
    store
        .claim(&id("known"), &marker("/r", engine.path()))
        .unwrap();
    let removed = engine.path().join("removed");
    store
        .claim(&id("removed"), &marker("/r", &removed))
        .unwrap();
    // As a kill in the middle of a write leaves it.
    let kept = folder.path().join("containers/removed/.record.json.new");
    std::fs::write(kept, b"canary").unwrap();
    let starting = store.make(&id("starting")).unwrap();
    // As a kill before the marker was written leaves it.
    drop(store.make(&id("left")).unwrap());

    store.sweep().unwrap();

    assert!(store.find(&id("known")).unwrap().is_some());
    assert!(store.find(&id("starting")).unwrap().is_some());
    assert!(store.find(&id("removed")).unwrap().is_none());
    assert!(store.find(&id("left")).unwrap().is_none());
    drop(starting);
    store.sweep().unwrap();
    assert!(store.find(&id("starting")).unwrap().is_none());
}

#[test]
fn scenario_52_a_sweep_leaves_a_container_that_is_claimed_again_meanwhile() {
    let folder = in_memory();
    let engine = tempfile::tempdir().unwrap();
    let store = create(folder.path()).unwrap();
    let gone = engine.path().join("bundle");
    let claimed = store.claim(&id("again"), &marker("/r", &gone)).unwrap();
    claimed.lock().unwrap();
    store.sweep().unwrap();
    assert!(store.find(&id("again")).unwrap().is_some());
    claimed.unlock().unwrap();
    store.sweep().unwrap();
    assert!(store.find(&id("again")).unwrap().is_none());
}

#[test]
fn many_starts_and_sweeps_at_once_cost_no_start_its_folder() {
    let folder = in_memory();
    let engine = tempfile::tempdir().unwrap();
    let start = |name: &str| {
        for turn in 0..40 {
            let store = create(folder.path()).unwrap();
            let id = id(&format!("{name}-{turn}"));
            let container = store.claim(&id, &marker("/r", engine.path())).unwrap();
            store.sweep().unwrap();
            assert!(container.marker().unwrap().is_some());
        }
    };
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            scope.spawn(move || start(name));
        }
    });
}

#[test]
fn one_id_under_two_state_folders_is_two_containers() {
    let folder = in_memory();
    let engine = tempfile::tempdir().unwrap();
    let store = create(folder.path()).unwrap();
    store
        .claim(&id("c1"), &marker("/one", engine.path()))
        .unwrap();
    assert!(
        store
            .find_in(Path::new("/one"), &id("c1"))
            .unwrap()
            .is_some()
    );
    assert!(
        store
            .find_in(Path::new("/two"), &id("c1"))
            .unwrap()
            .is_none()
    );
    let error = store
        .claim(&id("c1"), &marker("/two", engine.path()))
        .unwrap_err();
    assert!(matches!(error, Error::OtherRoot { .. }), "{error}");
}

#[test]
fn what_another_engines_container_of_the_same_id_left_is_not_taken_over() {
    let folder = in_memory();
    let engine = tempfile::tempdir().unwrap();
    let store = create(folder.path()).unwrap();
    let gone = engine.path().join("gone");
    let first = store.claim(&id("c1"), &marker("/one", &gone)).unwrap();
    first.write_bundle(b"{}").unwrap();
    let second = store
        .claim(&id("c1"), &marker("/two", engine.path()))
        .unwrap();
    let bundle = folder.path().join("containers/c1/bundle");
    assert!(!bundle.exists());
    assert_eq!(second.marker().unwrap().unwrap().root, Path::new("/two"));
}
