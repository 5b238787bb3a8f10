//! The Keychain, through a stand-in of `security` that looks at how it is asked.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use insta::assert_snapshot;

use super::*;

/// A stand-in, and the machine it stands on.
struct Scene {
    folder: tempfile::TempDir,
    host: Host,
}

impl Scene {
    /// A stand-in that is asked as the real one must be, else ends with 99,
    /// and then does what `does` says.
    fn new(does: &str) -> Self {
        Self::of("Claude Code-credentials", [("USER", "me")], does)
    }

    fn of<const N: usize>(service: &str, variables: [(&str, &str); N], does: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "#!/bin/sh\n\
             [ \"$*\" = 'find-generic-password -a me -w -s {service}' ] || exit 99\n\
             [ $# = 6 ] || exit 98\n\
             [ -z \"$(cat)\" ] || exit 97\n\
             [ -z \"$OUTSIDER\" ] || exit 96\n\
             {does}\n"
        );
        let program = folder.path().join("security");
        // Written by another process: a test that forks meanwhile would have
        // it open for writing, and what is written to cannot be started.
        let write = r#"printf %s "$1" > "$0" && chmod 755 "$0""#;
        let mut shell = Command::new("/bin/sh");
        let written = shell.args(["-c", write]).arg(&program).arg(&script);
        assert!(written.status().unwrap().success());
        let outsider = [("OUTSIDER", "canary")];
        let variables = variables.into_iter().chain(outsider);
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let host = Host::new("/Users/me", "/", variables);
        Self { folder, host }
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("security")
    }

    fn read(&self) -> Result<Found, KeychainError> {
        read(&self.program(), &self.host)
    }

    fn error(&self) -> String {
        let error = self.read().unwrap_err();
        format!("{error}; {}", error.remedy())
    }
}

const LOGIN: &str = r#"{"claudeAiOauth":{"accessToken":"canary","refreshToken":"canary-refresh","expiresAt":1900000000000}}"#;

#[test]
fn scenario_37_a_login_in_the_keychain_is_read_and_checked_as_one_in_a_file() {
    let found = Scene::new(&format!("echo '{LOGIN}'")).read().unwrap();
    let Found::Login(login) = found else {
        panic!("a login: {found:?}");
    };
    let service = "Claude Code-credentials".to_owned();
    assert_eq!(login.origin, Origin::Keychain(service));
    assert!(login.content.expose().contains("canary"));
    assert!(!login.content.expose().contains("canary-refresh"));
    assert!(login.expires.is_some());
}

#[test]
fn scenario_37_a_folder_of_the_users_has_an_item_of_its_own() {
    // printf %s /tmp/claude | sha256sum
    let service = "Claude Code-credentials-21493821";
    let variables = [("USER", "me"), ("CLAUDE_CONFIG_DIR", "/tmp/claude")];
    let scene = Scene::of(service, variables, &format!("echo '{LOGIN}'"));
    assert!(matches!(scene.read().unwrap(), Found::Login(_)));
}

#[test]
fn scenario_37_an_item_that_is_not_there_is_a_missing_login() {
    let says = "security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.";
    let scene = Scene::new(&format!("echo '{says}' >&2; exit 44"));
    assert!(matches!(
        scene.read().unwrap(),
        Found::Missing(Origin::Keychain(_))
    ));
}

#[test]
fn scenario_28_an_item_that_is_no_login_is_not_copied() {
    for text in ["", "{}", "canary", r#"{"claudeAiOauth":{}}"#] {
        let scene = Scene::new(&format!("echo '{text}'"));
        assert!(
            matches!(scene.read().unwrap(), Found::Unusable { .. }),
            "{text}"
        );
    }
}

#[test]
fn scenario_37_a_locked_keychain_says_how_to_unlock_it() {
    let says = "security: SecKeychainItemCopyContent: User interaction is not allowed.";
    let scene = Scene::new(&format!("echo '{says}' >&2; exit 36"));
    assert_snapshot!(scene.error(), @r#"the Keychain item "Claude Code-credentials" cannot be read: user interaction is not allowed; unlock it with `security unlock-keychain`, or choose another auth_forward"#);
}

#[test]
fn scenario_24_another_failure_shows_nothing_of_what_was_printed() {
    let scene = Scene::new("echo canary; echo canary >&2; exit 51");
    assert_snapshot!(scene.error(), @r#"the Keychain item "Claude Code-credentials" cannot be read: security ended with exit status: 51; allow `security` to read it when macOS asks, or choose another auth_forward"#);
    let scene = Scene::new("head -c 100000 /dev/zero");
    assert_snapshot!(scene.error(), @r#"the Keychain item "Claude Code-credentials" cannot be read: it printed more than 65536 bytes; allow `security` to read it when macOS asks, or choose another auth_forward"#);
}

#[test]
fn scenario_17_a_keychain_that_does_not_answer_is_given_up() {
    let scene = Scene::new("sleep 60");
    let begun = Instant::now();
    let limit = Duration::from_millis(300);
    let error = read_within(&scene.program(), &scene.host, limit).unwrap_err();
    assert!(matches!(error, KeychainError::NoAnswer { .. }));
    assert!(begun.elapsed() < Duration::from_secs(20), "{error}");
}

#[test]
fn scenario_37_the_account_is_what_claude_itself_would_take() {
    for (user, home, account) in [
        (Some("me"), "/Users/x", "me"),
        (Some("a.b-c_1"), "/Users/x", "a.b-c_1"),
        (Some("-a b"), "/Users/x", "claude-code-user"),
        (Some(""), "/Users/x", "x"),
        (None, "/Users/x", "x"),
        (None, "/", "claude-code-user"),
    ] {
        let variables = user.map(|user| ("USER".to_owned(), user.to_owned()));
        let host = Host::new(home, "/", variables);
        assert_eq!(super::account(&host), account, "{user:?} {home}");
    }
}
