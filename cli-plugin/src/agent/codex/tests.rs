//! Codex's file, as its owner leaves it and as it is forwarded.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;

/// A login with `ChatGPT` as Codex writes it.
fn session() -> Value {
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": null,
        "tokens": {
            "id_token": jwt::made_of(&json!({"email": "me@example.org"})),
            "access_token": jwt::made_of(&json!({"exp": 1_900_000_000, "canary": "access"})),
            "refresh_token": "canary-refresh",
            "account_id": "account",
        },
        "last_refresh": "2026-01-02T03:04:05.678901234Z",
    })
}

/// A session with the value at `pointer` replaced, or taken out by `None`.
fn with(pointer: &str, value: Option<Value>) -> String {
    let mut file = session();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = file.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
    file.to_string()
}

fn forwarded(login: &FileLogin) -> Value {
    serde_json::from_str(login.content.expose()).unwrap()
}

#[test]
fn scenario_41a_a_session_is_forwarded_without_its_refresh_token() {
    let login = login(session().to_string().as_bytes()).unwrap();
    let mut expected = session();
    expected["tokens"]["refresh_token"] = json!("");
    assert_eq!(forwarded(&login), expected);
    assert!(!login.content.expose().contains("canary-refresh"));
    let end = UNIX_EPOCH + Duration::from_secs(1_900_000_000);
    assert_eq!(login.expires, Some(end));
    assert!(login.lasting, "the whole file renews itself");
    let copied = login.renewing.unwrap();
    let copied: Value = serde_json::from_str(copied.expose()).unwrap();
    assert_eq!(copied, session(), "a copy renews itself, too");
}

#[test]
fn scenario_41a_no_spelling_of_the_key_lets_a_refresh_token_through() {
    let text = session()
        .to_string()
        .replace("\"refresh_token\"", "\"refresh\\u005ftoken\"");
    let read = login(text.as_bytes()).unwrap();
    assert!(!read.content.expose().contains("canary-refresh"));
    let beside = with("/tokens/old_refresh_token", Some(json!("canary-refresh")));
    let read = login(
        beside
            .replace(
                r#""refresh_token":"canary-refresh""#,
                r#""refresh_token":"x""#,
            )
            .as_bytes(),
    );
    assert!(!read.unwrap().content.expose().contains("canary-refresh"));
}

#[test]
fn scenario_28_a_file_by_which_codex_would_send_nothing_is_no_login() {
    let table = [
        (String::new(), LOGGED_OUT),
        ("{".to_owned(), "holds no login"),
        ("[]".to_owned(), "holds no login"),
        ("{}".to_owned(), LOGGED_OUT),
        (
            r#"{"auth_mode":"apikey","OPENAI_API_KEY":" "}"#.to_owned(),
            "holds no API key",
        ),
        (
            r#"{"auth_mode":"apikey","OPENAI_API_KEY":7}"#.to_owned(),
            "holds no API key",
        ),
        (
            with("/auth_mode", Some(json!("agentIdentity"))),
            "holds a login of a kind that is not known here",
        ),
        (with("/tokens", None), LOGGED_OUT),
        (with("/tokens", Some(Value::Null)), LOGGED_OUT),
        (with("/tokens", Some(json!("canary"))), "holds no login"),
        (
            with("/tokens/access_token", Some(json!(""))),
            "holds no access token",
        ),
        (with("/tokens/id_token", None), "holds no id_token"),
        (
            with("/tokens/id_token", Some(json!("opaque"))),
            "holds an id_token that is no JWT",
        ),
        (
            with("/tokens/refresh_token", None),
            "holds no refresh_token, without which Codex sends nothing",
        ),
        (
            with("/last_refresh", None),
            "does not say when the login was last renewed",
        ),
        (
            with("/last_refresh", Some(json!("yesterday"))),
            "does not say when the login was last renewed",
        ),
    ];
    for (text, fault) in table {
        assert_eq!(login(text.as_bytes()).unwrap_err(), fault, "{text}");
    }
}

#[test]
fn a_key_is_forwarded_alone_and_never_ends() {
    for text in [
        r#"{"OPENAI_API_KEY":"canary"}"#.to_owned(),
        r#"{"auth_mode":"apikey","OPENAI_API_KEY":"canary"}"#.to_owned(),
        with("/OPENAI_API_KEY", Some(json!("canary"))).replace("\"chatgpt\"", "\"apikey\""),
    ] {
        let login = login(text.as_bytes()).unwrap();
        let expected = r#"{"auth_mode":"apikey","OPENAI_API_KEY":"canary"}"#;
        assert_eq!(login.content.expose(), expected);
        assert_eq!((login.expires, login.stamp), (None, None));
    }
}

