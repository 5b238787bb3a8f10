//! How `ps`, `doctor` and `status` tell what became of a login that a container
//! follows.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::environment::{FAR, TestEnvironment};

/// A container that follows a login, which nothing keeps up to date: so what is
/// known of it is what a test says.
fn followed() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.write(
        ".claude.json",
        r#"{"oauthAccount":{"accountUuid":"account-canary"}}"#,
    );
    environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n");
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    environment.add_launched("web-1");
    environment.kill_watcher();
    environment
}

/// Says something else of the login than is known.
fn know(environment: &TestEnvironment, change: impl FnOnce(&mut Value)) {
    let file = environment.login().join("state.json");
    let mut state = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&mut state);
    fs::write(file, state.to_string()).unwrap();
}

/// So many minutes from now, in milliseconds since 1970.
fn minutes(from_now: i64) -> i64 {
    jiff::Timestamp::now().as_millisecond() + from_now * 60_000 + 500
}

/// The last column of the container's row.
fn ps(environment: &TestEnvironment) -> String {
    let shown = environment.run(&["ps"]).stdout;
    assert!(!shown.contains("canary"), "{shown}");
    let row = shown.lines().nth(1).unwrap();
    row.split_once("Up 3 hours   ").unwrap().1.to_owned()
}

/// What is said of the container, with what to do.
fn doctor(environment: &TestEnvironment) -> String {
    let shown = environment.run(&["doctor"]).stdout;
    assert!(!shown.contains("canary"), "{shown}");
    let (_, behind) = shown.split_once("containers\n").unwrap();
    behind.split_once("  ok       a 401").unwrap().0.to_owned()
}

/// What is said of that which keeps logins up to date.
fn doctor_on_sync(environment: &TestEnvironment) -> String {
    let shown = environment.run(&["doctor"]).stdout;
    let (_, behind) = shown.split_once("\nsync\n").unwrap();
    behind.split_once("containers\n").unwrap().0.to_owned()
}

fn sync_of(environment: &TestEnvironment) -> Value {
    let shown = environment.run(&["ps", "--format", "json"]).stdout;
    let listed: Value = serde_json::from_str(&shown).unwrap();
    let mut sync = listed[0]["agents"][0]["sync"].clone();
    if sync["since"].is_string() {
        sync["since"] = "<time>".into();
    }
    sync
}

#[test]
fn one_that_follows_ends_when_the_hosts_login_does() {
    let environment = followed();
    know(&environment, |state| {
        state["published"]["expires"] = minutes(90).into();
    });
    assert_snapshot!(ps(&environment), @"claude in 1 h (live)");
    assert_snapshot!(doctor(&environment), @"  ok       web-1: claude by sync, live, ends in 1 h");
}

