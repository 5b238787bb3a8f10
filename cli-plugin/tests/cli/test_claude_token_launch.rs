//! Claude's long-lived token at a launch: its end on the auth line, and what
//! the vendor says of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use docker_jackin::token::check::Verdict;
use docker_jackin::token::record::Records;
use jiff::{SignedDuration, Timestamp};

use crate::claude_token_scene::{
    TOKEN, checks, config_file, fingerprint, machine, said_before, scope, wait_until, wire, wire_as,
};
use crate::environment::{Outcome, TestEnvironment};
use crate::stand_in_claude::{noted, tell, with_claude};
use crate::terminal::Terminal;

fn launch(environment: &TestEnvironment) -> Outcome {
    let outcome = environment.run(&["run", "web"]);
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    outcome
}

/// The auth line of a launch that takes place, and the warnings before it.
fn line(environment: &TestEnvironment) -> String {
    let outcome = launch(environment);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    outcome.stderr
}

#[test]
fn scenario_69_the_days_left_are_told_at_launch_and_coloured_when_they_are_few() {
    let (green, yellow, red) = ("\u{1b}[32m", "\u{1b}[33m", "\u{1b}[31m");
    for (days, words, colour) in [
        (365, "expires in 365 days", green),
        (31, "expires in 31 days", green),
        (30, "expires in 30 days", yellow),
        (8, "expires in 8 days", yellow),
        (7, "expires in 7 days", red),
        (0, "expires in 5 min", red),
        (-1, "expired 23 h ago", red),
        (-3, "expired 2 days ago", red),
    ] {
        let environment = machine().variable("TERM", "xterm");
        wire(&environment, days);
        let plain = line(&environment);
        let whole = "claude auth: long-lived OAuth token (file:$HOME/token, from workspace my-app)";
        assert!(plain.contains(&format!("{whole}, {words}\n")), "{plain}");
        let is_near = days <= 7;
        let mends = "docker jackin workspace claude-token rotate my-app\n";
        assert_eq!(plain.contains(mends), is_near, "{plain}");
        let mut terminal = Terminal::new();
        let mut child = terminal.start(&environment, &["run", "web"]);
        terminal.wait_for(&format!("my-app), {words}"));
        child.wait().unwrap();
        assert!(
            terminal.seen.contains(&format!("auth: {colour}long-lived")),
            "{days}: {:?}",
            terminal.seen
        );
    }
}

#[test]
fn scenario_69_no_end_is_told_of_what_we_did_not_mint_or_what_was_replaced() {
    let environment = machine();
    let before = line(&environment);
    assert!(before.ends_with("from workspace my-app)\n"), "{before}");
    // As `--reuse` writes it.
    wire_as(&environment, None, None);
    assert_eq!(line(&environment), before);
    wire(&environment, 3);
    assert_ne!(line(&environment), before);
    environment.write("token", &TOKEN.replace("launch", "others"));
    assert_eq!(line(&environment), before);
}

