//! Reading through programs that check what they are given.

use std::fs;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use secrecy::ExposeSecret;

use super::super::stand_in_machine::{Machine, OP, QUICK, put};
use super::*;
use crate::config::Written;

fn text(text: &str) -> Written {
    Written::Text(text.into())
}

fn texts<const N: usize>(written: [&str; N]) -> [Written; N] {
    written.map(text)
}

#[test]
fn scenario_15_two_accounts_with_the_same_path_give_two_values() {
    let machine = Machine::new();
    let in_account = |account: Option<&str>| Written::Op {
        reference: "op://Personal/my-app/token".into(),
        account: account.map(str::to_owned),
    };
    let wanted = [in_account(Some("work")), in_account(None)];
    assert_eq!(machine.read(&wanted, QUICK), ["work", "personal"]);
}

#[test]
fn one_source_is_asked_once_and_each_that_wants_it_gets_it() {
    let machine = Machine::new();
    let wanted = texts([
        "op://Personal/my-app/token",
        "plain",
        "op://Personal/my-app/token",
        "helper:keep/https://api.example.com/v1",
        "helper:keep/https://api.example.com/v1",
        "op://Nowhere/i/f",
        "op://Nowhere/i/f",
    ]);
    let read = machine.read(&wanted, QUICK);
    assert_eq!(&read[..3], ["personal", "plain", "personal"]);
    assert_eq!(&read[3..5], ["kept < in it", "kept < in it"]);
    assert_eq!(read[5], read[6]);
    assert_eq!(
        machine.asked(),
        [
            " op://Nowhere/i/f",
            " op://Personal/my-app/token",
            "helper https://api.example.com/v1"
        ]
    );
}

#[test]
fn sources_are_read_at_the_same_time() {
    let machine = Machine::new();
    // Each of them ends only once both have begun.
    let meet = |own: &str, other: &str| {
        let script = format!(
            "touch ~/{own}; for i in $(seq 400); do [ -e ~/{other} ] && break; sleep 0.05; done; printf {own}; [ -e ~/{other} ]"
        );
        Written::Command(vec!["sh".into(), "-c".into(), script])
    };
    let wanted = [meet("one", "two"), meet("two", "one")];
    assert_eq!(machine.read(&wanted, QUICK), ["one", "two"]);
}

#[test]
fn more_sources_than_run_at_a_time_are_all_read() {
    let machine = Machine::new();
    let mut questions = Questions::default();
    for number in 0..3 * 8 {
        let line = super::super::command::Line::parse(&format!("echo {number}")).unwrap();
        assert_eq!(questions.number_of(Question::Command(line)), number);
    }
    let answers = questions.ask(&machine.host, QUICK);
    let answers = answers.iter().map(|read| read.as_ref().unwrap());
    let answers: Vec<_> = answers.map(ExposeSecret::expose_secret).collect();
    let expected: Vec<_> = (0..3 * 8).map(|number| number.to_string()).collect();
    assert_eq!(answers, expected);
}

