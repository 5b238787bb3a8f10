//! The Keychain, through a stand-in of `security` that keeps what it is given,
//! and its reader of lines, as its source has it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::token::store::program::LOOK;
use crate::token::store::tests::{label, token};

/// Notes how it is called and what it is given, and then does as it is told:
/// the real one ends as its last command did.
const SECURITY_DOES: &str = r#"#!/bin/sh
[ "$HOME $PATH$OUTSIDER" = '/Users/me /usr/bin:/bin' ] || exit 99
beside=${0%/*}
for word; do printf '[%s]' "$word"; done >> "$beside/asked"; echo >> "$beside/asked"
[ "$*" != -i ] || cat > "$beside/line"
echo canary; echo canary >&2
case $1 in
    show-keychain-info) exit "$(cat "$beside/shows")";;
    *) exit "$(cat "$beside/ends")";;
esac
"#;

struct Scene {
    folder: tempfile::TempDir,
    host: Host,
}

impl Scene {
    /// A Keychain that answers thus whether it is unlocked, and does the rest
    /// thus.
    fn new(shows: i32, ends: i32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("shows"), shows.to_string()).unwrap();
        fs::write(folder.path().join("ends"), ends.to_string()).unwrap();
        // Written by another process: a test that forks meanwhile would have
        // it open for writing, and what is written to cannot be started.
        let mut install = Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(folder.path().join("security"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = install.stdin.take().unwrap();
        input.write_all(SECURITY_DOES.as_bytes()).unwrap();
        drop(input);
        assert!(install.wait().unwrap().success());
        let outsider = ("OUTSIDER".to_owned(), "canary".to_owned());
        let host = Host::new("/Users/me", "/", [outsider]);
        Self { folder, host }
    }

    fn security(&self) -> PathBuf {
        self.folder.path().join("security")
    }

    fn open(&self) -> Result<Keychain, Failure> {
        open(&self.security(), &self.host, LOOK)
    }

    fn noted(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

fn told(failure: &Failure) -> String {
    assert!(!format!("{failure} {failure:?}").contains("canary"));
    failure.to_string()
}

#[test]
fn scenario_24_the_keychain_is_given_the_token_in_one_line_of_its_input() {
    let scene = Scene::new(0, 0);
    let label = label(&[("my \"app\"\\", Some("é"))]);
    let kept = scene.open().unwrap().put(&label, &token()).unwrap();
    assert_eq!(
        kept.to_string(),
        "keychain:docker-jackin/my_20_22app_22_5C__C3_A9-0123456789ab"
    );
    assert_eq!(scene.noted("asked"), "[show-keychain-info]\n[-i]\n");
    let line = scene.noted("line");
    let words = split_line(line.strip_suffix('\n').unwrap());
    let hex = hex::encode(token().secret().expose_secret());
    let title = name::title(&label);
    assert_eq!(
        words,
        [
            "add-generic-password",
            "-a",
            "my_20_22app_22_5C__C3_A9-0123456789ab",
            "-s",
            "docker-jackin",
            "-l",
            &title,
            "-X",
            &hex
        ]
    );
}

#[test]
fn scenario_63_a_keychain_that_cannot_be_used_shows_none_of_its_words() {
    let put = |ends| {
        let keychain = Scene::new(0, ends);
        let store = keychain.open().unwrap();
        told(&store.put(&label(&[("a", None)]), &token()).unwrap_err())
    };
    let opened = |shows| told(&Scene::new(shows, 0).open().err().unwrap());
    let all = [opened(36), opened(50), put(36), put(45)];
    assert_snapshot!(all.join("\n"), @r"
    the Keychain cannot be used: it is locked
      unlock it: security unlock-keychain
      or choose another store with --store
    the Keychain cannot be used: security ended with exit status: 50
      unlock it: security unlock-keychain
      or choose another store with --store
    failed to keep the token with security: exit status: 36
      unlock the Keychain: security unlock-keychain
      or choose another store with --store
    failed to keep the token with security: exit status: 45
      unlock the Keychain: security unlock-keychain
      or choose another store with --store
    ");
}

#[test]
fn scenario_65_an_item_is_removed_by_both_its_names_and_one_that_is_gone_counts() {
    let removed = |ends| {
        let scene = Scene::new(0, ends);
        let removed = remove(SERVICE, "my-app-1", &scene.security(), &scene.host);
        assert_eq!(
            scene.noted("asked"),
            "[delete-generic-password][-a][my-app-1][-s][docker-jackin]\n"
        );
        removed
    };
    assert!(removed(0).is_ok() && removed(44).is_ok());
    let all = [36, 51].map(|ends| told(&removed(ends).unwrap_err()));
    assert_snapshot!(all.join("\n"), @r"
    failed to remove the token with security: the Keychain is locked
      unlock it: security unlock-keychain
    failed to remove the token with security: exit status: 51
    ");
    let scene = Scene::new(0, 0);
    assert!(remove("other", "a", &scene.security(), &scene.host).is_err());
    assert_eq!(scene.noted("asked"), "");
    assert_snapshot!(
        removal_command(SERVICE, "my-app-1"),
        @"security delete-generic-password -a my-app-1 -s docker-jackin"
    );
}

/// How `security -i` takes a line apart (`split_line` of its `security.c`):
/// quotes count at the beginning of a word alone and end it, and a backslash
/// takes the next character as it is.
fn split_line(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    while let Some(first) = rest.next() {
        if first.is_ascii_whitespace() {
            continue;
        }
        let quote = (first == '"' || first == '\'').then_some(first);
        let mut word = String::new();
        let mut next = if quote.is_some() {
            rest.next()
        } else {
            Some(first)
        };
        while let Some(c) = next {
            match (c, quote) {
                ('\\', _) => word.extend(rest.next()),
                (c, Some(quote)) if c == quote => break,
                (c, None) if c.is_ascii_whitespace() => break,
                (c, _) => word.push(c),
            }
            next = rest.next();
        }
        words.push(word);
    }
    words
}

proptest! {
    #[test]
    fn scenario_24_whatever_a_title_holds_it_is_one_word_of_one_line(
        label in "[ -~\\x{80}-\\x{2fff}]{0,80}|[\"'\\\\ a]{0,40}", secret in "[!-~]{1,1200}"
    ) {
        let line = Line { account: "a-1", service: SERVICE, label: &label };
        match line.with(secret.as_bytes()) {
            Some(line) => {
                let text = std::str::from_utf8(&line).unwrap();
                let text = text.strip_suffix('\n').unwrap();
                prop_assert!(text.len() <= LONGEST && !text.contains(char::is_control));
                let words = split_line(text);
                prop_assert_eq!(words.len(), 9);
                prop_assert_eq!(&words[6], &label);
                prop_assert_eq!(hex::decode(&words[8]).unwrap(), secret.as_bytes());
            }
            None => prop_assert!(label.chars().any(char::is_control)),
        }
    }

    #[test]
    fn scenario_24_what_would_end_the_line_is_never_written(
        before in "[a-z]{0,5}", c in "[\\x00-\\x1f\\x7f-\\x{9f}]"
    ) {
        let label = format!("{before}{c}");
        let line = Line { account: "a", service: SERVICE, label: &label };
        prop_assert!(line.with(b"x").is_none());
    }
}

#[test]
fn a_secret_that_security_would_cut_is_not_given_to_it() {
    let line = Line {
        account: "a",
        service: SERVICE,
        label: "l",
    };
    let room = |length: usize| line.with(&vec![b'x'; length]);
    let longest = (1..3000)
        .rev()
        .find(|length| room(*length).is_some())
        .unwrap();
    assert!(
        room(longest).unwrap().len() <= LONGEST + 1 && longest > 1900,
        "{longest}"
    );
}
