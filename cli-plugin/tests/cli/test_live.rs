//! Logins that containers follow: what a launch publishes, and what it does
//! where it cannot.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use jackin_oci_hook::payload::Delivery;
use jackin_oci_hook::ticket::{Asked, Resolution, Resolved, SCHEMA, Ticket, to_wiped_json};
use serde_json::Value;

use crate::environment::{FAR, Outcome, TestEnvironment};

const ROLE: &str = "[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n";

/// How Claude is asked to renew its login.
const RENEWS: &str = "mcp get docker-jackin-renews-a-login\n";

const LOGIN: &str = r#"{"claudeAiOauth":{"accessToken":"access-canary","refreshToken":"refresh-canary","expiresAt":4102444800000}}"#;

const PUBLISHED: &str =
    r#"{"claudeAiOauth":{"accessToken":"access-canary","expiresAt":4102444800000}}"#;

fn environment() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.write(".claude/.credentials.json", LOGIN);
    environment.configure(ROLE);
    environment
}

/// Whether the first file of a ticket follows the login in this folder, with
/// the same bytes to fall back to.
fn follows(ticket: &Ticket, login: &Path) -> bool {
    match &ticket.payload.files[0].delivery {
        Delivery::Live { login: id, content } => {
            login.ends_with(id.as_str()) && content.expose() == PUBLISHED
        }
        Delivery::Bind { content } => {
            assert_eq!(content.expose(), PUBLISHED);
            false
        }
        other => panic!("the first file is the login: {other:?}"),
    }
}

