//! Codex: what each mode puts into a container, and what the host has.
//!
//! What the program sends, for which file and which variables, was measured
//! with its own binary (0.169.0) against a stand-in of the API.

mod renewal;

use std::time::SystemTime;

use jackin_oci_hook::payload::{CredentialFile, Delivery, Payload, Without};
use jackin_oci_hook::secret::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::host_file::HostFileError;
use super::json::{self, Object};
use super::login::{
    Fault, FileLogin, Found, LOGGED_OUT, NO_LOGIN, NoVariable, Origin, Setting, fault_of,
};
use super::own_file::OwnFile;
use super::{Description, environment, jwt};
use crate::auth::refresh::Refresh;
use crate::host::Host;

/// Carries the key of the mode `api_key`. Codex itself does not read it: that
/// key must stand in its file. Programs that it starts do.
pub const API_KEY: &str = "OPENAI_API_KEY";
/// Outranks the file in `codex exec`.
const EXEC_KEY: &str = "CODEX_API_KEY";
/// Outranks the file everywhere; a useless one leaves Codex with nothing.
const ACCESS_TOKEN: &str = "CODEX_ACCESS_TOKEN";
/// Names a workload's identity, which outranks the file.
const IDENTITY: &str = "OPENAI_IDENTITY_TOKEN_FILE";
/// Says which rule such an identity is judged by.
const IDENTITY_RULE: &str = "OPENAI_FEDERATION_RULE_ID";

/// What the file yields to, and what moves the addresses that a refresh token
/// is sent to, which an image has no business with.
const ABOVE_THE_FILE: [&str; 7] = [
    EXEC_KEY,
    ACCESS_TOKEN,
    IDENTITY,
    IDENTITY_RULE,
    "CODEX_REFRESH_TOKEN_URL_OVERRIDE",
    "CODEX_REVOKE_TOKEN_URL_OVERRIDE",
    "CODEX_AUTHAPI_BASE_URL",
];

/// What Codex is.
pub const DESCRIPTION: Description = Description {
    word: "codex",
    program: "codex",
    key_variable: API_KEY,
    credential_variables: &[API_KEY, EXEC_KEY, ACCESS_TOKEN, IDENTITY],
    place_variables: &[FOLDER],
    credential_file: CREDENTIALS,
    log_in: "codex login",
    // `codex login status` renews nothing; any session does.
    renew: "codex",
    renewal: Some(renewal::RENEWAL),
    // It reads the file again before its token ends and after a 401, and goes
    // on in the same turn. It keeps the account it was started with.
    refresh: Refresh::Live,
    // It only renames. What it got is lost at once: its own next request, and
    // everybody's next renewal, is refused.
    renews_a_copy: false,
};

/// Moves all of Codex's files into another folder.
const FOLDER: &str = "CODEX_HOME";

const CREDENTIALS: OwnFile = OwnFile {
    at_home: ".codex/auth.json",
    variable: FOLDER,
    in_folder: "auth.json",
};

const SETTINGS: OwnFile = OwnFile {
    at_home: ".codex/config.toml",
    variable: FOLDER,
    in_folder: "config.toml",
};

/// The largest credentials file that is read, in bytes. A real one has five
/// thousand, most of them its two JWTs.
const CREDENTIALS_LIMIT: u64 = 256 << 10;

/// The largest settings file that is read, in bytes.
const SETTINGS_LIMIT: u64 = 4 << 20;

/// Reads Codex's login on this host.
///
/// # Errors
/// There is a file, and it cannot or must not be read.
pub fn host_login(host: &Host) -> Result<Found, HostFileError> {
    let origin = Origin::File(CREDENTIALS.on(host));
    Ok(match CREDENTIALS.read(host, CREDENTIALS_LIMIT)? {
        Some(bytes) => Found::at(origin, login(&bytes)),
        None if uses_keyring(host) => Found::Unusable {
            origin: Origin::File(SETTINGS.on(host)),
            why: "has Codex keep its login in the system's keyring, which is not read \
                  (set cli_auth_credentials_store = \"file\" in it)",
        },
        None => Found::Missing(origin),
    })
}

/// Whether the user has Codex keep its login elsewhere than in its file. The
/// settings are asked for nothing else, so trouble with them is none here.
fn uses_keyring(host: &Host) -> bool {
    #[derive(Deserialize)]
    struct Settings {
        cli_auth_credentials_store: Option<String>,
    }
    let bytes = SETTINGS.read(host, SETTINGS_LIMIT).ok().flatten();
    let settings = bytes.and_then(|bytes| toml::from_slice::<Settings>(&bytes).ok());
    let store = settings.and_then(|settings| settings.cli_auth_credentials_store);
    store.is_some_and(|store| matches!(store.as_str(), "keyring" | "auto"))
}

/// The login in a credentials file.
///
/// # Errors
/// It holds none by which Codex would send anything.
pub fn login(bytes: &[u8]) -> Result<FileLogin, Fault> {
    let file = json::object(bytes).ok_or_else(|| fault_of(bytes))?;
    let mode = json::field::<String>(&file, "auth_mode");
    let key = json::text(&file, API_KEY);
    match (mode.as_deref(), key) {
        (Some("apikey") | None, Some(key)) => of_key(&key),
        (Some("chatgpt"), _) | (None, None) => of_session(&file),
        (Some("apikey"), None) => Err("holds no API key"),
        (Some(_), _) => Err("holds a login of a kind that is not known here"),
    }
}

