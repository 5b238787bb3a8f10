//! OpenCode: what each mode puts into a container, and what the host has.
//!
//! What the program sends, for which file and which variables, was measured
//! with its own binary (1.18.33) against stand-ins of the APIs.

use std::time::SystemTime;

use jackin_oci_hook::payload::{CredentialFile, Delivery, Payload, Without};
use jackin_oci_hook::secret::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;

use super::host_file::HostFileError;
use super::json::{self, Object};
use super::login::{
    Fault, FileLogin, Found, LOGGED_OUT, NO_LOGIN, NoVariable, Origin, Setting, fault_of,
};
use super::own_file::OwnFile;
use super::{Description, environment};
use crate::auth::refresh::Refresh;
use crate::host::Host;

/// Carries a key of OpenCode's own provider.
const API_KEY: &str = "OPENCODE_API_KEY";
/// Holds a whole credentials file, and is read in place of it.
const AUTH_CONTENT: &str = "OPENCODE_AUTH_CONTENT";
/// Carries the token of an account of OpenCode's console.
const CONSOLE_TOKEN: &str = "OPENCODE_CONSOLE_TOKEN";

/// OpenCode's own provider: whose key `api_key` is by default.
pub const OWN_PROVIDER: &str = "opencode";

/// What OpenCode is.
pub const DESCRIPTION: Description = Description {
    word: "opencode",
    program: "opencode",
    key_variable: API_KEY,
    credential_variables: &[API_KEY, AUTH_CONTENT, CONSOLE_TOKEN],
    place_variables: &[CREDENTIALS.variable],
    credential_file: CREDENTIALS,
    log_in: "opencode auth login",
    // It renews a login with the request that needs it.
    renew: "opencode",
    renewal: None,
    // A session is read from the file with each request; keys are when it
    // starts, and do not end.
    refresh: Refresh::Live,
    // It writes in place.
    renews_a_copy: true,
};

const CREDENTIALS: OwnFile = OwnFile {
    at_home: ".local/share/opencode/auth.json",
    variable: "XDG_DATA_HOME",
    in_folder: "opencode/auth.json",
};

/// The largest credentials file that is read, in bytes.
const CREDENTIALS_LIMIT: u64 = 256 << 10;

/// Reads OpenCode's logins on this host.
///
/// # Errors
/// There is a file, and it cannot or must not be read.
pub fn host_login(host: &Host) -> Result<Found, HostFileError> {
    let origin = Origin::File(CREDENTIALS.on(host));
    let bytes = CREDENTIALS.read(host, CREDENTIALS_LIMIT)?;
    Ok(match bytes {
        Some(bytes) => Found::at(origin, login(&bytes)),
        None => Found::Missing(origin),
    })
}

/// The logins in a credentials file, one for each provider. An entry that
/// OpenCode itself would pass over is left out.
///
/// # Errors
/// It holds none.
pub fn login(bytes: &[u8]) -> Result<FileLogin, Fault> {
    let file = json::object(bytes).ok_or_else(|| fault_of(bytes))?;
    if file.is_empty() {
        return Err(LOGGED_OUT);
    }
    let entries: Vec<_> = file
        .iter()
        .filter_map(|(provider, entry)| Some((provider.as_ref(), Entry::read(provider, entry)?)))
        .collect();
    if entries.is_empty() {
        return Err(NO_LOGIN);
    }
    let renewing = entries.iter().any(|(_, entry)| entry.renewing.is_some());
    let renewing = renewing.then(|| {
        written(&entries, |entry| {
            entry.renewing.as_ref().unwrap_or(&entry.forwarded)
        })
    });
    let ends = entries.iter().filter(|(provider, _)| *provider != UNUSED);
    Ok(FileLogin {
        content: written(&entries, |entry| &entry.forwarded)?,
        renewing: renewing.transpose()?,
        expires: ends.filter_map(|(_, entry)| entry.expires).min(),
        stamp: None,
        lasting: entries.iter().any(|(_, entry)| entry.lasting),
    })
}

/// The file with these entries, each in the form that is chosen.
fn written(entries: &[(&str, Entry)], form: impl Fn(&Entry) -> &Secret) -> Result<Secret, Fault> {
    let mut file = Object::new();
    for (provider, entry) in entries {
        let raw = serde_json::from_str(form(entry).expose());
        file.insert((*provider).into(), raw.map_err(|_| NO_LOGIN)?);
    }
    json::secret(&file).ok_or(NO_LOGIN)
}

/// The provider whose sessions OpenCode lists and does not use: their end is
/// no end of its login.
const UNUSED: &str = "anthropic";

/// What the provider's name begins with whose session is one lasting token of
/// GitHub's, sent from the field `refresh`, whatever `access` holds.
const COPILOT: &str = "github-copilot";

/// One provider's login.
struct Entry {
    /// The entry, less what renews it.
    forwarded: Secret,
    /// The entry with what renews it, where something does.
    renewing: Option<Secret>,
    expires: Option<SystemTime>,
    lasting: bool,
}

