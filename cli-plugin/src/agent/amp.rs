//! Amp: what each mode puts into a container, and what the host has.
//!
//! What the program sends, for which file and which variable, was measured
//! with its own binary (0.0.1790142911) against a stand-in of the API.

use jackin_oci_hook::payload::{CredentialFile, Delivery, Payload, Without};
use jackin_oci_hook::secret::Secret;
use secrecy::{ExposeSecret, SecretString};

use super::host_file::HostFileError;
use super::login::{Fault, FileLogin, Found, LOGGED_OUT, NO_LOGIN, NoVariable, Origin, fault_of};
use super::own_file::OwnFile;
use super::{Description, environment, json};
use crate::auth::refresh::Refresh;
use crate::host::Host;

/// Carries the key of the mode `api_key`, and outranks the file.
const API_KEY: &str = "AMP_API_KEY";

/// What Amp is.
pub const DESCRIPTION: Description = Description {
    word: "amp",
    program: "amp",
    key_variable: API_KEY,
    credential_variables: &[API_KEY],
    place_variables: &[CREDENTIALS.variable],
    credential_file: CREDENTIALS,
    log_in: "amp login",
    renew: "amp login",
    renewal: None,
    // Its key does not end, and is read at each start.
    refresh: Refresh::Live,
    // There is nothing to renew.
    renews_a_copy: false,
};

/// Its secrets. `settings.json`, in another folder, holds preferences only.
const CREDENTIALS: OwnFile = OwnFile {
    at_home: ".local/share/amp/secrets.json",
    variable: "XDG_DATA_HOME",
    in_folder: "amp/secrets.json",
};

/// The largest secrets file that is read, in bytes. It also holds the tokens
/// of MCP servers.
const CREDENTIALS_LIMIT: u64 = 256 << 10;

/// What the name of a login begins with; the rest is the server's address.
const LOGIN: &str = "apiKey@";

/// The login for the server that Amp asks unless it is told another: to the
/// letter, with its slash.
const USUAL_LOGIN: &str = "apiKey@https://ampcode.com/";

/// Reads Amp's login on this host.
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

/// The logins in a secrets file, one for each server. They do not end. What
/// else lies there, such as the tokens of MCP servers, nobody asked to forward.
///
/// # Errors
/// It holds none.
pub fn login(bytes: &[u8]) -> Result<FileLogin, Fault> {
    let mut file = json::object(bytes).ok_or_else(|| fault_of(bytes))?;
    let keys: Vec<_> = file.keys().cloned().collect();
    for name in keys {
        if !name.starts_with(LOGIN) || json::text(&file, &name).is_none() {
            file.remove(&name);
        }
    }
    if file.is_empty() {
        return Err(LOGGED_OUT);
    }
    Ok(FileLogin {
        content: json::secret(&file).ok_or(NO_LOGIN)?,
        renewing: None,
        expires: None,
        stamp: None,
        lasting: true,
    })
}

/// The payload of `sync`: these secrets, and no variable above them.
pub fn sync(content: Secret) -> Payload {
    Payload {
        unset: environment::names(&[API_KEY]),
        files: vec![
            CredentialFile {
                place: CREDENTIALS.in_container(),
                delivery: Delivery::Bind { content },
            },
            below(),
        ],
        ..Payload::default()
    }
}

/// What lies below the bound file, and stays there when it is gone. Amp
/// crashes on an empty file, which a mount point otherwise is.
fn below() -> CredentialFile {
    CredentialFile {
        place: CREDENTIALS.in_container(),
        delivery: Delivery::AppendText {
            text: "{}".to_owned(),
            unless: "{".to_owned(),
        },
    }
}

/// The payload of `api_key`. Where no variable can be set, the file as `amp
/// login` writes it stands for it; for another server than the usual one that
/// file is of no use.
///
/// # Errors
/// The key cannot be a variable's value.
pub fn api_key(key: &SecretString) -> Result<Payload, NoVariable> {
    let key = key.expose_secret().trim();
    let file = std::collections::BTreeMap::from([(USUAL_LOGIN, key)]);
    let content = json::secret(&file).ok_or(NoVariable(API_KEY))?;
    let without = Without::File(CredentialFile {
        place: CREDENTIALS.in_container(),
        delivery: Delivery::Bind { content },
    });
    Ok(Payload {
        env: vec![environment::variable(API_KEY, key, without)?],
        ..Payload::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn scenario_26_the_logins_are_forwarded_to_the_letter_and_nothing_beside_them() {
        let text = r#"{"apiKey@https://ampcode.com/":"c\u0061nary","other":"mcp-canary","apiKey@http://x":"y","apiKey@empty":" ","apiKey@no":{}}"#;
        let login = login(text.as_bytes()).unwrap();
        let expected = r#"{"apiKey@http://x":"y","apiKey@https://ampcode.com/":"c\u0061nary"}"#;
        assert_eq!(login.content.expose(), expected);
        assert_eq!(login.expires, None);
    }

    #[test]
    fn scenario_28_a_file_without_a_key_is_no_login() {
        for (text, fault) in [
            ("", LOGGED_OUT),
            ("{", NO_LOGIN),
            ("[]", NO_LOGIN),
            ("{}", LOGGED_OUT),
            (r#"{"other":"canary"}"#, LOGGED_OUT),
            (r#"{"apiKey@https://ampcode.com/":""}"#, LOGGED_OUT),
            (r#"{"apikey@https://ampcode.com/":"canary"}"#, LOGGED_OUT),
        ] {
            assert_eq!(login(text.as_bytes()).unwrap_err(), fault, "{text}");
        }
    }

    #[test]
    fn scenario_40_settings_are_not_taken_for_a_login() {
        let home = tempfile::tempdir().unwrap();
        let host = Host::new(home.path(), "/", []);
        for folder in [".config/amp", ".local/share/amp"] {
            fs::create_dir_all(home.path().join(folder)).unwrap();
            let settings = home.path().join(folder).join("settings.json");
            let text = r#"{"amp.url":"https://x","apiKey@https://ampcode.com/":"canary"}"#;
            fs::write(settings, text).unwrap();
        }
        assert!(matches!(host_login(&host).unwrap(), Found::Missing(_)));
    }

    #[test]
    fn scenario_34_a_key_is_a_variable_alone() {
        let payload = api_key(&" key\n".into()).unwrap();
        assert_eq!(payload.env[0].name.as_str(), "AMP_API_KEY");
        assert_eq!(payload.env[0].value.expose(), "key");
        assert!(payload.files.is_empty() && payload.unset.is_empty());
    }

    #[test]
    fn scenario_34_where_no_variable_can_be_set_the_key_is_a_login_of_the_usual_server() {
        let payload = api_key(&" key\n".into()).unwrap();
        let alone = payload.without_variables().unwrap();
        assert_eq!(alone.files[0].place, CREDENTIALS.in_container());
        let Delivery::Bind { content } = &alone.files[0].delivery else {
            panic!("{alone:?}");
        };
        assert_eq!(content.expose(), r#"{"apiKey@https://ampcode.com/":"key"}"#);
        assert!(login(content.expose().as_bytes()).is_ok());
    }

    #[test]
    fn scenario_35_a_host_login_is_a_bound_file_without_the_variable() {
        let payload = sync(Secret::new("{}".into()));
        assert!(payload.env.is_empty());
        assert_eq!(payload.unset, environment::names(&["AMP_API_KEY"]));
        assert_eq!(payload.files[0].place, CREDENTIALS.in_container());
        assert_eq!(payload.files[1], below());
    }
}
