//! The Secret Service: the desktop's keyring, through libsecret's `secret-tool`.

use std::ffi::OsString;

use secrecy::ExposeSecret;

use super::program::Program;
use super::{Kept, Label, SERVICE, Store, name};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::Watch;
use crate::source::secret_service::{Keyring, PROGRAM, started, state, variables};
use crate::token::ClaudeToken;
use crate::token::record::Made;

/// A Secret Service that can be used.
pub(super) struct SecretService(Program);

/// Looks whether one runs that is unlocked.
///
/// # Errors
/// `secret-tool` is not there, no bus is, or it is not known to be unlocked.
pub(super) fn running(host: &Host) -> Result<SecretService, Failure> {
    let program = program(host)?;
    match state(host, &Watch::begin()) {
        Keyring::Unlocked => Ok(SecretService(program)),
        Keyring::Locked => Err(refused("the Secret Service is locked")),
        Keyring::Absent => Err(refused("no Secret Service runs")),
        Keyring::Silent | Keyring::Unknown => Err(refused(
            "the Secret Service does not say whether it is locked",
        )),
    }
}

/// Looks whether it can be used, after having it started if need be.
///
/// # Errors
/// `secret-tool` is not there, no bus is, or it is known to be locked.
pub(super) fn open(host: &Host) -> Result<SecretService, Failure> {
    let program = program(host)?;
    require_unlocked(host)?;
    Ok(SecretService(program))
}

/// Looks whether it would take anything, after having it started if need be.
///
/// # Errors
/// No bus is there, or it is known to be locked.
pub(super) fn require_unlocked(host: &Host) -> Result<(), Failure> {
    bus(host)?;
    match started(host, &Watch::begin()) {
        Keyring::Unlocked | Keyring::Unknown => Ok(()),
        Keyring::Locked => Err(refused("the Secret Service is locked").hint(
            "unlock the keyring, as logging in to the desktop does, or choose another store \
             with --store",
        )),
        Keyring::Absent | Keyring::Silent => {
            let message = "the Secret Service has no keyring that it could keep a token in";
            Err(refused(message).hint(
                "make one in the desktop's own program, or choose another store with --store",
            ))
        }
    }
}

fn refused(message: &str) -> Failure {
    Failure::new(Kind::Configuration, message)
}

/// `secret-tool`, with the bus it is to ask on.
fn program(host: &Host) -> Result<Program, Failure> {
    let program = Program::find(PROGRAM, host)?;
    let variables = bus(host)?;
    Ok(Program {
        variables,
        ..program
    })
}

/// The environment that leads to the bus.
fn bus(host: &Host) -> Result<Vec<(OsString, OsString)>, Failure> {
    variables(host).ok_or_else(|| {
        refused("there is no D-Bus session that the Secret Service could be asked on")
            .hint("log in to a session that has a keyring, or choose another store with --store")
    })
}

impl Store for SecretService {
    fn shown(&self) -> String {
        "the Secret Service".to_owned()
    }

    fn made(&self) -> Made {
        Made::Ours
    }

    fn announce(&self, label: &Label) -> Kept {
        Kept::SecretService {
            service: SERVICE.to_owned(),
            account: name::of(label),
        }
    }

    fn put(&self, label: &Label, token: &ClaudeToken) -> Result<Kept, Failure> {
        let title = format!("--label={}", name::title(label));
        let account = name::of(label);
        let arguments = ["store", &title, "service", SERVICE, "account", &account];
        let secret = token.secret().expose_secret().as_bytes();
        let kept = self.0.tell("keep the token", &arguments, Some(secret));
        kept.map_err(|failure| {
            failure.hint("unlock the keyring, or choose another store with --store")
        })?;
        Ok(self.announce(label))
    }
}

/// Removes an item of ours.
pub(super) fn remove(service: &str, account: &str, host: &Host) -> Result<(), Failure> {
    if service != SERVICE {
        return Err(super::not_ours(&format!(
            "secret-service:{service}/{account}"
        )));
    }
    let program = program(host)?;
    let attributes = ["service", service, "account", account];
    let ask = |verb: &str, limit| program.ask(&[&[verb], &attributes[..]].concat(), None, limit);
    let failed = |why: &dyn std::fmt::Display| program.failure("remove the token", why);
    let cleared = ask("clear", super::program::PATIENCE).map_err(|error| failed(&error))?;
    if cleared.status.success() {
        return Ok(());
    }
    // It says the same of what is not there and of what is locked.
    if !cleared.complaint.trim_ascii().is_empty() {
        return Err(failed(&cleared.status));
    }
    match state(host, &Watch::begin()) {
        Keyring::Unlocked => Ok(()),
        Keyring::Locked => Err(failed(&"the Secret Service is locked").hint("unlock the keyring")),
        Keyring::Absent | Keyring::Silent | Keyring::Unknown => {
            Err(failed(&"it is not there, or the Secret Service is locked"))
        }
    }
}

/// The command that removes it.
pub(super) fn removal_command(service: &str, account: &str) -> String {
    let (service, account) = (shell_words::quote(service), shell_words::quote(account));
    format!("{PROGRAM} clear service {service} account {account}")
}
