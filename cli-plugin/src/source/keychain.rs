//! `keychain:SERVICE/ACCOUNT`: a generic password of the macOS Keychain, read
//! by the system's `security`.

use std::ffi::OsString;
use std::path::Path;

use secrecy::SecretString;

use super::ask::{self, Patience, Trouble};
use super::child::Question;
use super::interrupt::Watch;
use super::keyring::{Item, KeyringTrouble};
use crate::host::Host;

/// How such a source begins.
pub(super) const SCHEME: &str = "keychain:";

/// The program that reads the Keychain; part of macOS.
pub(crate) const SECURITY: &str = "/usr/bin/security";

/// How it ends when there is no such item: the low byte of
/// `errSecItemNotFound`.
pub(crate) const NOT_FOUND: i32 = 44;

/// How it ends when nobody can be asked to unlock the Keychain: the low byte
/// of `errSecInteractionNotAllowed`.
pub(crate) const NOT_ALLOWED: i32 = 36;

/// Asks the Keychain for the item; macOS may ask its user for leave. The value
/// comes by standard output, and nothing of the arguments is one.
pub(super) fn read(
    item: &Item,
    security: &Path,
    host: &Host,
    patience: Patience,
    watch: &Watch,
) -> Result<SecretString, Trouble> {
    if !security.exists() {
        return Err(KeyringTrouble::NoKeychain.into());
    }
    let (account, service) = (&item.account, &item.service);
    let answer = Question {
        program: security,
        arguments: vec!["find-generic-password", "-a", account, "-s", service, "-w"],
        variables: variables(host),
        folder: Path::new("/"),
        input: None,
        limit: patience.0,
    }
    .ask(watch)?;
    match answer.status.code() {
        Some(0) => ask::text(&answer.output),
        Some(NOT_FOUND) => Err(KeyringTrouble::NotInKeychain.into()),
        Some(NOT_ALLOWED) => Err(KeyringTrouble::KeychainLocked.into()),
        // What it says may hold the item's attributes.
        _ => Err(ask::failed(answer.status, None)),
    }
}

/// All that `security` needs to know.
pub(crate) fn variables(host: &Host) -> Vec<(OsString, OsString)> {
    vec![
        ("HOME".into(), host.home().into()),
        ("PATH".into(), "/usr/bin:/bin".into()),
    ]
}

#[cfg(test)]
#[path = "keychain_tests.rs"]
mod tests;
