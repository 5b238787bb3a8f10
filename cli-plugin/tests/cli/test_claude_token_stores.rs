//! The stores of tokens and the sources that read them again, with the real
//! programs: `pass` behind docker's credential helper, and files for age.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use docker_jackin::token::store::{Kept, OpWish, WantedStore, Wish, choose};
use insta::assert_snapshot;
use secrecy::ExposeSecret;

use super::token_machine::{Machine, is_below, label, token};

#[test]
fn scenario_64_what_pass_keeps_is_read_back_and_removed_alone() {
    let machine = Machine::with_pass();
    let kept = machine.live("helper:pass");
    let server = "https://docker-jackin.invalid/claude/my_20app_web/ba9876543210";
    assert_eq!(kept[1].to_string(), format!("helper:pass/{server}"));
    assert!(!is_below("canary", machine.home.path()));
    // The command that is shown for it does the same.
    let command = kept[1].removal_command().unwrap();
    assert_snapshot!(command, @"printf %s https://docker-jackin.invalid/claude/my_20app_web/ba9876543210 | docker-credential-pass erase");
    machine.shell(&command);
    assert_eq!(machine.shell("docker-credential-pass list").trim(), "{}");
}

#[test]
fn scenario_64_what_is_kept_in_a_file_is_encrypted_for_an_identity_elsewhere() {
    let machine = Machine::with(&[]);
    let kept = machine.live("age");
    let home = machine.home.path();
    let mode = |path: &str| {
        let found = fs::metadata(home.join(path)).unwrap();
        format!("{:o}", found.permissions().mode() & 0o7777)
    };
    let file = ".docker/jackin/tokens/my_20app_web.ba9876543210.age";
    let identity = ".local/share/docker-jackin/age-identity.txt";
    let shown = kept[1].to_string();
    assert_eq!(shown, format!("age:{}", home.join(file).display()));
    assert_eq!([mode(file), mode(identity)], ["600", "600"]);
    let folders = [".docker/jackin/tokens", ".local/share/docker-jackin"];
    assert_eq!(folders.map(mode), ["700", "700"]);
    assert!(!is_below("canary", home));
    machine.shell(&format!("/bin/{}", kept[1].removal_command().unwrap()));
    assert!(!home.join(file).exists());
    // The identity opens tokens yet to come, and may open a user's own files.
    assert!(home.join(identity).exists());
}