fn of_key(key: &Secret) -> Result<FileLogin, Fault> {
    Ok(FileLogin {
        content: key_file(key.expose()).ok_or(NO_LOGIN)?,
        renewing: None,
        expires: None,
        stamp: None,
        lasting: true,
    })
}

/// The file as `codex login --with-api-key` writes it.
fn key_file(key: &str) -> Option<Secret> {
    #[derive(Serialize)]
    struct File<'a> {
        auth_mode: &'static str,
        #[serde(rename = "OPENAI_API_KEY")]
        key: &'a str,
    }
    json::secret(&File {
        auth_mode: "apikey",
        key,
    })
}

/// A login with `ChatGPT`.
fn of_session(file: &Object<'_>) -> Result<FileLogin, Fault> {
    let whole = file.get("tokens").filter(|tokens| tokens.get() != "null");
    let whole: &RawValue = whole.ok_or(LOGGED_OUT)?;
    let tokens = json::object(whole.get()).ok_or(NO_LOGIN)?;
    let access = json::text(&tokens, "access_token").ok_or("holds no access token")?;
    let identity = json::text(&tokens, "id_token").ok_or("holds no id_token")?;
    jwt::claims(identity.expose()).ok_or("holds an id_token that is no JWT")?;
    let refresh = json::field::<Secret>(&tokens, REFRESH_TOKEN);
    let refresh = refresh.ok_or("holds no refresh_token, without which Codex sends nothing")?;
    let renewed = renewed(file).ok_or("does not say when the login was last renewed")?;
    let expires = jwt::claims(access.expose()).and_then(|claims| claims.expires);
    let lasting = !refresh.expose().trim().is_empty();
    let renewing = lasting.then(|| forwarded(file, whole).ok_or(NO_LOGIN));
    let tokens = without_refresh_token(tokens).ok_or(NO_LOGIN)?;
    let tokens = serde_json::from_str(tokens.expose()).map_err(|_| NO_LOGIN)?;
    Ok(FileLogin {
        content: forwarded(file, tokens).ok_or(NO_LOGIN)?,
        renewing: renewing.transpose()?,
        expires,
        stamp: Some(renewed),
        lasting,
    })
}

const REFRESH_TOKEN: &str = "refresh_token";

/// When the login was last renewed. Without it no Authorization is sent,
/// although `codex login status` says otherwise.
fn renewed(file: &Object<'_>) -> Option<SystemTime> {
    let text = json::field::<String>(file, "last_refresh")?;
    Some(text.parse::<jiff::Timestamp>().ok()?.into())
}

/// The tokens without what renews them. The refresh token must stand there, and
/// may be empty: then none is ever sent.
fn without_refresh_token(mut tokens: Object<'_>) -> Option<Secret> {
    json::drop_refresh_tokens(&mut tokens);
    tokens.insert(REFRESH_TOKEN.into(), json::empty_text()?);
    json::secret(&tokens)
}

/// The login with these tokens, and without a key beside them.
fn forwarded(file: &Object<'_>, tokens: &RawValue) -> Option<Secret> {
    let mut forwarded = Object::from([("tokens".into(), tokens)]);
    for (name, value) in file {
        let kept = match name.as_ref() {
            "auth_mode" | "last_refresh" => true,
            API_KEY => value.get() == "null",
            _ => false,
        };
        if kept {
            forwarded.insert(name.clone(), value);
        }
    }
    json::secret(&forwarded)
}

/// The payload of `sync`: this credentials file, and no variable above it.
pub fn sync(content: Secret, setting: &Setting) -> Payload {
    Payload {
        unset: environment::names(&ABOVE_THE_FILE),
        files: files(content, setting),
        ..Payload::default()
    }
}

/// The payload of `api_key`: the key in its file and in its variable, which
/// Codex itself does not miss.
///
/// # Errors
/// The key cannot be a variable's value.
pub fn api_key(key: &SecretString, setting: &Setting) -> Result<Payload, NoVariable> {
    let key = key.expose_secret().trim();
    let content = key_file(key).ok_or(NoVariable(API_KEY))?;
    Ok(Payload {
        env: vec![environment::variable(API_KEY, key, Without::Needless)?],
        unset: environment::names(&ABOVE_THE_FILE),
        files: files(content, setting),
    })
}

/// The key in the file that a container was given.
pub fn key_in(file: &str) -> Option<SecretString> {
    let key = json::text(&json::object(file)?, API_KEY)?;
    Some(key.expose().into())
}

fn files(content: Secret, setting: &Setting) -> Vec<CredentialFile> {
    let credentials = CredentialFile {
        place: CREDENTIALS.in_container(),
        delivery: Delivery::Bind { content },
    };
    let trusted = setting.trusted.iter().map(|folder| trust(folder));
    std::iter::once(credentials).chain(trusted).collect()
}

/// The user's word that a folder is trusted, unless the settings in the
/// container say anything of that folder already.
fn trust(folder: &str) -> CredentialFile {
    let key = toml_string(folder);
    CredentialFile {
        place: SETTINGS.in_container(),
        delivery: Delivery::AppendText {
            text: format!("\n[projects.{key}]\ntrust_level = \"trusted\"\n"),
            unless: key,
        },
    }
}

/// A basic string of TOML, which is also a quoted key.
fn toml_string(text: &str) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => {
                quoted.extend(format!("\\u{:04X}", u32::from(char)).chars());
            }
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

#[cfg(test)]
#[path = "codex/tests.rs"]
mod tests;