#[test]
fn a_session_beside_a_key_is_forwarded_without_the_key() {
    let text = with("/OPENAI_API_KEY", Some(json!("canary-key")));
    let login = login(text.as_bytes()).unwrap();
    assert!(!login.content.expose().contains("canary-key"));
}

#[test]
fn an_access_token_that_is_no_jwt_does_not_say_when_it_ends() {
    let text = with("/tokens/access_token", Some(json!("opaque")));
    assert_eq!(login(text.as_bytes()).unwrap().expires, None);
}

#[test]
fn scenario_38_a_session_that_was_renewed_later_is_newer() {
    let earlier = login(session().to_string().as_bytes()).unwrap();
    let later = with("/last_refresh", Some(json!("2026-01-02T05:04:05.7+01:00")));
    let later = login(later.as_bytes()).unwrap();
    assert!(later.stamp > earlier.stamp);
}

#[test]
fn scenario_38_a_file_without_a_refresh_token_is_of_no_use_after_its_end() {
    let text = with("/tokens/refresh_token", Some(json!("")));
    let login = login(text.as_bytes()).unwrap();
    let end = login.expires.unwrap();
    assert!(login.is_of_use(end - Duration::from_secs(1)));
    assert!(!login.is_of_use(end));
}

#[test]
fn scenario_34_a_key_is_in_its_file_and_its_variable_and_its_rivals_go() {
    let payload = api_key(&" key\n".into(), &Setting::default()).unwrap();
    assert_eq!(payload.env[0].name.as_str(), "OPENAI_API_KEY");
    assert_eq!(payload.env[0].value.expose(), "key");
    let alone = payload.without_variables().unwrap();
    assert_eq!(alone.files, payload.files, "the file says the same");
    assert_eq!(payload.unset, environment::names(&ABOVE_THE_FILE));
    let [file] = payload.files.as_slice() else {
        panic!("one file");
    };
    assert_eq!(file.place, CREDENTIALS.in_container());
    let Delivery::Bind { content } = &file.delivery else {
        panic!("a secret");
    };
    let expected = r#"{"auth_mode":"apikey","OPENAI_API_KEY":"key"}"#;
    assert_eq!(content.expose(), expected);
    assert!(login(content.expose().as_bytes()).is_ok());
}

#[test]
fn a_trusted_folder_is_appended_to_the_settings_as_toml() {
    let setting = Setting {
        trusted: vec!["/workspace".to_owned(), "/a \"b\"\\c\n".to_owned()],
        ..Setting::default()
    };
    let payload = sync(Secret::new("{}".into()), &setting);
    assert_eq!(payload.files.len(), 3);
    for (file, folder) in payload.files[1..].iter().zip(&setting.trusted) {
        assert_eq!(file.place, SETTINGS.in_container());
        let Delivery::AppendText { text, unless } = &file.delivery else {
            panic!("a seed");
        };
        let settings: toml::Table = text.parse().unwrap();
        let projects = settings["projects"].as_table().unwrap();
        assert_eq!(projects[folder]["trust_level"].as_str(), Some("trusted"));
        assert!(text.contains(unless), "said once, it is not said again");
    }
    assert_eq!(sync(Secret::default(), &Setting::default()).files.len(), 1);
}

#[test]
fn scenario_27_a_login_in_the_keyring_is_told_from_a_missing_one() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(home.path(), "/", []);
    assert!(matches!(host_login(&host).unwrap(), Found::Missing(_)));
    fs::create_dir(home.path().join(".codex")).unwrap();
    let settings = home.path().join(".codex/config.toml");
    for (store, keyring) in [("keyring", true), ("auto", true), ("file", false)] {
        fs::write(
            &settings,
            format!("cli_auth_credentials_store = \"{store}\""),
        )
        .unwrap();
        let found = host_login(&host).unwrap();
        assert_eq!(matches!(found, Found::Unusable { .. }), keyring, "{store}");
    }
    fs::write(home.path().join(".codex/auth.json"), session().to_string()).unwrap();
    assert!(matches!(host_login(&host).unwrap(), Found::Login(_)));
}