#[test]
fn scenario_65_nothing_is_removed_that_no_store_of_ours_made() {
    let machine = Machine::with_pass();
    let file = machine.home.path().join("notes.age");
    fs::write(&file, "").unwrap();
    let foreign = [
        Kept::Helper {
            name: "pass".to_owned(),
            server: "https://index.docker.io/v1/".to_owned(),
        },
        Kept::SecretService {
            service: "chromium".to_owned(),
            account: "me".to_owned(),
        },
        Kept::Keychain {
            service: "Claude Code-credentials".to_owned(),
            account: "me".to_owned(),
        },
        Kept::Age { file: file.clone() },
    ];
    let told = foreign.map(|kept| machine.told(&kept.remove(&machine.host()).unwrap_err()));
    assert_snapshot!(told.join("\n"), @r"
    helper:pass/https://index.docker.io/v1/ is nothing that docker-jackin keeps tokens in, and stays
    secret-service:chromium/me is nothing that docker-jackin keeps tokens in, and stays
    keychain:Claude Code-credentials/me is nothing that docker-jackin keeps tokens in, and stays
    age:~/notes.age is nothing that docker-jackin keeps tokens in, and stays
    ");
    assert!(file.exists());
}

#[test]
fn the_best_store_that_is_there_is_taken_and_why() {
    let shown = |machine: &Machine| {
        let choice = machine.choose("auto").unwrap();
        let text = format!("{}: {}", choice.store.shown(), choice.why.unwrap());
        text.replace(machine.home.path().to_str().unwrap(), "~")
    };
    let machine = Machine::with(&[]);
    assert_snapshot!(shown(&machine), @"an encrypted file in ~/.docker/jackin/tokens, for the age identity ~/.local/share/docker-jackin/age-identity.txt: nothing better can be used: failed to find 1Password: 1Password's command line `op` is not in PATH; `secret-tool` is not in PATH; `docker-credential-pass` is not in PATH");
    // Nothing is made before there is a token to keep.
    assert!(!machine.home.path().join(".local").exists());
    let machine = Machine::with_pass();
    assert_snapshot!(shown(&machine), @"docker-credential-pass: `pass` is initialised");
}

#[test]
fn scenario_63_a_named_store_that_cannot_be_used_says_what_to_do() {
    let machine = Machine::with(&["docker-credential-pass", "pass"]);
    let named = [
        "helper:pass",
        "helper:none",
        "helper:No",
        "secret-service",
        "keychain",
    ];
    let told = named.map(|store| machine.refusal(store));
    assert_snapshot!(told.join("\n"), @r"
    `pass` is not initialised
      initialise it with your GPG key: pass init KEY
    `docker-credential-none` is not in PATH
      install `docker-credential-none`, or choose another store with --store
    a helper's name is made of a-z, 0-9, `-`, `_` and `.`
      for docker-credential-pass: --store helper:pass
    `secret-tool` is not in PATH
      install `secret-tool`, or choose another store with --store
    the Keychain is a part of macOS, and this is another system
      choose another store with --store, or leave it out
    ");
    let machine = Machine::with(&["false"]);
    machine.shell("/bin/ln -s false bin/docker-credential-no; /bin/ln -s false bin/secret-tool; :");
    let told = ["helper:no", "secret-service"].map(|store| machine.refusal(store));
    assert_snapshot!(told.join("\n"), @r"
    docker-credential-no cannot be used: its verb `list` fails: exit status: 1
      see what it says yourself: docker-credential-no list
    there is no D-Bus session that the Secret Service could be asked on
      log in to a session that has a keyring, or choose another store with --store
    ");
}

#[test]
fn what_only_1password_understands_is_refused_for_another_store() {
    let machine = Machine::with(&[]);
    let wish = Wish {
        store: WantedStore::Age,
        op: OpWish {
            item_name: Some("x".to_owned()),
            ..OpWish::default()
        },
        folder: machine.home.path().to_owned(),
    };
    let failure = choose(&wish, &machine.host()).err().unwrap();
    assert_eq!(failure.exit_code(), 2);
    assert_snapshot!(machine.told(&failure), @r"
    --item-name is 1Password's, and --store names another store
      leave out one of them
    ");
}

/// Notes what it is given, and fails with all of it.
const FAILING: &str = r#"#!/bin/sh
[ "$1" != list ] || { [ "$(cat)" = unused ] && echo '{}'; exit; }
[ -p /dev/stdin ] || echo 'no pipe' > "$HOME/noted"
tee -a "$HOME/noted"
cat "$HOME/noted" >&2
exit 3
"#;

#[test]
fn scenario_24_a_helper_that_fails_shows_nothing_of_what_it_was_given() {
    let mut machine = Machine::with(&[]);
    let bin = machine.home.path().join("bin");
    machine.set("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    program(&bin.join("docker-credential-fails"), FAILING);
    let store = machine.choose("helper:fails").unwrap().store;
    let label = label("0123456789ab");
    let failure = store.put(&label, &token('a')).unwrap_err();
    assert_snapshot!(machine.told(&failure), @r"
    failed to keep the token with docker-credential-fails: exit status: 3
      unlock what it keeps things in, or choose another store with --store
    ");
    let noted = || fs::read_to_string(machine.home.path().join("noted")).unwrap();
    let secret = token('a');
    let secret = secret.secret().expose_secret();
    let server = "https://docker-jackin.invalid/claude/my_20app_web/0123456789ab";
    let given =
        format!(r#"{{"ServerURL":"{server}","Username":"docker-jackin","Secret":"{secret}"}}"#);
    assert_eq!(noted(), given);
    fs::remove_file(machine.home.path().join("noted")).unwrap();
    // It keeps it still, as far as anybody knows.
    let failure = store.announce(&label).remove(&machine.host()).unwrap_err();
    assert_snapshot!(machine.told(&failure), @"failed to remove the token with docker-credential-fails: exit status: 3");
    assert_eq!(noted(), server.repeat(2));
}

/// Notes how it is called, and what it is given apart from that.
const SECRET_TOOL: &str = r#"#!/bin/sh
for word; do echo "$word"; done > "$HOME/called"
/usr/bin/env >> "$HOME/called"
exec /bin/cat > "$HOME/given"
"#;

#[test]
fn scenario_24_the_keyring_is_given_the_token_on_its_input_alone() {
    let mut machine = Machine::with(&[]);
    machine.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    program(&machine.home.path().join("bin/secret-tool"), SECRET_TOOL);
    let store = machine.choose("secret-service").unwrap().store;
    store.put(&label("0123456789ab"), &token('a')).unwrap();
    let noted = |name| fs::read_to_string(machine.home.path().join(name)).unwrap();
    assert_eq!(noted("given"), token('a').secret().expose_secret());
    let called = noted("called");
    assert!(!called.contains("canary"), "{called}");
    let words: Vec<&str> = called.lines().take(6).collect();
    assert_snapshot!(words.join("\n"), @r"
    store
    --label=docker-jackin: Claude token of workspace my app, role web, until 2027-11-23
    service
    docker-jackin
    account
    my_20app_web-0123456789ab
    ");
}

/// Through another process: while this one has it open for writing, what other
/// tests start at that moment inherits that, and nobody may run it.
fn program(file: &Path, script: &str) {
    let mut install = Command::new("install");
    install.args(["-m", "755", "/dev/stdin"]).arg(file);
    let mut install = install.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = install.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    assert!(install.wait().unwrap().success());
}