#[test]
fn scenario_23_each_failure_of_op_says_what_to_run() {
    let wanted = texts([
        "op://Locked/i/f",
        "op://Nowhere/i/f",
        "op://v/i/nope",
        "op://Odd/i/f",
    ]);
    assert_snapshot!(Machine::new().read(&wanted, QUICK).join("\n"), @r#"
    error: op://Locked/i/f: not signed in to 1Password
      run `op signin`, or turn on Settings > Developer > Integrate with 1Password CLI in its app
    error: op://Nowhere/i/f: 1Password has no such vault in this account
      `op vault list` shows the vaults; another account is written { op = "op://…", account = "…" }
    error: op://v/i/nope: the item in 1Password has no such field
      `op item get` shows an item's fields
    error: op://Odd/i/f: it failed (exit status: 1): something new with token <hidden>
    "#);
}

#[test]
fn scenario_23_a_machine_without_op_says_what_to_install() {
    let mut machine = Machine::new();
    fs::remove_file(machine.home.path().join("bin/op")).unwrap();
    assert_snapshot!(machine.read(&texts(["op://v/i/f", "helper:nope/x", "cmd:nope x"]), QUICK).join("\n"), @r"
    error: op://v/i/f: 1Password's command line `op` is not in PATH
      install `op`: https://developer.1password.com/docs/cli/get-started
    error: helper:nope/x: `docker-credential-nope` is not in PATH
      install `docker-credential-nope`, or add its folder to PATH as an absolute path
    error: cmd:nope: `nope` is not in PATH
      install `nope`, or add its folder to PATH as an absolute path
    ");
    // An `op` that lies in the current folder is none.
    let folder = machine.home.path().to_owned();
    put(&folder.join("op"), OP);
    machine.host = Host::new(&folder, &folder, [("PATH".to_owned(), ".:".to_owned())]);
    assert!(machine.read(&texts(["op://v/i/f"]), QUICK)[0].contains("is not in PATH"));
}

#[test]
fn scenario_22_a_flag_like_segment_is_refused_before_anything_is_run() {
    let machine = Machine::new();
    let wanted = [
        text("op://-v/i/f"),
        Written::Op {
            reference: "op://v/i/f".into(),
            account: Some("--help".into()),
        },
    ];
    let read = machine.read(&wanted, QUICK);
    assert_snapshot!(read.join("\n"), @r"
    error: it is no reference of 1Password: one of its parts begins with `-`, as a flag does; name it by its ID
    error: it is no reference of 1Password: its account is no sign-in address, such as my.1password.com, and no ID
    ");
    assert!(machine.asked().is_empty());
}

#[test]
fn a_helper_that_has_nothing_is_told_from_one_that_fails() {
    let wanted = texts([
        "helper:keep/https://other",
        "helper:keep/https://unknown",
        "helper:keep/https://locked",
        "helper:keep/https://broken",
        "helper:keep/https://strange",
    ]);
    assert_snapshot!(Machine::new().read(&wanted, QUICK).join("\n"), @r#"
    error: helper:keep/https://other: the helper keeps nothing for this server
      store it first: give the helper's verb `store` {"ServerURL": …, "Username": …, "Secret": …} on stdin
    error: helper:keep/https://unknown: the helper keeps nothing for this server
      store it first: give the helper's verb `store` {"ServerURL": …, "Username": …, "Secret": …} on stdin
    error: helper:keep/https://locked: it failed (exit status: 2): gpg: decryption failed: No secret key
    error: helper:keep/https://broken: it failed (exit status: 1)
    error: helper:keep/https://strange: the helper's answer holds no `Secret`
    "#);
}

#[test]
fn a_command_is_run_without_a_shell_in_the_users_own_environment() {
    let machine = Machine::new();
    let wanted = texts([
        "cmd:echo $HOME",
        "cmd:sh -c 'printf \"%s\" \"$ANTHROPIC_API_KEY${DOCKER_CLI_PLUGIN_SOCKET-unset}\" | tr c C'",
        "cmd:printf 'two\\nlines\\r\\n\\n'",
        "cmd:true",
    ]);
    assert_eq!(
        machine.read(&wanted, QUICK),
        ["$HOME", "Canaryunset", "two\nlines", ""]
    );
}

#[test]
fn what_a_command_prints_must_be_text() {
    let read = Machine::new().read(&texts(["cmd:printf '\\377'", "cmd:printf 'a\\0b'"]), QUICK);
    assert_snapshot!(read.join("\n"), @r"
    error: cmd:printf: it printed no UTF-8 text without NUL
    error: cmd:printf: it printed no UTF-8 text without NUL
    ");
}

#[test]
fn scenario_24_a_command_that_fails_shows_no_value() {
    let wanted = texts([
        "cmd:sh -c 'echo canary; echo wrong: canary >&2; exit 3'",
        "cmd:sh -c 'echo canary canary-argument >&2; echo canary canary-argument; exit 3'",
        "cmd:sh -c 'echo Authorization: sk-ant-oat01-canary1 >&2; exit 4'",
        "cmd:sh -c 'kill -9 $$' canary",
        "cmd:sh -c 'echo fatal: no such entry >&2; exit 1' canary",
    ]);
    assert_snapshot!(Machine::new().read(&wanted, QUICK).join("\n"), @r"
    error: cmd:sh: it failed (exit status: 3)
    error: cmd:sh: it failed (exit status: 3)
    error: cmd:sh: it failed (exit status: 4): Authorization: <hidden>
    error: cmd:sh: it failed (signal: 9 (SIGKILL))
    error: cmd:sh: it failed (exit status: 1): fatal: no such entry
    ");
}

#[test]
fn scenario_17_a_time_out_says_so_and_hides_no_other() {
    let begun = Instant::now();
    let wanted = texts([
        "op://Slow/i/f",
        "cmd:sleep 600",
        "op://Personal/my-app/token",
    ]);
    let read = Machine::new().read(&wanted, Patience(Duration::from_secs(2)));
    assert_snapshot!(read.join("\n"), @r"
    error: op://Slow/i/f: timed out: no answer within 2 s
      answer its prompt in time, or unlock what it reads from first
    error: cmd:sleep: timed out: no answer within 2 s
      answer its prompt in time, or unlock what it reads from first
    personal
    ");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn scenario_44_later_nobody_is_asked_and_what_was_delivered_is_kept() {
    let machine = Machine::new().later(&[("A", "a"), ("B", "b"), ("C", "c")]);
    let wanted = texts([
        "op://Personal/my-app/token",
        "cmd:echo new",
        "$NAME",
        "op://v/i/f",
    ]);
    assert_snapshot!(machine.read(&wanted, QUICK).join("\n"), @r"
    a
    b
    c
    error: op://v/i/f was read at launch and cannot be read again without its user
      start the container anew with `docker jackin run`
    ");
    assert!(machine.asked().is_empty());
}

#[test]
fn scenario_44_later_a_helper_is_asked_again_and_what_was_delivered_stands_in() {
    let machine = Machine::new().later(&[("A", "old"), ("B", "old")]);
    let wanted = texts([
        "helper:keep/https://api.example.com/v1",
        "helper:keep/https://locked",
    ]);
    assert_eq!(machine.read(&wanted, QUICK), ["kept < in it", "old"]);
    let gone = texts(["plain", "plain", "helper:keep/https://locked"]);
    assert!(machine.read(&gone, QUICK)[2].contains("No secret key"));
}

#[test]
fn scenario_44_later_a_helper_is_not_waited_for_as_long_as_a_user_would_be() {
    let machine = Machine::new().later(&[("A", "old")]);
    let begun = Instant::now();
    let hour = Patience(Duration::from_secs(3600));
    assert_eq!(
        machine.read(&texts(["helper:keep/https://slow"]), hour),
        ["old"]
    );
    // The engine's side takes it all for failed after 10 s.
    assert!(begun.elapsed() < Duration::from_secs(9));
}

#[test]
fn a_value_of_another_source_is_not_kept() {
    let machine = Machine::new().later(&[("A", "old")]);
    let read = |written: &str, was: &str| {
        machine
            .read_since(&texts([written]), QUICK, Some(was))
            .remove(0)
    };
    assert_eq!(read("op://v/i/f", "op://v/i/f"), "old");
    let locked = "helper:keep/https://locked";
    assert_eq!(read(locked, locked), "old");
    assert_snapshot!(read("op://v/i/f", "op://v/i/other"), @r"
    error: it came from another source at launch, and op://v/i/f cannot be read without its user
      start the container anew with `docker jackin run`
    ");
    assert_snapshot!(read("$NAME", "$OTHER"), @r"
    error: it came from another source at launch, and $NAME cannot be read without its user
      start the container anew with `docker jackin run`
    ");
    assert!(read(locked, "plain value").contains("No secret key"));
    // The same program with other words is another source, told by a hash.
    let pass = |words: &str| {
        super::super::command::Line::parse(words)
            .unwrap()
            .identity()
    };
    assert_eq!(read("cmd:pass show a", &pass("pass show a")), "old");
    assert!(read("cmd:pass show a", &pass("pass show b")).contains("another source"));
    // One that can be read is read, wherever the old value came from.
    assert_eq!(read("new", "op://v/i/f"), "new");
}
