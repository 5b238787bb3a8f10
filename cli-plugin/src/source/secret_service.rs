//! `secret-service:SERVICE/ACCOUNT`: an item of the desktop's keyring, by its
//! attributes `service` and `account`, as `secret-tool` and most programs have
//! them.

mod bus;

use secrecy::SecretString;

use super::ask::{self, Patience, Trouble};
use super::interrupt::Watch;
use super::keyring::{Item, KeyringTrouble};
use super::{program, words};
use crate::host::Host;

pub(crate) use bus::{Keyring, started, state, variables};

/// How such a source begins.
pub(super) const SCHEME: &str = "secret-service:";

/// libsecret's command line.
pub(crate) const PROGRAM: &str = "secret-tool";

/// Asks the Secret Service for the item. One that is locked may ask its user,
/// if there is one.
pub(super) fn read(
    item: &Item,
    host: &Host,
    patience: Patience,
    watch: &Watch,
) -> Result<SecretString, Trouble> {
    let file = program::find(PROGRAM, host).ok_or_else(|| Trouble::NotInstalled {
        program: PROGRAM.to_owned(),
    })?;
    let variables = variables(host).ok_or(KeyringTrouble::NoBus)?;
    if patience == Patience::ALONE && state(host, watch) == Keyring::Locked {
        return Err(KeyringTrouble::ServiceLocked.into());
    }
    let answer = ask::Program {
        file: &file,
        arguments: vec!["lookup", "service", &item.service, "account", &item.account],
        variables,
        input: None,
    }
    .ask(host, patience, watch)?;
    if answer.status.success() {
        return ask::text(&answer.output);
    }
    let said = words::first_line(&answer.complaint, &answer.output, &item.to_string());
    if said.is_some() {
        return Err(ask::failed(answer.status, said));
    }
    // It has no word for what is missing, and none for what is locked.
    Err(match state(host, watch) {
        Keyring::Locked => KeyringTrouble::ServiceLocked,
        Keyring::Unlocked | Keyring::Absent => KeyringTrouble::NotInService,
        Keyring::Silent | Keyring::Unknown => KeyringTrouble::NotInServiceOrLocked,
    }
    .into())
}
