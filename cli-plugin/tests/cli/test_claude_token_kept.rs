//! The whole life of a token in each store: set up, replaced and taken back by
//! the verbs, on a terminal, with the real programs that keep it.

use std::fs;
use std::path::Path;

use crate::environment::TestEnvironment;
use crate::keyring_session::KeyringSession;
use crate::stand_in_claude::{noted, tell, with_claude};
use crate::terminal::Terminal;
use crate::token_machine::{installed, is_below};

/// A machine with a workspace and a `claude` whose consent comes at once.
fn environment() -> TestEnvironment {
    let environment = TestEnvironment::new("1.47").variable("XDG_RUNTIME_DIR", "/nonexistent");
    with_workspace(environment)
}

fn with_workspace(environment: TestEnvironment) -> TestEnvironment {
    let environment = with_claude(environment);
    environment.configure("[workspaces.a]\nworkdir = \"/nonexistent/a\"\n");
    tell(&environment, "behaviour", "callback");
    environment
}

/// Gives a command on a terminal, and waits for what it says in the end.
fn give(environment: &TestEnvironment, line: &str, says: &str) {
    let mut terminal = Terminal::new();
    let line = format!("workspace claude-token {line}");
    let words: Vec<&str> = line.split(' ').collect();
    let mut child = terminal.start(environment, &words);
    terminal.wait_for(says);
    let status = child.wait().unwrap();
    assert!(status.success(), "{line}: {}", terminal.seen);
    assert!(!terminal.seen.contains("oat01-"), "{}", terminal.seen);
    assert_eq!(noted(environment, "refused"), [""; 0]);
}

fn mints(environment: &TestEnvironment, letter: char) -> String {
    let token = format!("sk-ant-oat01-{}", letter.to_string().repeat(95));
    tell(environment, "token", &token);
    token
}

/// The source that is wired; it gives something.
fn wired(environment: &TestEnvironment) -> String {
    let show = "config auth show --agent claude --resolve --workspace a";
    let words: Vec<&str> = show.split(' ').collect();
    let outcome = environment.run(&words);
    assert!(outcome.stdout.contains(": usable"), "{}", outcome.stdout);
    let file = environment.home().join(".docker/jackin/config.toml");
    let text = fs::read_to_string(file).unwrap();
    let slot = text.split("oauth_token = \"").nth(1).unwrap();
    slot.split('"').next().unwrap().to_owned()
}

/// A token's life in `store`, which keeps as many as `kept` says. In the end
/// nothing is kept.
fn lives(environment: &TestEnvironment, store: &str, source: &str, kept: impl Fn() -> usize) {
    let clear = |token: &str| {
        let places = [".docker", ".local", ".password-store", ".cache"];
        let home = environment.home();
        let places = places.iter().map(|place| home.join(place));
        places
            .filter(|place| place.exists())
            .any(|place| is_below(token, &place))
    };
    let first = mints(environment, 'a');
    give(
        environment,
        &format!("setup a --store {store}"),
        "next: docker",
    );
    let before = wired(environment);
    assert!(before.starts_with(source), "{before}");
    assert_eq!(kept(), 1);
    let second = mints(environment, 'b');
    give(environment, "rotate a", "next: docker");
    let after = wired(environment);
    assert!(after.starts_with(source) && after != before, "{after}");
    assert_eq!(kept(), 1, "the old one is gone");
    give(environment, "revoke a --delete", "the token itself holds");
    assert_eq!(kept(), 0);
    assert!(!clear(&first) && !clear(&second), "it stands in the clear");
}

fn count(folder: &Path, ending: &str) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let counts = entries.map(|entry| {
        let path = entry.unwrap().path();
        let here = path.extension().is_some_and(|found| found == ending);
        usize::from(here)
            + if path.is_dir() {
                count(&path, ending)
            } else {
                0
            }
    });
    counts.sum()
}

#[test]
fn scenario_65_a_token_lives_in_encrypted_files() {
    let environment = environment();
    let folder = environment.home().join(".docker/jackin/tokens");
    let source = format!("age:{}/a.", folder.display());
    lives(&environment, "age", &source, || count(&folder, "age"));
}

#[test]
fn scenario_65_a_token_lives_in_pass() {
    let environment = environment();
    let _ = (installed("docker-credential-pass"), installed("pass"));
    let init = "gpg --batch --quiet --passphrase '' --quick-gen-key tests future-default default never && pass init tests";
    shell(&environment, init);
    let folder = environment.home().join(".password-store");
    let source = "helper:pass/https://docker-jackin.invalid/claude/a/";
    lives(&environment, "helper:pass", source, || {
        count(&folder, "gpg")
    });
    // gpg leaves an agent, which would outlive the home it is for.
    shell(&environment, "gpgconf --kill all");
}

#[test]
fn scenario_65_a_token_lives_in_the_keyring() {
    let session = KeyringSession::unlocked(&["secret-tool"]);
    let run = session.machine.home.path().join("run");
    let environment = TestEnvironment::new("1.47");
    let environment = environment.variable("XDG_RUNTIME_DIR", run.to_str().unwrap());
    let environment = with_workspace(environment);
    let _ = installed("gdbus");
    let find = "secret-tool search --all service docker-jackin 2>&1 | /bin/grep -c ^label || :";
    let kept = || session.machine.shell(find).trim().parse().unwrap();
    lives(
        &environment,
        "auto",
        "secret-service:docker-jackin/a-",
        kept,
    );
}

#[test]
fn scenario_66_a_token_in_the_clear_is_replaced_and_taken_back_with_its_setting() {
    let environment = environment();
    let config = environment.home().join(".docker/jackin/config.toml");
    let text = || fs::read_to_string(&config).unwrap();
    let first = mints(&environment, 'a');
    give(&environment, "setup a --store plain", "next: docker");
    assert_eq!(wired(&environment), first);
    let second = mints(&environment, 'b');
    give(&environment, "rotate a", "next: docker");
    assert_eq!(wired(&environment), second);
    assert!(!text().contains(&first));
    give(&environment, "revoke a", "the token itself holds");
    assert!(!is_below("oat01-", &environment.home().join(".docker")));
}

fn shell(environment: &TestEnvironment, line: &str) {
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", line]).env_clear();
    shell
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", environment.home());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}
