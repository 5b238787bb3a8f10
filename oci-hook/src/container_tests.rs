use super::*;

#[test]
fn an_id_that_would_leave_the_folder_is_refused() {
    for text in ["", ".", "..", "a/b", ".hidden", "a\nb", "ü"] {
        assert!(
            ContainerId::try_from(OsString::from(text)).is_err(),
            "{text:?}"
        );
    }
    assert!(ContainerId::try_from(OsString::from("a".repeat(256))).is_err());
    assert!(ContainerId::try_from(OsString::from("web_1.2+x-y")).is_ok());
}

#[test]
fn a_bundle_is_known_by_another_path_too() {
    let folder = tempfile::tempdir().unwrap();
    let fd = std::fs::File::open(folder.path()).unwrap().into();
    let id = ContainerId::try_from(OsString::from("c1")).unwrap();
    let container = Container::in_folder(id, fd, folder.path().to_owned());
    assert!(!container.has_bundle(&folder.path().join(BUNDLE)));
    let bundle = container.write_bundle(b"{}").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    assert!(container.has_bundle(&bundle));
    assert!(container.has_bundle(&link.join(BUNDLE)));
    assert!(!container.has_bundle(&link));
    assert!(!container.has_bundle(elsewhere.path()));
}

#[test]
fn a_process_is_served_once_and_a_later_one_again() {
    let folder = tempfile::tempdir().unwrap();
    let fd = std::fs::File::open(folder.path()).unwrap().into();
    let id = ContainerId::try_from(OsString::from("c1")).unwrap();
    let container = Container::in_folder(id, fd, folder.path().to_owned());
    let own = Served::of(std::process::id().cast_signed()).unwrap();
    let mut later = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let other = Served::of(later.id().cast_signed()).unwrap();
    drop(later.stdin.take());
    later.wait().unwrap();
    assert_eq!(container.served(&own).unwrap(), None);
    container.mark_served(&own).unwrap();
    assert_eq!(container.served(&own).unwrap().as_ref(), Some(&own));
    assert_eq!(container.served(&other).unwrap(), None);
    // What a version wrote that did not know of the namespace.
    let former = crate::process::named(std::process::id().cast_signed()).unwrap();
    std::fs::write(folder.path().join(SERVED), former).unwrap();
    assert_eq!(container.served(&own).unwrap(), None);
}

#[test]
fn process_files_go_when_their_exec_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let fd = std::fs::File::open(folder.path()).unwrap().into();
    let id = ContainerId::try_from(OsString::from("c1")).unwrap();
    let container = Container::in_folder(id, fd, folder.path().to_owned());
    let own = container.write_process(b"{}").unwrap();
    // Larger than any pid_max, so this pid is never alive.
    let over = format!("process-{}-4999999.json", pid_namespace().unwrap());
    let elsewhere = "process-1-4999999.json";
    file::write_new(&container.folder, &over, b"{}").unwrap();
    file::write_new(&container.folder, elsewhere, b"{}").unwrap();
    container.drop_finished_processes().unwrap();
    assert!(own.exists());
    assert!(!container.path.join(over).exists());
    assert!(container.path.join(elsewhere).exists());
}