#[test]
fn scenario_69_a_dry_run_tells_the_end_without_asking_anybody() {
    let environment = with_claude(machine());
    wire(&environment, 20);
    let outcome = environment.run(&["run", "--dry-run", "web"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("my-app), expires in 20 days\n"),
        "{}",
        outcome.stdout
    );
    said_before(&environment, Verdict::Refused, 30);
    let outcome = environment.run(&["run", "--dry-run", "web"]);
    let warned = "the vendor refused Claude's token of workspace my-app 30 h ago";
    assert!(outcome.stderr.contains(warned), "{}", outcome.stderr);
    assert_eq!(noted(&environment, "calls"), [""; 0]);
}

#[test]
fn scenario_69_a_broken_record_is_warned_about_once() {
    let environment = machine();
    wire(&environment, 3);
    let file = Records::beside(&config_file(&environment)).file(&scope());
    fs::write(&file, "{\"version\":").unwrap();
    // A rehearsal changes nothing.
    for _ in 0..2 {
        let outcome = environment.run(&["run", "--dry-run", "web"]);
        assert!(
            outcome.stderr.contains("cannot be read"),
            "{}",
            outcome.stderr
        );
    }
    let first = line(&environment);
    assert!(first.contains("my-app.json cannot be read: "), "{first}");
    assert!(first.contains("put aside as $HOME"), "{first}");
    let second = line(&environment);
    assert!(!second.contains("warning"), "{second}");
    assert!(second.ends_with("from workspace my-app)\n"), "{second}");
}

#[test]
fn scenario_68_the_answer_is_kept_and_the_next_launch_asks_nobody() {
    let environment = with_claude(machine());
    line(&environment);
    wait_until(|| checks(&environment).read(&fingerprint()).is_some());
    let check = checks(&environment).read(&fingerprint()).unwrap();
    assert_eq!(check.verdict, Verdict::Accepted);
    line(&environment);
    assert_eq!(noted(&environment, "doctor"), ["200"]);
    assert_eq!(noted(&environment, "refused"), [""; 0]);
    let folder = config_file(&environment).with_file_name("tokens/checks");
    let file = folder.join(format!("{}.json", fingerprint()));
    let mode = file.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    let text = fs::read_to_string(file).unwrap();
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn scenario_68_an_answer_older_than_a_day_is_renewed_behind_the_launch_s_back() {
    let environment = with_claude(machine());
    said_before(&environment, Verdict::Accepted, 23);
    line(&environment);
    assert_eq!(noted(&environment, "calls"), [""; 0]);
    said_before(&environment, Verdict::Accepted, 25);
    line(&environment);
    let now = Timestamp::now() - SignedDuration::from_mins(10);
    let renewed = || checks(&environment).read(&fingerprint()).unwrap().at > now;
    wait_until(renewed);
    assert_eq!(noted(&environment, "doctor"), ["200"]);
}

#[test]
fn scenario_68_a_token_that_is_refused_stops_the_launch_before_there_is_a_ticket() {
    let environment = with_claude(machine());
    wire(&environment, 100);
    tell(&environment, "verdicts", &format!("{TOKEN} 401\n"));
    said_before(&environment, Verdict::Refused, 1);
    let outcome = launch(&environment);
    assert_eq!(outcome.code, 125);
    assert_eq!(environment.docker_argv(), None, "docker was called");
    assert!(
        outcome.stderr.ends_with(
            "docker-jackin: the vendor refuses Claude's token of workspace my-app\n  \
             replace it:     docker jackin workspace claude-token rotate my-app\n  \
             ask once more:  docker jackin workspace claude-token doctor my-app\n"
        ),
        "{}",
        outcome.stderr
    );
    assert!(!environment.has_tickets());
    let outcome = environment.run(&["ticket", "--role", "web", "--by", "annotation"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(!environment.has_tickets());
    wait_until(|| noted(&environment, "doctor").len() == 2);
    assert_eq!(noted(&environment, "refused"), [""; 0]);
}

#[test]
fn scenario_68_a_token_that_is_accepted_again_does_not_stop_the_launch() {
    let environment = with_claude(machine());
    said_before(&environment, Verdict::Refused, 1);
    // The first launch may have gone before the answer came.
    wait_until(|| launch(&environment).code == 7);
    let check = checks(&environment).read(&fingerprint()).unwrap();
    assert_eq!(check.verdict, Verdict::Accepted);
}

#[test]
fn scenario_68_a_launch_does_not_wait_for_a_vendor_that_does_not_answer() {
    let begun = Instant::now();
    line(&machine());
    let usual = begun.elapsed();
    let environment = with_claude(machine());
    tell(&environment, "verdicts", &format!("{TOKEN} hangs\n"));
    let begun = Instant::now();
    line(&environment);
    // It hangs for 30 s; a second is waited, and the rest is a busy machine's.
    assert!(begun.elapsed() < usual + Duration::from_secs(6));
    wait_until(|| noted(&environment, "doctor") == ["hangs"]);
    // Another launch meanwhile does not ask again.
    line(&environment);
    assert_eq!(noted(&environment, "doctor"), ["hangs"]);
    said_before(&environment, Verdict::Refused, 1);
    let outcome = launch(&environment);
    assert_eq!(outcome.code, 125, "{}", outcome.stderr);
    assert!(begun.elapsed() < Duration::from_secs(25));
}

#[test]
fn scenario_68_a_vendor_that_cannot_be_reached_stops_nothing() {
    for (name, verdict) in [
        ("500", Verdict::Unreachable),
        ("unreachable", Verdict::Unreachable),
        ("403", Verdict::Unknown),
    ] {
        let environment = with_claude(machine());
        tell(&environment, "verdicts", &format!("{TOKEN} {name}\n"));
        line(&environment);
        wait_until(|| checks(&environment).read(&fingerprint()).is_some());
        let check = checks(&environment).read(&fingerprint()).unwrap();
        assert_eq!(check.verdict, verdict);
        line(&environment);
        assert_eq!(noted(&environment, "doctor"), [name]);
    }
}

#[test]
fn scenario_68_without_claude_nobody_is_asked_and_a_known_refusal_still_holds() {
    let environment = machine();
    line(&environment);
    assert_eq!(checks(&environment).read(&fingerprint()), None);
    said_before(&environment, Verdict::Refused, 100);
    let outcome = launch(&environment);
    assert_eq!(outcome.code, 125, "{}", outcome.stderr);
    let mends = "docker jackin workspace claude-token rotate my-app\n";
    assert!(outcome.stderr.contains(mends), "{}", outcome.stderr);
}

/// The processes of this machine whose file of that name in /proc has the text
/// in it.
fn processes_with(file: &str, text: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|one| one.file_name().to_str()?.parse().ok());
    let found = ids.filter(|id: &u32| {
        let content = fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        content
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    });
    found.collect()
}

#[test]
fn scenario_50_who_asks_has_the_token_in_no_argument_and_no_environment() {
    let token = TOKEN.replace("launch", "leaks");
    let environment = with_claude(machine()).variable("MY_TOKEN", &token);
    let text = fs::read_to_string(config_file(&environment)).unwrap();
    let file = format!("file:{}/token", environment.home().display());
    environment.configure(&text.replace(&file, "$MY_TOKEN"));
    tell(&environment, "verdicts", &format!("{token} hangs\n"));
    line(&environment);
    wait_until(|| noted(&environment, "doctor") == ["hangs"]);
    let home = environment.home().to_str().unwrap();
    // The one of ours that stays, and `claude`; what came with the launch ends.
    wait_until(|| processes_with("environ", home).len() == 2);
    let ours = processes_with("cmdline", &format!("check-token\0{home}"));
    assert_eq!(ours.len(), 1);
    for file in ["cmdline", "environ"] {
        assert_eq!(processes_with(file, &token), [0; 0], "{file}");
    }
}

/// A docker that notes the states of its children once there was time for one
/// to end.
const WATCHING_DOCKER: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "Docker version 28.2.2, build 0"; exit; fi
sleep 1
for status in /proc/[0-9]*/status; do
    if grep -q "^PPid:[[:space:]]*$$\$" "$status"; then
        grep -E "^(Name|State):" "$status"
    fi
done > "$HOME/children" 2> /dev/null
exit 7
"#;

#[test]
fn scenario_68_the_docker_that_a_launch_becomes_has_no_dead_child() {
    let environment = with_claude(machine());
    environment.write("bin/docker", WATCHING_DOCKER);
    let docker = environment.home().join("bin/docker");
    fs::set_permissions(docker, fs::Permissions::from_mode(0o755)).unwrap();
    tell(&environment, "verdicts", &format!("{TOKEN} hangs\n"));
    line(&environment);
    assert_eq!(noted(&environment, "doctor"), ["hangs"]);
    let children = fs::read_to_string(environment.home().join("children")).unwrap();
    // The relay, and what looked.
    assert!(children.contains("Name:"), "{children:?}");
    assert!(!children.contains("zombie"), "{children}");
    assert!(!children.contains("claude"), "{children}");
}
