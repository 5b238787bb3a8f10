//! Claude Code: what each mode puts into a container, and what the host has.
//!
//! What the program reads, in which order, and what it asks at its first start
//! was measured with its own binary (2.1.330) against a stand-in of the API.

mod host_login;
mod keychain;

use std::time::Duration;

use jackin_oci_hook::payload::{CredentialFile, Delivery, Payload, Variable, Without};
use jackin_oci_hook::secret::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use host_login::{account, login, read as read_host_login};
pub use keychain::KeychainError;

use super::login::{NoVariable, Setting};
use super::own_file::OwnFile;
use super::{Description, Renewal, WhenRefused, environment, json};
use crate::auth::refresh::Refresh;

/// The name of no MCP server. To look it up Claude waits for its login to be
/// renewed, and starts nothing. `claude auth status` begins to renew it, too,
/// but ends without waiting: on a busy machine one in three did nothing, and an
/// answer that took longer than 8 s was lost, and with it the login.
const NO_SERVER: &str = "docker-jackin-renews-a-login";

/// Without a model's turn, an MCP server, a hook, or a session that is kept. A
/// token that is good stays as it is; one that is refused is renewed. Whoever
/// keeps it from "nonessential traffic" keeps it from that, too. (2.1.330, which
/// waited 25 s for the vendor's answer and kept it.)
const ASK_FOR_THE_COST: [&str; 6] = [
    "-p",
    "/cost",
    "--strict-mcp-config",
    "--no-session-persistence",
    "--settings",
    r#"{"disableAllHooks":true}"#,
];

/// Outranks every other source.
pub const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";
/// Carries the credential of the mode `api_key`.
pub const API_KEY: &str = "ANTHROPIC_API_KEY";
/// Carries the credential of the mode `oauth_token`.
pub const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";
/// Names a file descriptor with a key, and outranks every OAuth token.
pub const API_KEY_DESCRIPTOR: &str = "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR";
/// Names a file descriptor with a token, and outranks the credentials file.
pub const OAUTH_TOKEN_DESCRIPTOR: &str = "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR";
/// Renews a token by itself, at the start of a session.
const REFRESH_TOKEN: &str = "CLAUDE_CODE_OAUTH_REFRESH_TOKEN";
/// Says what a token in a variable is good for: with other scopes than Claude
/// wants, it does not send the token at all.
const OAUTH_SCOPES: &str = "CLAUDE_CODE_OAUTH_SCOPES";
/// A workload's identity, in the variable or in the file that it names.
const IDENTITY: &str = "ANTHROPIC_IDENTITY_TOKEN";
const IDENTITY_FILE: &str = "ANTHROPIC_IDENTITY_TOKEN_FILE";
/// Without it such an identity counts for nothing; with it, it outranks the
/// credentials file, and neither a token nor a key in a variable.
const IDENTITY_RULE: &str = "ANTHROPIC_FEDERATION_RULE_ID";
/// Names one of the logins in a folder of profiles.
const PROFILE: &str = "ANTHROPIC_PROFILE";
/// Moves the credentials file alone, away from where a login is bound.
const CREDENTIALS_FOLDER: &str = "CLAUDE_SECURESTORAGE_CONFIG_DIR";
/// Moves both of Claude's files into another folder.
pub const CONFIG_FOLDER: &str = "CLAUDE_CONFIG_DIR";

/// What a host's login in its file yields to.
const ABOVE_THE_FILE: [&str; 8] = [
    AUTH_TOKEN,
    API_KEY,
    API_KEY_DESCRIPTOR,
    OAUTH_TOKEN,
    OAUTH_TOKEN_DESCRIPTOR,
    CREDENTIALS_FOLDER,
    PROFILE,
    IDENTITY_RULE,
];

/// What a long-lived token yields to: in its variable to the first four, and in
/// the credentials file, where no variable can be set, to the others, too.
pub const ABOVE_THE_TOKEN: [&str; 8] = [
    AUTH_TOKEN,
    API_KEY,
    API_KEY_DESCRIPTOR,
    OAUTH_SCOPES,
    OAUTH_TOKEN_DESCRIPTOR,
    CREDENTIALS_FOLDER,
    PROFILE,
    IDENTITY_RULE,
];

/// What is sent together with an API key, or could be taken for it.
const ABOVE_THE_KEY: [&str; 2] = [AUTH_TOKEN, OAUTH_TOKEN];

