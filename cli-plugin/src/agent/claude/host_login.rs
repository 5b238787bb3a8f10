//! Claude's login on the host: read, checked, and forwarded without the refresh
//! token, which is single-use and stays where it is unless a copy of it is
//! asked for.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::keychain;
use super::{CREDENTIALS, SETTINGS};
use crate::agent::host_file::HostFileError;
use crate::agent::json;
use crate::agent::login::{Fault, FileLogin, Found, LOGGED_OUT, NO_LOGIN, Origin, fault_of};
use crate::host::Host;
use crate::source::keychain::SECURITY;

/// The largest credentials file that is read, in bytes. A real one has a few
/// hundred; logins of MCP servers make it larger.
const CREDENTIALS_LIMIT: u64 = 256 << 10;

/// The largest `.claude.json` that is read, in bytes. It holds the history of
/// every project and grows to several megabytes.
const SETTINGS_LIMIT: u64 = 64 << 20;

/// Reads Claude's login on this host.
///
/// # Errors
/// There is a file, and it cannot or must not be read.
pub fn read(host: &Host) -> Result<Found, HostFileError> {
    let origin = Origin::File(CREDENTIALS.on(host));
    let bytes = CREDENTIALS.read(host, CREDENTIALS_LIMIT)?;
    Ok(match bytes {
        Some(bytes) => Found::at(origin, login(&bytes)),
        None if cfg!(target_os = "macos") => keychain::read(Path::new(SECURITY), host)?,
        None => Found::Missing(origin),
    })
}

/// What is forwarded of the credentials file. Beside the login Claude keeps
/// those of MCP servers and the secrets of plugins there: other accounts,
/// which nobody asked to forward.
const FORWARDED: [&str; 2] = [LOGIN, "organizationUuid"];

/// The key that holds the login itself.
const LOGIN: &str = "claudeAiOauth";

/// The login in a credentials file. Every field of it but those that renew it
/// keeps its bytes.
///
/// # Errors
/// It holds none.
pub fn login(bytes: &[u8]) -> Result<FileLogin, Fault> {
    let mut file = json::object(bytes).ok_or_else(|| fault_of(bytes))?;
    // What is kept of other accounts stays there after a logout.
    let login = file.remove(LOGIN).filter(|login| login.get() != "null");
    let login = login.ok_or(LOGGED_OUT)?;
    let mut fields = json::object(login.get()).ok_or(NO_LOGIN)?;
    // Claude blanks the tokens when the vendor has ended the login.
    json::text(&fields, "accessToken").ok_or(LOGGED_OUT)?;
    let expires = json::field::<f64>(&fields, "expiresAt");
    let expires = expires.and_then(json::time_of_milliseconds);
    let lasting = json::text(&fields, "refreshToken").is_some();
    file.retain(|name, _| FORWARDED.contains(&name.as_ref()));
    let renewing = lasting.then(|| {
        file.insert(LOGIN.into(), login);
        json::secret(&file).ok_or(NO_LOGIN)
    });
    json::drop_refresh_tokens(&mut fields);
    let fields = json::secret(&fields).ok_or(NO_LOGIN)?;
    let fields: &RawValue = serde_json::from_str(fields.expose()).map_err(|_| NO_LOGIN)?;
    file.insert(LOGIN.into(), fields);
    Ok(FileLogin {
        content: json::secret(&file).ok_or(NO_LOGIN)?,
        renewing: renewing.transpose()?,
        expires,
        // A renewal moves the end.
        stamp: expires,
        lasting,
    })
}

/// The account that the host's login belongs to, from the host's
/// `.claude.json`: it makes the container show the right name and plan.
/// Nothing else of that file, and no project's data, is taken.
pub fn account(host: &Host) -> Option<Map<String, Value>> {
    #[derive(Deserialize)]
    struct Settings {
        #[serde(rename = "oauthAccount")]
        account: Option<Map<String, Value>>,
    }
    let bytes = SETTINGS.read(host, SETTINGS_LIMIT);
    // It is a nicety: without it the login works as well.
    let bytes = bytes.ok().flatten()?;
    serde_json::from_slice::<Settings>(&bytes).ok()?.account
}

#[cfg(test)]
mod tests {
    use super::super::CONFIG_FOLDER;
    use super::*;
    use std::fs;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    const LOGIN: &str = r#"{"claudeAiOauth":{"accessToken":"canary-access","refresh\u0054oken":"canary-refresh","expiresAt":1900000000000,"refreshTokenExpiresAt":5,"scopes":["user:inference"],"rateLimitTier":"a\u0062"},"mcpOAuth":{"x":{"accessToken":"canary-mcp"}},"pluginSecrets":{"y":"canary-plugin"},"organizationUuid":"o"}"#;

