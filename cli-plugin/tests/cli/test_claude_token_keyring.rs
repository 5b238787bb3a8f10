//! The Secret Service as a store of tokens and as a source, with a real keyring
//! in a D-Bus session of its own.

use std::time::{Duration, Instant};

use docker_jackin::config::Written;
use docker_jackin::token::store::Kept;
use insta::assert_snapshot;

use super::keyring_session::KeyringSession;
use super::token_machine::{is_below, label, token};

const PROGRAMS: [&str; 2] = ["secret-tool", "gdbus"];

fn written(text: &str) -> Written {
    Written::Text(text.into())
}

#[test]
fn scenario_64_what_the_keyring_keeps_is_read_back_and_removed_alone() {
    let session = KeyringSession::unlocked(&PROGRAMS);
    let machine = &session.machine;
    let kept = machine.live("secret-service");
    assert_eq!(
        kept[1].to_string(),
        "secret-service:docker-jackin/my_20app_web-ba9876543210"
    );
    assert!(!is_below("canary", machine.home.path()));
    assert!(is_below(
        "",
        &machine.home.path().join(".local/share/keyrings")
    ));
    // The command that is shown for it does the same.
    let command = kept[1].removal_command().unwrap();
    assert_snapshot!(command, @"secret-tool clear service docker-jackin account my_20app_web-ba9876543210");
    machine.shell(&command);
    assert_snapshot!(machine.read(kept[1].written(&token('b'))).unwrap_err(), @r"
    secret-service:docker-jackin/my_20app_web-ba9876543210: the Secret Service keeps no such item
      keep it there first: secret-tool store --label=LABEL service SERVICE account ACCOUNT
    ");
}

#[test]
fn scenario_63_a_locked_keyring_is_told_from_one_without_the_item() {
    let session = KeyringSession::unlocked(&PROGRAMS);
    let machine = &session.machine;
    let store = machine.choose("secret-service").unwrap().store;
    let kept = store.put(&label("0123456789ab"), &token('a')).unwrap();
    let missing = machine.read(written("secret-service:docker-jackin/none"));
    session.lock();
    let locked = machine.read(kept.written(&token('a')));
    let told = [missing, locked].map(Result::unwrap_err);
    assert_snapshot!(told.join("\n"), @r"
    secret-service:docker-jackin/none: the Secret Service keeps no such item
      keep it there first: secret-tool store --label=LABEL service SERVICE account ACCOUNT
    secret-service:docker-jackin/my_20app_web-0123456789ab: the Secret Service is locked
      unlock the keyring, as logging in to the desktop does, and try again
    ");
    assert_snapshot!(machine.refusal("secret-service"), @r"
    the Secret Service is locked
      unlock the keyring, as logging in to the desktop does, or choose another store with --store
    ");
    let failure = store.put(&label("ba9876543210"), &token('b')).unwrap_err();
    assert_snapshot!(machine.told(&failure), @r"
    failed to keep the token with secret-tool: exit status: 1
      unlock the keyring, or choose another store with --store
    ");
    let failure = kept.remove(&machine.host()).unwrap_err();
    assert_snapshot!(machine.told(&failure), @r"
    failed to remove the token with secret-tool: the Secret Service is locked
      unlock the keyring
    ");
}

#[test]
fn scenario_44_later_an_unlocked_keyring_is_asked_again_and_nobody_to_unlock_it() {
    let session = KeyringSession::unlocked(&PROGRAMS);
    let machine = &session.machine;
    let store = machine.choose("secret-service").unwrap().store;
    let kept = store.put(&label("0123456789ab"), &token('a')).unwrap();
    let written = || kept.written(&token('a'));
    assert_ne!(machine.read_later(written(), "old"), "old");
    session.lock();
    let begun = Instant::now();
    assert_eq!(machine.read_later(written(), "old"), "old");
    assert!(begun.elapsed() < Duration::from_secs(9));
}

#[test]
fn the_keyring_is_taken_by_itself_where_it_is_unlocked_and_never_started_for_that() {
    let session = KeyringSession::unlocked(&PROGRAMS);
    let why = |session: &KeyringSession| {
        let choice = session.machine.choose("auto").unwrap();
        format!(
            "{}: {}",
            choice.store.announce(&label("0123456789ab")),
            choice.why.unwrap()
        )
        .replace(session.machine.home.path().to_str().unwrap(), "~")
    };
    assert_snapshot!(why(&session), @"secret-service:docker-jackin/my_20app_web-0123456789ab: the Secret Service is unlocked");
    session.lock();
    assert_snapshot!(why(&session), @"age:~/.docker/jackin/tokens/my_20app_web.0123456789ab.age: nothing better can be used: failed to find 1Password: 1Password's command line `op` is not in PATH; the Secret Service is locked; `docker-credential-pass` is not in PATH");
    let session = KeyringSession::without_keyring(&PROGRAMS);
    assert_snapshot!(why(&session), @"age:~/.docker/jackin/tokens/my_20app_web.0123456789ab.age: nothing better can be used: failed to find 1Password: 1Password's command line `op` is not in PATH; no Secret Service runs; `docker-credential-pass` is not in PATH");
    assert!(!session.has_keyring());
    // Named, it is started, and has no keyring that anything could go to.
    assert_snapshot!(session.machine.refusal("secret-service"), @r"
    the Secret Service has no keyring that it could keep a token in
      make one in the desktop's own program, or choose another store with --store
    ");
    assert!(session.has_keyring());
}

#[test]
fn other_programs_tell_as_well_whether_the_keyring_is_locked() {
    let session = KeyringSession::unlocked(&["secret-tool", "busctl"]);
    let machine = &session.machine;
    let choice = machine.choose("auto").unwrap();
    assert_eq!(
        choice.why.as_deref(),
        Some("the Secret Service is unlocked")
    );
    machine.live("secret-service");
    session.lock();
    let missing = || machine.read(written("secret-service:a/b")).unwrap_err();
    assert_snapshot!(missing(), @r"
    secret-service:a/b: the Secret Service is locked
      unlock the keyring, as logging in to the desktop does, and try again
    ");
    // With none of them nothing says so.
    machine.shell("/bin/rm bin/busctl");
    assert_snapshot!(missing(), @r"
    secret-service:a/b: the Secret Service keeps no such item, or it is locked
      unlock the keyring, as logging in to the desktop does, and try again
    ");
    let gone = Kept::SecretService {
        service: "docker-jackin".to_owned(),
        account: "none".to_owned(),
    };
    assert_snapshot!(machine.told(&gone.remove(&machine.host()).unwrap_err()), @"failed to remove the token with secret-tool: it is not there, or the Secret Service is locked");
}

#[test]
fn scenario_64_docker_s_helper_for_the_keyring_keeps_tokens_as_well() {
    let session = KeyringSession::unlocked(&["docker-credential-secretservice", "gdbus"]);
    let machine = &session.machine;
    let kept = machine.live("helper:secretservice");
    assert!(!is_below("canary", machine.home.path()));
    machine.shell(&format!(
        "PATH=$PATH:/usr/bin; {}",
        kept[1].removal_command().unwrap()
    ));
    assert!(machine.read(kept[1].written(&token('b'))).is_err());
    session.lock();
    assert_snapshot!(machine.refusal("helper:secretservice"), @r"
    the Secret Service is locked
      unlock the keyring, as logging in to the desktop does, or choose another store with --store
    ");
}
