//! What the tests with the real programs cannot show of encrypted files.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use super::*;
use crate::token::store::tests::{label, token};

fn host(home: &Path) -> Host {
    Host::new(home, "/", [])
}

fn told(failure: &Failure, home: &Path) -> String {
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    failure.to_string().replace(home.to_str().unwrap(), "~")
}

#[test]
fn scenario_63_an_identity_that_is_there_is_never_written_over() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let place = identity::place(&host(home));
    make_identity(&place).unwrap();
    let first = fs::read(&place).unwrap();
    let again = make_identity(&place).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    let store = open(home, &host(home)).unwrap();
    store.put(&label(&[("a", None)]), &token()).unwrap();
    assert_eq!(fs::read(&place).unwrap(), first);
    // What was being written is gone, whatever became of it.
    assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn scenario_63_an_identity_that_cannot_be_used_is_told_before_anything_is_minted() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let place = identity::place(&host(home));
    make_identity(&place).unwrap();
    fs::set_permissions(&place, Permissions::from_mode(0o644)).unwrap();
    let foreign = open(home, &host(home)).err().unwrap();
    fs::set_permissions(&place, Permissions::from_mode(0o600)).unwrap();
    fs::write(&place, "canary").unwrap();
    let broken = open(home, &host(home)).err().unwrap();
    let all = [foreign, broken].map(|failure| told(&failure, home));
    assert_snapshot!(all.join("\n"), @r"
    the age identity ~/.local/share/docker-jackin/age-identity.txt is not the user's own regular file with mode 0600
      if it is yours alone: chmod 600 ~/.local/share/docker-jackin/age-identity.txt
    ~/.local/share/docker-jackin/age-identity.txt holds no age identity, which begins with AGE-SECRET-KEY-1
      name another file in DOCKER_JACKIN_AGE_IDENTITY, as `age-keygen` makes it
    ");
}

#[test]
fn scenario_65_only_what_is_called_as_our_files_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let tokens = home.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    let ours = tokens.join("a.0123456789ab.age");
    for (place, removed) in [
        (tokens.join("github.age"), false),
        (tokens.join("my.secrets.age"), false),
        (tokens.join("0123456789ab.age"), false),
        (
            home.path().join("tokens/../tokens/a.0123456789ab.age"),
            false,
        ),
        (home.path().join("a.0123456789ab.age"), false),
        (PathBuf::from("tokens/a.0123456789ab.age"), false),
        (ours.clone(), true),
        (ours, true),
    ] {
        let file = home.path().join(&place);
        if !removed {
            fs::write(&file, "mine").unwrap();
        }
        assert_eq!(remove(&place).is_ok(), removed, "{}", place.display());
        assert_eq!(file.exists(), !removed, "{}", place.display());
    }
}

#[test]
fn scenario_63_a_place_that_is_taken_is_not_written_over() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let store = open(home, &host(home)).unwrap();
    let label = label(&[("a", None)]);
    let Kept::Age { file } = store.announce(&label) else {
        panic!("a file");
    };
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "mine").unwrap();
    let failure = store.put(&label, &token()).unwrap_err();
    assert_snapshot!(told(&failure, home), @"failed to write ~/tokens/a.0123456789ab.age: File exists (os error 17)");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn scenario_63_no_identity_is_made_where_the_user_says_that_theirs_is() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let place = home.join("stick/keys.txt");
    let named = [(
        identity::VARIABLE.to_owned(),
        place.to_str().unwrap().to_owned(),
    )];
    let failure = open(home, &Host::new(home, "/", named)).err().unwrap();
    assert_snapshot!(told(&failure, home), @r"
    the age identity ~/stick/keys.txt cannot be read: No such file or directory (os error 2)
      bring the identity back from a backup, or name its file in DOCKER_JACKIN_AGE_IDENTITY
      or make one: age-keygen -o ~/stick/keys.txt
    ");
    assert!(!place.exists());
}
