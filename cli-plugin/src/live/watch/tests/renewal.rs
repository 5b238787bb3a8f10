//! The vendor's program is asked in time, once, and less and less often where
//! that does not help.

use super::*;
use crate::live::lock::Turn;

/// Has the vendor's program log in as with this token.
fn renews(scene: &Scene, token: &str, lasts: Duration) {
    fs::write(scene.at("next"), credentials(token, lasts)).unwrap();
    scene.behave(r#"mv "$HOME/next" "$HOME/.claude/.credentials.json""#);
}

#[test]
fn scenario_41_a_login_is_renewed_before_it_ends_and_once() {
    let scene = Scene::new();
    let lasts = Duration::from_secs(4);
    scene.log_in("first", lasts);
    let ends = SystemTime::now() + lasts;
    scene.publish(LONG);
    renews(&scene, "second", HOURS);
    let watcher = scene.watch();
    eventually("it is renewed", || scene.published().unwrap() == "second");
    assert!(SystemTime::now() < ends, "in time");
    eventually("it is known", || scene.state().renewal.is_none());
    assert_eq!(scene.calls(), 1);
    let env = fs::read_to_string(scene.at("env")).unwrap();
    let home = format!("HOME={}", scene.home.path().display());
    assert!(env.lines().any(|line| line == home), "{env}");
    assert!(!env.contains("CARGO_MANIFEST_DIR"), "{env}");
    assert!(!watcher.said().contains("me@example.org"));
}

#[test]
fn nobody_is_asked_for_a_login_that_nothing_renews() {
    let scene = Scene::new();
    let log_in = |token| {
        let text = json!({"claudeAiOauth": { "accessToken": token, "expiresAt": 1 }});
        fs::write(scene.file(), text.to_string()).unwrap();
    };
    log_in("first");
    scene.publish(LONG);
    let _watcher = scene.watch();
    log_in("second");
    eventually("it is followed", || scene.published().unwrap() == "second");
    assert_eq!(scene.state().renewal, None);
    scene.log_in("third", Duration::ZERO);
    eventually("it is asked for", || scene.calls() > 0);
    assert_eq!(scene.state().renewal.unwrap().attempts, 1);
}

#[test]
fn a_login_that_nobody_needs_is_not_renewed() {
    let mut scene = Scene::new();
    scene.pace.linger = Duration::from_millis(400);
    scene.log_in("first", Duration::from_millis(200));
    scene.publish(Duration::from_millis(1));
    let watcher = scene.watch();
    assert_eq!(watcher.ending(), Ending::Unneeded);
    assert_eq!(scene.calls(), 0);
}

#[test]
fn one_that_is_not_renewed_is_asked_for_again_after_a_while() {
    let scene = Scene::new();
    scene.log_in("first", Duration::ZERO);
    scene.publish(LONG);
    scene.behave("exit 3");
    let watcher = scene.watch();
    let failed = || scene.state().renewal.and_then(|renewal| renewal.failed);
    eventually("it has failed", || failed().is_some());
    let renewal = scene.state().renewal.unwrap();
    assert_eq!(renewal.attempts, 1);
    assert_eq!(renewal.next, Some(renewal.last + 1000));
    assert!(renewal.failed.unwrap().contains("exit status: 3"));
    renews(&scene, "second", HOURS);
    eventually("it is asked again", || {
        scene.published().unwrap() == "second"
    });
    assert_eq!(scene.calls(), 2);
    assert!(watcher.said().contains("not renewed"));
}

#[test]
fn one_whose_program_is_not_there_says_so() {
    let scene = Scene::new();
    fs::remove_file(scene.at("bin/claude")).unwrap();
    scene.log_in("first", Duration::ZERO);
    scene.publish(LONG);
    let _watcher = scene.watch();
    let failed = || scene.state().renewal.and_then(|renewal| renewal.failed);
    eventually("it is told", || failed().is_some());
    assert_eq!(failed().unwrap(), "`claude` is not in PATH");
}

#[test]
fn a_program_that_hangs_holds_up_nothing() {
    let scene = Scene::new();
    scene.log_in("first", Duration::ZERO);
    scene.publish(LONG);
    scene.behave(r#"echo $$ > "$HOME/pid"; exec sleep 1000"#);
    let watcher = scene.watch();
    eventually("it is asked", || scene.calls() == 1);
    scene.log_in("by hand", HOURS);
    eventually("it is followed", || scene.published().unwrap() == "by hand");
    drop(watcher);
    assert_eq!(scene.calls(), 1);
    // It may have spent the refresh token, and goes on.
    let pid = || fs::read_to_string(scene.at("pid")).unwrap_or_default();
    eventually("it says which it is", || pid().ends_with('\n'));
    let pid = pid();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn whoever_takes_the_place_of_one_that_was_killed_does_not_ask_again() {
    let scene = Scene::new();
    scene.log_in("first", Duration::ZERO);
    scene.publish(LONG);
    let now = millis_of(SystemTime::now());
    let mut state = scene.state();
    state.renewal = Some(crate::live::Renewal {
        fingerprint: state.published.clone().unwrap().fingerprint,
        attempts: 5,
        last: now,
        next: None,
        failed: None,
    });
    scene.folder().write_state(&state).unwrap();
    let watcher = scene.watch();
    scene.log_in("second", HOURS);
    eventually("it is at work", || scene.published().unwrap() == "second");
    assert!(!watcher.said().contains("asking"), "{}", watcher.said());
    assert_eq!(scene.calls(), 0);
}

#[test]
fn only_one_process_asks_at_a_time() {
    let scene = Scene::new();
    scene.log_in("first", Duration::ZERO);
    scene.publish(LONG);
    let turn = Turn::try_take(&scene.file()).unwrap().unwrap();
    let watcher = scene.watch();
    // It looks at this while it waits.
    let mut state = scene.state();
    state.published.as_mut().unwrap().fingerprint = "0".repeat(16);
    scene.folder().write_state(&state).unwrap();
    eventually("it has looked", || watcher.said().contains("published"));
    assert_eq!(scene.calls(), 0);
    scene.log_in("by the other", HOURS);
    eventually("it is followed", || {
        scene.published().unwrap() == "by the other"
    });
    drop(turn);
    // By then it has looked again, and found nothing to do.
    sleep(Duration::from_millis(1200));
    let before = watcher.cpu_time();
    sleep(Duration::from_millis(300));
    assert!(watcher.cpu_time() - before <= 1, "it sleeps");
    assert!(!watcher.said().contains("asking"), "{}", watcher.said());
    assert_eq!(watcher.stop(), Ending::Told);
    assert_eq!(scene.calls(), 0, "the other has renewed it");
}