/// Whether a container follows this login when it starts again.
fn follows_again(answer: &Resolved, id: &str) -> bool {
    let mut deliveries = answer.payload.files.iter().map(|file| &file.delivery);
    deliveries.any(|one| matches!(one, Delivery::Live { login, .. } if login.as_str() == id))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Removes a login's folder. What keeps it up to date may be writing there.
fn remove(login: &Path) {
    while login.exists() {
        let _ = fs::remove_dir_all(login);
    }
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

fn resolved(environment: &TestEnvironment) -> Outcome {
    let ticket = environment.ticket();
    let question = to_wiped_json(&Resolution {
        schema: SCHEMA,
        asked: Asked::Request(ticket.request.unwrap()),
        payload: ticket.payload,
    });
    environment.run_with_input(&["resolve"], &question.unwrap())
}

#[test]
fn a_launch_publishes_the_login_that_its_ticket_follows() {
    let environment = environment();
    let ticket = environment.run(&["ticket", "--role", "web", "--by", "variable"]);
    assert_eq!(ticket.code, 0, "{}", ticket.stderr);
    let login = environment.login();
    let ticket = environment.tickets().remove(0);
    assert!(follows(&ticket, &login));
    let published = fs::read_to_string(login.join("published/login")).unwrap();
    assert_eq!(published, PUBLISHED);
    let wanted = login.join("wanted").join(ticket.id.as_str());
    let until = json(&wanted)["until"].as_u64().unwrap() / 1000;
    assert!(
        (ticket.expires + 59..=ticket.expires + 62).contains(&until),
        "{until}"
    );
    let mut state = json(&login.join("state.json"));
    for random in ["/machine", "/published/since", "/published/fingerprint"] {
        assert!(!state.pointer_mut(random).unwrap().take().is_null());
    }
    let home = environment.home().to_str().unwrap();
    let state = serde_json::to_string_pretty(&state).unwrap();
    assert_snapshot!(state.replace(home, "$HOME"), @r#"
    {
      "agent": "claude",
      "logged_out": null,
      "machine": null,
      "origin": "$HOME/.claude/.credentials.json",
      "published": {
        "account": null,
        "expires": 4102444800000,
        "fingerprint": null,
        "since": null
      },
      "renewal": null,
      "schema": 1,
      "trouble": null
    }
    "#);
}

#[test]
fn scenario_41a_the_refresh_token_is_in_nothing_that_is_published_or_staged() {
    let environment = environment();
    for arguments in [
        &["ticket", "--role", "web", "--by", "variable"][..],
        &["run", "web"],
    ] {
        environment.run(arguments);
    }
    assert_eq!(resolved(&environment).code, 0);
    let folder = environment.logins();
    let folder = folder.parent().unwrap();
    let grep = |word: &str| {
        let mut command = std::process::Command::new("grep");
        let found = command.args(["-rl", word]).arg(folder).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    assert_eq!(grep("refresh-canary"), "");
    assert!(grep("access-canary").contains("/published/login"));
}

#[test]
fn every_launch_follows_the_same_file() {
    let environment = environment();
    let launch = || {
        assert_eq!(environment.run(&["run", "web"]).code, 7);
        let login = environment.login();
        assert!(follows(&environment.ticket(), &login));
        let folder = fs::metadata(login.join("published")).unwrap().ino();
        (
            folder,
            fs::metadata(login.join("published/login")).unwrap().ino(),
        )
    };
    let first = launch();
    assert_eq!(launch(), first);
    let newer = LOGIN.replace("4102444800000", "4102444900000");
    environment.write(".claude/.credentials.json", &newer);
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    let published = environment.login().join("published");
    assert_eq!(fs::metadata(&published).unwrap().ino(), first.0);
    let text = fs::read_to_string(published.join("login")).unwrap();
    assert!(text.contains("4102444900000"), "{text}");
}

#[test]
fn a_login_that_cannot_be_published_is_given_as_a_copy_and_said() {
    let environment = environment();
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    let login = environment.login();
    remove(&login);
    fs::write(&login, "").unwrap();
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let told = "warning: claude's login is given as a copy, which does not follow this host's: it cannot be published in /";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    assert!(!follows(&environment.ticket(), &login));
    let id = environment.ticket().request.unwrap();
    let id = id.get().split_once(r#""launch":""#).unwrap().1[..16].to_owned();
    let record = json(&environment.launches().join(id));
    assert_eq!(record["agents"][0].get("follows"), None, "{record}");
    let outcome = resolved(&environment);
    let answer: Resolved = serde_json::from_str(&outcome.stdout).unwrap();
    let warning = answer.warnings.join("\n");
    assert!(warning.contains("given as a copy"), "{warning}");
}

#[test]
fn a_rehearsal_publishes_nothing() {
    let environment = environment();
    let outcome = environment.run(&["run", "--dry-run", "web"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(!environment.has_folder());
}

#[test]
fn a_restart_publishes_what_the_host_has_by_then() {
    let environment = environment();
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    let login = environment.login();
    remove(&login);
    let outcome = resolved(&environment);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let answer: Resolved = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(answer.warnings, [""; 0]);
    assert_eq!(environment.login(), login);
    let published = fs::read_to_string(login.join("published/login")).unwrap();
    assert_eq!(published, PUBLISHED);
    let request = environment.ticket().request.unwrap();
    let launch = &request.get().split_once(r#""launch":""#).unwrap().1[..16];
    let wanted = names(&login.join("wanted"));
    assert_eq!(wanted, [format!("resolve-{launch}")]);
    let id = login.file_name().unwrap().to_str().unwrap();
    assert!(follows_again(&answer, id));
    let record = json(&environment.launches().join(launch));
    assert!(record["agents"][0]["given"].is_u64(), "{record}");
}

#[test]
fn a_host_that_has_logged_out_meanwhile_is_followed_by_a_restart_too() {
    let environment = environment();
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    let login = environment.login();
    fs::remove_file(environment.home().join(".claude/.credentials.json")).unwrap();
    let outcome = resolved(&environment);
    let answer: Resolved = serde_json::from_str(&outcome.stdout).unwrap();
    let id = login.file_name().unwrap().to_str().unwrap();
    assert!(follows_again(&answer, id));

    // Also where nobody has followed it for a while.
    remove(&login);
    let outcome = resolved(&environment);
    let answer: Resolved = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(follows_again(&answer, id));
    assert!(json(&login.join("state.json"))["logged_out"].is_u64());
    assert_eq!(names(&login.join("wanted")).len(), 1);
    assert_eq!(environment.run(&["sync"]).code, 1);
    environment.write_login(FAR);
    let published = login.join("published/login");
    let until = Instant::now() + Duration::from_secs(20);
    while !published.exists() {
        assert!(Instant::now() < until, "it is not published");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_ticket_that_is_taken_back_is_waited_for_no_more() {
    let environment = environment();
    let env_file = environment.home().join("e.env");
    let ticket = [
        "ticket",
        "--role",
        "web",
        "--env-file",
        env_file.to_str().unwrap(),
    ];
    let wanted = || names(&environment.login().join("wanted"));
    let issue = || {
        assert_eq!(environment.run(&ticket).code, 0);
        let tickets = environment.tickets();
        assert_eq!(wanted(), [tickets[0].id.as_str()]);
        assert_eq!(tickets.len(), 1);
    };
    issue();
    issue();
    assert_eq!(environment.run(&["ticket", "revoke", "--all"]).code, 0);
    assert_eq!(wanted(), [""; 0]);
    issue();
    assert_eq!(environment.run(&["purge", "web"]).code, 0);
    assert_eq!(wanted(), [""; 0]);
}

#[test]
fn once_docker_has_ended_nobody_is_waited_for() {
    let environment = environment();
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    let wanted = environment.login().join("wanted");
    let none = (0..100).any(|_| {
        sleep(Duration::from_millis(50));
        names(&wanted).is_empty()
    });
    assert!(none, "{:?}", names(&wanted));
}

/// A `claude` that notes that it was asked, and does this then.
fn with_claude(environment: &TestEnvironment, does: &str) {
    let text = format!("#!/bin/sh\necho \"$@\" >> \"$HOME/asked\"\n{does}\n");
    let claude = environment.write("bin/claude", &text);
    fs::set_permissions(claude, fs::Permissions::from_mode(0o755)).unwrap();
}

fn asked(environment: &TestEnvironment) -> String {
    fs::read_to_string(environment.home().join("asked")).unwrap_or_default()
}

#[test]
fn a_login_that_has_ended_is_renewed_before_it_is_forwarded() {
    let environment = environment();
    let ended = LOGIN.replace("4102444800000", "1000000000000");
    environment.write(".claude/.credentials.json", &ended);
    environment.write("renewed", LOGIN);
    with_claude(
        &environment,
        "cp \"$HOME/renewed\" \"$HOME/.claude/.credentials.json\"",
    );
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
    assert!(follows(&environment.ticket(), &environment.login()));
    assert_eq!(asked(&environment), RENEWS);
    let state = json(&environment.login().join("state.json"));
    assert_eq!(state["renewal"], Value::Null);
    environment.run(&["run", "web"]);
    assert_eq!(asked(&environment), RENEWS, "it holds for long");
}

#[test]
fn a_login_that_cannot_be_renewed_is_not_asked_for_again_at_once() {
    let environment = environment();
    let ended = LOGIN.replace("4102444800000", "1000000000000");
    environment.write(".claude/.credentials.json", &ended);
    with_claude(&environment, "exit 1");
    let ticket = ["ticket", "--role", "web", "--by", "variable"];
    for _ in 0..2 {
        let outcome = environment.run(&ticket);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(" has ended "), "{}", outcome.stderr);
    }
    assert_eq!(asked(&environment), RENEWS);
    let state = json(&environment.login().join("state.json"));
    assert_eq!(state["renewal"]["attempts"], 1);
    let failed = "`claude` has ended, and the login is as it was";
    assert_eq!(state["renewal"]["failed"], failed);
}

#[test]
fn nobody_is_asked_to_renew_what_is_rehearsed() {
    let environment = environment();
    let ended = LOGIN.replace("4102444800000", "1000000000000");
    environment.write(".claude/.credentials.json", &ended);
    with_claude(&environment, "");
    environment.run(&["run", "--dry-run", "web"]);
    assert_eq!(asked(&environment), "");
}

#[test]
fn a_launch_and_an_exec_see_to_it_that_logins_are_kept_up_to_date() {
    let environment = environment();
    environment.serve("web-1", "web", "claude");
    assert_eq!(environment.run(&["exec", "web-1"]).code, 7);
    let ticket = ["ticket", "--role", "web", "--by", "variable"];
    assert_eq!(environment.run(&ticket).code, 0);
    assert!(environment.watcher().is_some(), "a ticket starts one");
    environment.kill_watcher();
    assert_eq!(environment.run(&["exec", "web-1"]).code, 7);
    assert_eq!(environment.watcher(), None, "it follows nothing");
    environment.lend_to("web-1");
    assert_eq!(environment.run(&["exec", "web-1"]).code, 7);
    assert!(environment.watcher().is_some());
}

/// Publishes a login, and another one once its file system is full.
const FULL: &str = r#"
mount -t tmpfs -o size=1m,mode=755 tmpfs /run || exit 1
"$0" ticket --role web --by variable > /dev/null || exit 1
cat /dev/zero > /run/filler 2> /dev/null
cp "$HOME/other" "$HOME/.claude/.credentials.json"
"$0" ticket --role web --by variable
cd /run/docker-jackin/logins/*/published && ls -A . ../wanted && cat login
kill "$(grep -o '"pid":[0-9]*' ../../watcher.lock | tr -dc 0-9)"
"#;

#[test]
fn a_full_file_system_leaves_what_is_published_as_it_was() {
    if !rustix::process::geteuid().is_root() {
        // Only root can have a /run of its own here.
        return;
    }
    let environment = environment();
    environment.write("other", &LOGIN.replace("access-canary", "another-canary"));
    let known = environment.command(&[]);
    let mut command = std::process::Command::new("unshare");
    let program = env!("CARGO_BIN_EXE_docker-jackin");
    command.args(["--mount", "sh", "-c", FULL, program]);
    let variables = known
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(variables);
    let output = command.current_dir(environment.home()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("claude's login is given as a copy"), "{told}");
    let shown = String::from_utf8_lossy(&output.stdout);
    let (names, published) = shown.split_once('{').unwrap();
    assert_eq!(format!("{{{published}"), PUBLISHED);
    let names: Vec<_> = names.split_whitespace().collect();
    let [here, file, there, ticket] = names[..] else {
        panic!("one file and one ticket: {names:?}");
    };
    assert_eq!((here, file, there), (".:", "login", "../wanted:"));
    assert_eq!(ticket.len(), 32, "the first one's");
}