/// What Claude Code is. The keys of other clouds are not among its variables:
/// they count only where the user has also chosen that cloud by a variable.
pub const DESCRIPTION: Description = Description {
    word: "claude",
    program: "claude",
    key_variable: API_KEY,
    credential_variables: &[
        AUTH_TOKEN,
        API_KEY,
        API_KEY_DESCRIPTOR,
        OAUTH_TOKEN,
        OAUTH_TOKEN_DESCRIPTOR,
        REFRESH_TOKEN,
        IDENTITY,
        IDENTITY_FILE,
    ],
    place_variables: &[CONFIG_FOLDER],
    credential_file: CREDENTIALS,
    log_in: "claude",
    renew: "claude auth status",
    renewal: Some(Renewal {
        program: "claude",
        arguments: &["mcp", "get", NO_SERVER],
        // It does nothing as long as more than 5 minutes are left.
        ahead: Duration::from_secs(240),
        dialogue: None,
        when_refused: Some(WhenRefused {
            arguments: &ASK_FOR_THE_COST,
            margin: Duration::from_secs(300),
        }),
    }),
    // It reads a login that was replaced with its next request, and between the
    // two tries of one that got a 401.
    refresh: Refresh::Live,
    // It writes in place where it cannot rename.
    renews_a_copy: true,
};

/// Its login.
pub const CREDENTIALS: OwnFile = OwnFile {
    at_home: ".claude/.credentials.json",
    variable: CONFIG_FOLDER,
    in_folder: ".credentials.json",
};

/// What it remembers, such as that it has been started before.
pub const SETTINGS: OwnFile = OwnFile {
    at_home: ".claude.json",
    variable: CONFIG_FOLDER,
    in_folder: ".claude.json",
};

/// A key at most this long is not approved beforehand: its last 20 characters
/// stand in the approval, which lies in the container's layer.
const SHORTEST_APPROVED_KEY: usize = 41;

/// The payload of `sync`: this login, and no variable above it.
pub fn sync(content: Secret, account: Option<Map<String, Value>>, setting: &Setting) -> Payload {
    let mut seed = onboarded(setting);
    if let Some(account) = account {
        seed.insert("oauthAccount".to_owned(), Value::Object(account));
    }
    Payload {
        unset: environment::names(&ABOVE_THE_FILE),
        files: vec![credentials(content), seed_file(seed)],
        ..Payload::default()
    }
}

/// The payload of `api_key`. Nothing stands for the variable: Claude reads a
/// key from no file that can be bound. `primaryApiKey` lies in a file that it
/// rewrites all the time, and would stay in the container's layer; and
/// `apiKeyHelper` is a program that the image would have to bring.
///
/// # Errors
/// The key cannot be a variable's value.
pub fn api_key(key: &SecretString, setting: &Setting) -> Result<Payload, NoVariable> {
    let mut seed = onboarded(setting);
    if let Some(suffix) = approved_suffix(key.expose_secret().trim()) {
        let approval = json!({ "approved": [suffix], "rejected": [] });
        seed.insert("customApiKeyResponses".to_owned(), approval);
    }
    let variable = environment::variable(API_KEY, key.expose_secret(), Without::Nothing)?;
    Ok(with_variable(variable, &ABOVE_THE_KEY, seed))
}

/// The payload of `oauth_token`.
///
/// # Errors
/// The token cannot be a variable's value.
pub fn oauth_token(token: &SecretString, setting: &Setting) -> Result<Payload, NoVariable> {
    let token = token.expose_secret().trim();
    let content = token_file(token).ok_or(NoVariable(OAUTH_TOKEN))?;
    let variable = environment::variable(OAUTH_TOKEN, token, Without::File(credentials(content)))?;
    Ok(with_variable(
        variable,
        &ABOVE_THE_TOKEN,
        onboarded(setting),
    ))
}

fn with_variable(variable: Variable, rivals: &[&str], seed: Map<String, Value>) -> Payload {
    Payload {
        env: vec![variable],
        unset: environment::names(rivals),
        files: vec![seed_file(seed)],
    }
}

/// A token as a login in the credentials file. Without a refresh token Claude
/// never tries to renew it, and the scope lets it be sent at all.
fn token_file(token: &str) -> Option<Secret> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Login<'a> {
        access_token: &'a str,
        refresh_token: Option<&'a str>,
        expires_at: Option<u64>,
        scopes: [&'static str; 1],
    }
    let login = Login {
        access_token: token,
        refresh_token: None,
        expires_at: None,
        scopes: ["user:inference"],
    };
    json::secret(&std::collections::BTreeMap::from([(
        "claudeAiOauth",
        login,
    )]))
}

fn credentials(content: Secret) -> CredentialFile {
    CredentialFile {
        place: CREDENTIALS.in_container(),
        delivery: Delivery::Bind { content },
    }
}

/// The last 20 characters of a key, by which Claude knows an approved one.
fn approved_suffix(key: &str) -> Option<&str> {
    if key.chars().count() < SHORTEST_APPROVED_KEY {
        return None;
    }
    let (start, _) = key.char_indices().rev().nth(19)?;
    Some(&key[start..])
}