impl Entry {
    fn read(provider: &str, entry: &RawValue) -> Option<Self> {
        let fields = json::object(entry.get())?;
        let has = |name: &str| json::text(&fields, name).is_some();
        let whole = || Self {
            forwarded: Secret::new(entry.get().to_owned()),
            renewing: None,
            expires: None,
            lasting: true,
        };
        match json::field::<String>(&fields, "type")?.as_str() {
            "api" => has("key").then(whole),
            "wellknown" => (has("key") && has("token")).then(whole),
            "oauth" if provider.starts_with(COPILOT) => has("refresh").then(whole),
            "oauth" => Self::session(provider, entry, fields),
            _ => None,
        }
    }

    /// A session, without what renews it. The field must stand there: without
    /// it OpenCode passes over the whole entry.
    fn session(provider: &str, entry: &RawValue, mut fields: Object<'_>) -> Option<Self> {
        json::text(&fields, "access")?;
        let expires = json::field::<f64>(&fields, "expires")?;
        let refresh = json::field::<Secret>(&fields, "refresh")?;
        let lasting = !refresh.expose().trim().is_empty();
        json::drop_refresh_tokens(&mut fields);
        fields.insert("refresh".into(), json::empty_text()?);
        Some(Self {
            forwarded: json::secret(&fields)?,
            // What is not used is not renewed either.
            renewing: (lasting && provider != UNUSED).then(|| Secret::new(entry.get().to_owned())),
            expires: json::time_of_milliseconds(expires),
            lasting,
        })
    }
}

/// The payload of `sync`: these credentials, and no variable above them.
pub fn sync(content: Secret) -> Payload {
    Payload {
        unset: environment::names(&[AUTH_CONTENT]),
        files: vec![credentials(content)],
        ..Payload::default()
    }
}

/// The payload of `api_key`: the key of one provider, in the file. A variable
/// such as `ANTHROPIC_API_KEY` would reach other agents as well; OpenCode's own
/// says no more than the file does.
///
/// # Errors
/// The key cannot be a variable's value.
pub fn api_key(key: &SecretString, setting: &Setting) -> Result<Payload, NoVariable> {
    #[derive(Serialize)]
    struct Entry<'a> {
        r#type: &'static str,
        key: &'a str,
    }
    let provider = setting.provider.as_deref().unwrap_or(OWN_PROVIDER);
    let key = key.expose_secret().trim();
    let entry = Entry { r#type: "api", key };
    let file = std::collections::BTreeMap::from([(provider, entry)]);
    let content = json::secret(&file).ok_or(NoVariable(API_KEY))?;
    let own = provider == OWN_PROVIDER;
    let variable = own.then(|| environment::variable(API_KEY, key, Without::Needless));
    Ok(Payload {
        env: variable.transpose()?.into_iter().collect(),
        unset: environment::names(&[AUTH_CONTENT]),
        files: vec![credentials(content)],
    })
}

fn credentials(content: Secret) -> CredentialFile {
    CredentialFile {
        place: CREDENTIALS.in_container(),
        delivery: Delivery::Bind { content },
    }
}

/// The operator variable that a provider's key is called by; `None` for one
/// that has no such name here, whose key stands in the slot alone.
pub fn variable_of(provider: &str) -> Option<&'static str> {
    match provider {
        OWN_PROVIDER => Some(API_KEY),
        "anthropic" => Some(super::claude::API_KEY),
        "openai" => Some(super::codex::API_KEY),
        _ => None,
    }
}

