//! The Keychain, through a stand-in of `security` that looks at how it is asked.

use std::time::Duration;

use insta::assert_snapshot;
use secrecy::ExposeSecret;

use super::super::stand_in_machine::put;
use super::*;

const QUICK: Patience = Patience(Duration::from_secs(20));

/// What is read from a `security` that is asked as the real one must be, and
/// then does what `does` says.
fn read_from(does: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let security = folder.path().join("security");
    put(
        &security,
        &format!(
            "#!/bin/sh\n\
             [ \"$*\" = 'find-generic-password -a me/too -s my app -w' ] || exit 99\n\
             [ $# = 6 ] || exit 98\n\
             [ -z \"$(cat)\" ] || exit 97\n\
             [ -z \"$OUTSIDER\" ] || exit 96\n\
             {does}\n"
        ),
    );
    read_by(&security)
}

fn read_by(security: &Path) -> String {
    let outsider = ("OUTSIDER".to_owned(), "canary".to_owned());
    let host = Host::new("/Users/me", "/", [outsider]);
    let item = Item::parse("my app/me/too").unwrap();
    match read(&item, security, &host, QUICK, &Watch::begin()) {
        Ok(value) => value.expose_secret().to_owned(),
        Err(trouble) => {
            let hint = trouble.hint().unwrap_or_default();
            let shown = format!("{trouble}; {hint}");
            assert!(!format!("{shown} {trouble:?}").contains("canary"));
            shown
        }
    }
}

#[test]
fn scenario_37_an_item_of_the_keychain_is_read_by_both_its_names() {
    assert_eq!(read_from("echo kept"), "kept");
}

#[test]
fn scenario_24_a_keychain_that_gives_nothing_shows_none_of_its_words() {
    let told = [
        "echo canary >&2; exit 44",
        "echo canary >&2; exit 36",
        "echo canary; echo canary >&2; exit 51",
    ];
    assert_snapshot!(told.map(read_from).join("\n"), @r"
    the Keychain keeps no such item; keep it there first: Keychain Access takes a new password item's name for the service
    the Keychain is locked; unlock it: security unlock-keychain
    it failed (exit status: 51);
    ");
}

#[test]
fn a_system_without_a_keychain_says_so() {
    assert_snapshot!(read_by(Path::new("/no/such/security")), @"the Keychain is a part of macOS, and this is another system; keep the value somewhere else on this machine");
}