/// Without the flag the first start asks for a theme and a login; a folder
/// that is not trusted is asked about, and the answer at hand is "no, exit".
fn onboarded(setting: &Setting) -> Map<String, Value> {
    let mut seed = Map::new();
    seed.insert("hasCompletedOnboarding".to_owned(), Value::Bool(true));
    if !setting.trusted.is_empty() {
        let trusted = json!({ "hasTrustDialogAccepted": true });
        let folders = setting.trusted.iter();
        let projects = folders.map(|folder| (folder.clone(), trusted.clone()));
        seed.insert("projects".to_owned(), Value::Object(projects.collect()));
    }
    seed
}

fn seed_file(object: Map<String, Value>) -> CredentialFile {
    CredentialFile {
        place: SETTINGS.in_container(),
        delivery: Delivery::MergeJson { object },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackin_oci_hook::payload::VariableName;

    fn seed_of(payload: &Payload) -> Value {
        payload
            .files
            .iter()
            .find_map(|file| match &file.delivery {
                Delivery::MergeJson { object } => Some(Value::Object(object.clone())),
                Delivery::Bind { .. } | Delivery::Live { .. } | Delivery::AppendText { .. } => None,
            })
            .unwrap()
    }

    fn unset(payload: &Payload) -> Vec<&str> {
        payload.unset.iter().map(VariableName::as_str).collect()
    }

    #[test]
    fn scenario_33_a_token_is_a_variable_and_its_rivals_go() {
        let payload = oauth_token(&" tok \n".into(), &Setting::default()).unwrap();
        assert_eq!(payload.env[0].name.as_str(), OAUTH_TOKEN);
        assert_eq!(payload.env[0].value.expose(), "tok");
        let above = [
            "ANTHROPIC_AUTH_TOKEN",
            "ANTHROPIC_API_KEY",
            "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
            "CLAUDE_CODE_OAUTH_SCOPES",
            "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
            "CLAUDE_SECURESTORAGE_CONFIG_DIR",
            "ANTHROPIC_PROFILE",
            "ANTHROPIC_FEDERATION_RULE_ID",
        ];
        assert_eq!(unset(&payload), above);
        assert_eq!(seed_of(&payload), json!({"hasCompletedOnboarding": true}));
    }

    #[test]
    fn scenario_33_where_no_variable_can_be_set_a_token_is_a_login_that_is_never_renewed() {
        let payload = oauth_token(&" tok \n".into(), &Setting::default()).unwrap();
        let alone = payload.without_variables().unwrap();
        assert_eq!(seed_of(&alone), seed_of(&payload));
        let bound = |file: &CredentialFile| {
            let content = file.delivery.secret()?;
            Some((file.place.clone(), content.expose().to_owned()))
        };
        let (place, content) = alone.files.iter().find_map(bound).unwrap();
        assert_eq!(place, CREDENTIALS.in_container());
        assert_eq!(
            content,
            r#"{"claudeAiOauth":{"accessToken":"tok","refreshToken":null,"expiresAt":null,"scopes":["user:inference"]}}"#
        );
        for above in ABOVE_THE_FILE.iter().filter(|name| **name != OAUTH_TOKEN) {
            assert!(unset(&payload).contains(above), "{above}");
        }
    }

    #[test]
    fn scenario_34_where_no_variable_can_be_set_a_key_is_refused_by_its_name() {
        let payload = api_key(&"key".into(), &Setting::default()).unwrap();
        let missed = payload.without_variables().unwrap_err();
        assert_eq!(missed, environment::names(&[API_KEY]));
    }

    #[test]
    fn scenario_34_a_long_key_is_approved_by_its_suffix_and_a_short_one_is_not() {
        let long = format!("sk-ant-api03-{}", "0123456789".repeat(4));
        let payload = api_key(&long.as_str().into(), &Setting::default()).unwrap();
        let above = ["ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
        assert_eq!(unset(&payload), above);
        assert_eq!(
            seed_of(&payload)["customApiKeyResponses"]["approved"],
            json!(["01234567890123456789"])
        );
        let shortest = "x".repeat(41);
        assert_eq!(approved_suffix(&shortest), Some(&shortest[21..]));
        let short = "x".repeat(40);
        let payload = api_key(&short.as_str().into(), &Setting::default()).unwrap();
        assert_eq!(seed_of(&payload), json!({"hasCompletedOnboarding": true}));
    }

    #[test]
    fn scenario_35_a_host_login_is_a_bound_file_without_rivals() {
        let payload = sync(Secret::new("{}".into()), None, &Setting::default());
        let above = [
            "ANTHROPIC_AUTH_TOKEN",
            "ANTHROPIC_API_KEY",
            "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
            "CLAUDE_SECURESTORAGE_CONFIG_DIR",
            "ANTHROPIC_PROFILE",
            "ANTHROPIC_FEDERATION_RULE_ID",
        ];
        assert_eq!(unset(&payload), above);
        assert!(payload.env.is_empty());
        assert_eq!(payload.files[0].place, CREDENTIALS.in_container());
    }
}