/// The key of a provider, from the file that a container was given.
pub fn key_in(content: &str, provider: &str) -> Option<SecretString> {
    let file = json::object(content)?;
    let entry: &RawValue = file.get(provider)?;
    let key = json::text(&json::object(entry.get())?, "key")?;
    Some(key.expose().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn forwarded(text: &str) -> String {
        let login = login(text.as_bytes()).unwrap();
        login.content.expose().to_owned()
    }

    #[test]
    fn scenario_26_keys_and_well_known_logins_keep_their_bytes() {
        let text = r#"{"a":{"type":"api","key":"c\u0061nary","metadata":{"x":"y"}},"b":{"type":"wellknown","key":"NAME","token":"t"}}"#;
        assert_eq!(forwarded(text), text);
    }

    #[test]
    fn scenario_41a_a_sessions_refresh_token_is_emptied_and_all_else_stays() {
        let text = r#"{"openai":{"type":"oauth","refr\u0065sh":"canary-refresh","access":"a\u0062","expires":1900000000000,"accountId":"x","oldRefresh":"canary-refresh"}}"#;
        let expected = r#"{"openai":{"access":"a\u0062","accountId":"x","expires":1900000000000,"refresh":"","type":"oauth"}}"#;
        assert_eq!(forwarded(text), expected);
    }

    #[test]
    fn a_copy_has_what_renews_the_sessions_that_are_used() {
        let session = r#"{"type":"oauth","refresh":"canary-refresh","access":"a","expires":1}"#;
        let key = r#"{"type":"api","key":"k"}"#;
        let text = format!(r#"{{"anthropic":{session},"k":{key},"openai":{session}}}"#);
        let unused = r#"{"access":"a","expires":1,"refresh":"","type":"oauth"}"#;
        let expected = format!(r#"{{"anthropic":{unused},"k":{key},"openai":{session}}}"#);
        let copied = login(text.as_bytes()).unwrap().renewing.unwrap();
        assert_eq!(copied.expose(), expected);
        for lasting in [
            &format!(r#"{{"k":{key}}}"#),
            &format!(r#"{{"anthropic":{session}}}"#),
        ] {
            assert!(
                login(lasting.as_bytes()).unwrap().renewing.is_none(),
                "{lasting}"
            );
        }
    }

    #[test]
    fn a_lasting_token_of_copilots_stands_where_others_have_what_renews_them() {
        for provider in ["github-copilot", "github-copilot-enterprise"] {
            let text = format!(
                r#"{{"{provider}":{{"type":"oauth","refresh":"gho","access":"","expires":0}}}}"#
            );
            assert_eq!(forwarded(&text), text);
            let login = login(text.as_bytes()).unwrap();
            assert_eq!((login.expires, login.lasting), (None, true));
        }
    }

    #[test]
    fn scenario_28_what_opencode_passes_over_is_no_login() {
        for (text, fault) in [
            ("", LOGGED_OUT),
            ("{", NO_LOGIN),
            ("[]", NO_LOGIN),
            ("{}", LOGGED_OUT),
            (r#"{"a":"canary"}"#, NO_LOGIN),
            (r#"{"a":{"type":"api","key":""}}"#, NO_LOGIN),
            (r#"{"a":{"type":"api"}}"#, NO_LOGIN),
            (r#"{"a":{"type":"new","key":"canary"}}"#, NO_LOGIN),
            (r#"{"a":{"key":"canary"}}"#, NO_LOGIN),
            (r#"{"a":{"type":"wellknown","key":"NAME"}}"#, NO_LOGIN),
            (
                r#"{"a":{"type":"oauth","access":"a","expires":1}}"#,
                NO_LOGIN,
            ),
            (
                r#"{"a":{"type":"oauth","refresh":"r","access":"","expires":1}}"#,
                NO_LOGIN,
            ),
            (
                r#"{"a":{"type":"oauth","refresh":"r","access":"a"}}"#,
                NO_LOGIN,
            ),
            (
                r#"{"github-copilot":{"type":"oauth","refresh":"","access":"a","expires":0}}"#,
                NO_LOGIN,
            ),
        ] {
            assert_eq!(login(text.as_bytes()).unwrap_err(), fault, "{text}");
        }
        let mixed = r#"{"a":{"type":"api","key":""},"b":{"type":"api","key":"k"}}"#;
        assert_eq!(forwarded(mixed), r#"{"b":{"type":"api","key":"k"}}"#);
    }

    #[test]
    fn a_login_ends_with_the_first_of_its_sessions_that_is_used() {
        let session = |expires: u64| {
            format!(r#"{{"type":"oauth","refresh":"r","access":"a","expires":{expires}}}"#)
        };
        let text = format!(
            r#"{{"openai":{},"x":{},"anthropic":{},"k":{{"type":"api","key":"k"}}}}"#,
            session(3000),
            session(2000),
            session(1000)
        );
        let login = login(text.as_bytes()).unwrap();
        assert_eq!(login.expires, Some(UNIX_EPOCH + Duration::from_secs(2)));
    }

    #[test]
    fn scenario_34_a_key_is_its_providers_entry_and_a_variable_for_the_own_one_alone() {
        for (provider, at, variable) in [
            (None, "opencode", Some("OPENCODE_API_KEY")),
            (Some("opencode"), "opencode", Some("OPENCODE_API_KEY")),
            (Some("anthropic"), "anthropic", None),
            (Some("groq"), "groq", None),
        ] {
            let setting = Setting {
                provider: provider.map(str::to_owned),
                ..Setting::default()
            };
            let payload = api_key(&" key\n".into(), &setting).unwrap();
            let named = payload.env.first().map(|variable| variable.name.as_str());
            assert_eq!(named, variable);
            let alone = payload.without_variables().unwrap();
            assert_eq!(alone.files, payload.files, "the file says the same");
            let Delivery::Bind { content } = &payload.files[0].delivery else {
                panic!("a secret");
            };
            let expected = format!(r#"{{"{at}":{{"type":"api","key":"key"}}}}"#);
            assert_eq!(content.expose(), expected);
            assert!(login(content.expose().as_bytes()).is_ok());
            assert_eq!(payload.unset, environment::names(&[AUTH_CONTENT]));
            let again = key_in(content.expose(), at).unwrap();
            assert_eq!(again.expose_secret(), "key");
            assert!(key_in(content.expose(), "another").is_none());
        }
    }
}