    fn host_with(login: Option<&str>) -> (tempfile::TempDir, Host) {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".claude")).unwrap();
        if let Some(login) = login {
            fs::write(home.path().join(".claude/.credentials.json"), login).unwrap();
        }
        let host = Host::new(home.path(), "/", []);
        (home, host)
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn scenario_41a_the_refresh_token_stays_and_every_other_field_keeps_its_bytes() {
        let (_home, host) = host_with(Some(LOGIN));
        let Found::Login(login) = read(&host).unwrap() else {
            panic!("there is a login");
        };
        let content = login.content.expose();
        assert!(!content.contains("efresh"));
        for stays in ["canary-mcp", "canary-plugin"] {
            assert!(!content.contains(stays), "{stays}");
        }
        assert!(content.contains(r#""accessToken":"canary-access""#));
        assert!(
            content.contains(r#""rateLimitTier":"a\u0062""#),
            "bytes are kept"
        );
        assert!(content.contains(r#""expiresAt":1900000000000"#));
        assert!(content.contains(r#""organizationUuid":"o""#));
        assert_eq!(login.expires, Some(at(1_900_000_000)));
    }

    #[test]
    fn a_copy_has_what_renews_the_login_and_nothing_that_belongs_to_others() {
        let copied = login(LOGIN.as_bytes()).unwrap().renewing.unwrap();
        let copied = copied.expose();
        let own = &LOGIN[LOGIN.find('{').unwrap() + 1..LOGIN.find(",\"mcpOAuth").unwrap()];
        assert_eq!(copied, format!(r#"{{{own},"organizationUuid":"o"}}"#));
        let lasting = r#"{"claudeAiOauth":{"accessToken":"a","refreshToken":" "}}"#;
        assert!(login(lasting.as_bytes()).unwrap().renewing.is_none());
    }

    #[test]
    fn scenario_27_a_missing_login_is_no_error() {
        let (_home, host) = host_with(None);
        assert!(matches!(read(&host).unwrap(), Found::Missing(_)));
    }

    #[test]
    fn scenario_28_an_empty_or_malformed_login_is_never_copied() {
        for text in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"claudeAiOauth":{}}"#,
            r#"{"claudeAiOauth":{"accessToken":""}}"#,
            r#"{"claudeAiOauth":{"accessToken":null}}"#,
            r#"{"claudeAiOauth":"canary"}"#,
        ] {
            let (_home, host) = host_with(Some(text));
            let found = read(&host).unwrap();
            assert!(matches!(found, Found::Unusable { .. }), "{text}");
        }
    }

    #[test]
    fn scenario_41b_a_logout_is_told_from_a_file_that_is_half_written() {
        let blanked = r#"{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}"#;
        let others = r#"{"mcpOAuth":{"x":{"accessToken":"canary-mcp"}}}"#;
        let null = r#"{"claudeAiOauth":null}"#;
        for (text, why) in [
            ("", LOGGED_OUT),
            (" \n", LOGGED_OUT),
            ("{}", LOGGED_OUT),
            (blanked, LOGGED_OUT),
            (others, LOGGED_OUT),
            (null, LOGGED_OUT),
            (&blanked[..blanked.len() - 1], NO_LOGIN),
            (r#"{"claudeAiOauth":{"accessToken":"canary-acc"#, NO_LOGIN),
            (r#"{"claudeAiOauth":"canary"}"#, NO_LOGIN),
        ] {
            assert_eq!(login(text.as_bytes()).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn a_login_says_when_it_ends() {
        for (expires, time) in [("2001000", Some(at(2001))), ("null", None)] {
            let text =
                format!(r#"{{"claudeAiOauth":{{"accessToken":"a","expiresAt":{expires}}}}}"#);
            let (_home, host) = host_with(Some(&text));
            let Found::Login(login) = read(&host).unwrap() else {
                panic!("there is a login");
            };
            assert_eq!(login.expires, time, "{expires}");
        }
    }

    #[test]
    fn scenario_36_the_folder_that_the_user_named_is_read_instead() {
        let (_home, host) = host_with(Some(LOGIN));
        let elsewhere = tempfile::tempdir().unwrap();
        let named = elsewhere.path().to_str().unwrap().to_owned();
        let moved = Host::new(host.home(), "/", [(CONFIG_FOLDER.to_owned(), named)]);
        assert!(matches!(read(&moved).unwrap(), Found::Missing(_)));
        fs::write(elsewhere.path().join(".credentials.json"), LOGIN).unwrap();
        assert!(matches!(read(&moved).unwrap(), Found::Login(_)));
        // It may lead back into the home, and nowhere else.
        let link = elsewhere.path().join(".credentials.json");
        let lead_to = |target: &Path| {
            fs::remove_file(&link).unwrap();
            std::os::unix::fs::symlink(target, &link).unwrap();
            read(&moved)
        };
        let at_home = host.home().join(".claude/.credentials.json");
        assert!(matches!(lead_to(&at_home).unwrap(), Found::Login(_)));
        assert!(lead_to(Path::new("/etc/passwd")).is_err());
    }

    #[test]
    fn scenario_39_only_the_account_is_taken_from_the_hosts_settings() {
        let (home, host) = host_with(None);
        let settings = r#"{"oauthAccount":{"emailAddress":"me@x"},"projects":{"/secret":{}}}"#;
        fs::write(home.path().join(".claude.json"), settings).unwrap();
        let account = account(&host).unwrap();
        assert_eq!(
            Value::Object(account),
            serde_json::json!({"emailAddress": "me@x"})
        );
    }
}