#[test]
fn a_login_that_was_renewed_since_says_when() {
    let environment = followed();
    let container = environment.login().join("leases/id-of-web-1");
    let lease = fs::read_to_string(&container).unwrap();
    let mut lease: Value = serde_json::from_str(&lease).unwrap();
    lease["since"] = 1_700_000_000.into();
    fs::write(container, lease.to_string()).unwrap();
    know(&environment, |state| {
        state["published"]["expires"] = minutes(90).into();
        state["published"]["since"] = minutes(-6).into();
    });
    assert_snapshot!(ps(&environment), @"claude in 1 h (live, renewed 5 min ago)");
    assert_snapshot!(doctor(&environment), @"  ok       web-1: claude by sync, live, renewed 5 min ago, ends in 1 h");
    assert_eq!(
        sync_of(&environment),
        json!({ "state": "live", "since": "<time>", "other_account": false })
    );
    know(&environment, |state| {
        state["published"]["account"] = "0000000000000000".into();
    });
    assert_snapshot!(ps(&environment), @"claude in 1 h (live, another account 5 min ago)");
    assert_snapshot!(doctor(&environment), @r"
      warning  web-1: claude by sync, live, and follows another account than at its start
                 if that is not meant, log in with the former one on this host: claude
    ");
    assert_eq!(
        sync_of(&environment),
        json!({ "state": "live", "since": "<time>", "other_account": true })
    );
}

#[test]
fn scenario_41b_the_last_good_one_of_a_login_that_cannot_be_used_is_told() {
    let environment = followed();
    know(&environment, |state| {
        state["published"]["expires"] = minutes(90).into();
        state["trouble"] = json!({ "what": "/h/x holds no login", "since": minutes(-6) });
    });
    assert_snapshot!(ps(&environment), @"claude in 1 h (last good one of 5 min ago)");
    assert_snapshot!(doctor(&environment), @"  ok       web-1: claude by sync, live, the last good one of 5 min ago, ends in 1 h");
    assert_eq!(
        sync_of(&environment),
        json!({ "state": "last_good", "since": "<time>", "other_account": false })
    );
}

#[test]
fn a_host_that_is_logged_out_is_told() {
    let environment = followed();
    know(&environment, |state| {
        state["published"] = Value::Null;
        state["logged_out"] = minutes(-6).into();
    });
    assert_snapshot!(ps(&environment), @"claude logged out on the host 5 min ago");
    assert_snapshot!(doctor(&environment), @r"
    warning  web-1: claude by sync, logged out on this host 5 min ago
               log in on this host: claude
    ");
    assert_eq!(
        sync_of(&environment),
        json!({ "state": "logged_out", "since": "<time>", "other_account": false })
    );
}

#[test]
fn a_container_that_does_not_follow_any_more_is_told_with_what_mends_it() {
    let environment = followed();
    let published = environment.login().join("published");
    fs::rename(&published, published.with_file_name("former")).unwrap();
    fs::create_dir(&published).unwrap();
    let shown = ps(&environment);
    assert!(shown.contains(" days (copy of "), "{shown}");
    let shown = doctor(&environment);
    let (before, span) = shown.split_once("copy of ").unwrap();
    let (_, after) = span.split_once(" s ago").unwrap();
    assert_snapshot!(format!("{before}copy of <span> ago{after}"), @r"
    warning  web-1: claude by sync, keeps the copy of <span> ago: its login folder is gone
               have it follow again: docker jackin sync --now web-1
    ");
    assert_eq!(
        sync_of(&environment),
        json!({ "state": "left_behind", "since": "<time>", "other_account": false })
    );
    fs::remove_dir_all(environment.login()).unwrap();
    let shown = doctor(&environment);
    assert!(shown.contains("its login folder is gone"), "{shown}");
}

#[test]
fn a_container_that_could_not_follow_is_told_with_what_mends_it() {
    let environment = followed();
    fs::remove_file(environment.login().join("leases/id-of-web-1")).unwrap();
    let shown = doctor(&environment);
    assert!(shown.contains(" ago: it could not follow"), "{shown}");
    assert!(shown.contains("docker jackin sync --now web-1"), "{shown}");
}

#[test]
fn a_container_with_a_copy_says_so() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(1_000_000_000);
    environment.configure(
        "[claude]\nsync_refresh = \"copy\"\n[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n",
    );
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    environment.add_launched("web-1");
    let shown = ps(&environment);
    assert!(shown.ends_with(" days ago (copy)"), "{shown}");
    let shown = doctor(&environment);
    assert!(shown.contains("docker jackin sync --now web-1"), "{shown}");
    environment.write(
        ".claude/.credentials.json",
        r#"{"claudeAiOauth":{"accessToken":"a","refreshToken":"r","expiresAt":1000000000000}}"#,
    );
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    environment.engine().forget("web-1");
    environment.add_launched("web-1");
    assert_eq!(ps(&environment), "claude copy", "it renews itself");
}

#[test]
fn nothing_that_keeps_followed_logins_up_to_date_is_a_warning() {
    let environment = followed();
    assert_snapshot!(doctor_on_sync(&environment), @r"
    warning  nothing keeps the logins up to date that running containers follow
               start it again: docker jackin sync
    ");
    let status = || {
        let shown = environment.run(&["status"]).stdout;
        let mut lines = shown.lines();
        lines
            .find(|line| line.starts_with("sync "))
            .unwrap()
            .to_owned()
    };
    assert_snapshot!(status(), @"sync       1 login, which nothing keeps up to date; run: docker jackin sync");
    assert!(environment.run(&["exec", "web-1"]).stderr.is_empty());
    let shown = doctor_on_sync(&environment);
    let pid = environment.watcher().unwrap().as_raw_pid();
    let running = format!("ok       kept up to date by process {pid}, started ");
    assert!(shown.contains(&running), "{shown}");
    let running = format!("sync       1 login, kept up to date by process {pid}");
    assert_eq!(status(), running);
}

#[test]
fn a_login_that_another_version_knows_is_told() {
    let environment = followed();
    know(&environment, |state| state["schema"] = 1000.into());
    let told = doctor_on_sync(&environment);
    let (_, told) = told.split_once("jackin sync\n").unwrap();
    assert_snapshot!(told, @r"
    warning  what is known of a login is of another version, so nothing keeps it up to date
               restart what follows it: docker restart id-of-web-1
    ");
    let listed = environment.run(&["sync"]);
    assert_eq!(listed.code, 1);
    assert!(
        listed.stdout.contains("is of another version"),
        "{}",
        listed.stdout
    );
}

#[test]
fn what_is_wrong_with_a_login_is_told_with_what_to_do() {
    let environment = followed();
    know(&environment, |state| {
        state["trouble"] = json!({ "what": "/h/x holds no login", "since": minutes(-6) });
    });
    let troubled = doctor_on_sync(&environment);
    know(&environment, |state| {
        state["trouble"] = Value::Null;
        state["renewal"] = json!({
            "fingerprint": state["published"]["fingerprint"],
            "attempts": 3,
            "last": minutes(-1),
            "next": minutes(4),
            "failed": "`claude` is not in PATH",
        });
    });
    let failed = doctor_on_sync(&environment);
    assert_snapshot!(format!("{troubled}{failed}"), @r"
    warning  nothing keeps the logins up to date that running containers follow
               start it again: docker jackin sync
    warning  claude: /h/x holds no login, seen 5 min ago; containers keep the login before it
               log in on this host: claude
    warning  nothing keeps the logins up to date that running containers follow
               start it again: docker jackin sync
    warning  claude: the login is not renewed, asked 3 times, again in 4 min: `claude` is not in PATH
               see what it says: claude auth status
               or log in again on this host: claude
    ");
}
