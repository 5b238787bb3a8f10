//! The macOS Keychain, through the system's `security`.
//!
//! It is given the password in a line on its standard input: as an argument
//! anybody could read it, and what it asks for on a terminal it cuts at 128
//! bytes.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::program::Program;
use super::{Kept, Label, SERVICE, Store, name};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::keychain::{NOT_ALLOWED, NOT_FOUND, variables};
use crate::token::ClaudeToken;
use crate::token::record::Made;

/// The longest line that is given to `security -i`, in bytes. It reads 4096 at
/// a time, keeps what it has cut off, and takes the rest for another command.
const LONGEST: usize = 4032;

/// A Keychain that can be used.
pub(super) struct Keychain(Program);

/// Looks whether the default Keychain is unlocked.
///
/// # Errors
/// This is no Mac, or nobody could unlock the Keychain.
pub(super) fn open(security: &Path, host: &Host, limit: Duration) -> Result<Keychain, Failure> {
    let program = program(security, host)?;
    let failed = |why: &dyn std::fmt::Display| {
        let message = format!("the Keychain cannot be used: {why}");
        Failure::new(Kind::Configuration, message)
            .hint("unlock it: security unlock-keychain")
            .hint("or choose another store with --store")
    };
    let answer = program.ask(&["show-keychain-info"], None, limit);
    let status = answer.map_err(|error| failed(&error))?.status;
    match status.code() {
        Some(0) => Ok(Keychain(program)),
        Some(NOT_ALLOWED) => Err(failed(&"it is locked")),
        _ => Err(failed(&format_args!("security ended with {status}"))),
    }
}

fn program(security: &Path, host: &Host) -> Result<Program, Failure> {
    if !security.exists() {
        let message = "the Keychain is a part of macOS, and this is another system";
        return Err(Failure::new(Kind::Configuration, message)
            .hint("choose another store with --store, or leave it out"));
    }
    Ok(Program {
        name: "security".to_owned(),
        file: security.to_owned(),
        variables: variables(host),
        folder: "/".into(),
    })
}

impl Store for Keychain {
    fn shown(&self) -> String {
        "the macOS Keychain".to_owned()
    }

    fn made(&self) -> Made {
        Made::Ours
    }

    fn announce(&self, label: &Label) -> Kept {
        Kept::Keychain {
            service: SERVICE.to_owned(),
            account: name::of(label),
        }
    }

    fn put(&self, label: &Label, token: &ClaudeToken) -> Result<Kept, Failure> {
        let line = Line {
            account: &name::of(label),
            service: SERVICE,
            label: &name::title(label),
        };
        let line = line.with(token.secret().expose_secret().as_bytes());
        let line = line.ok_or_else(|| {
            let message = "failed to keep the token with security: it takes no line this long";
            Failure::new(Kind::Configuration, message).hint("choose another store with --store")
        })?;
        let kept = self.0.tell("keep the token", &["-i"], Some(&line));
        kept.map_err(|failure| {
            failure
                .hint("unlock the Keychain: security unlock-keychain")
                .hint("or choose another store with --store")
        })?;
        Ok(self.announce(label))
    }
}

/// What `security` is told of a new item.
struct Line<'a> {
    account: &'a str,
    service: &'a str,
    label: &'a str,
}

impl Line<'_> {
    /// The whole command, with the secret in it; `None` when it would be too
    /// long, or would be more than one line.
    fn with(&self, secret: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (account, service) = (quoted(self.account)?, quoted(self.service)?);
        let label = quoted(self.label)?;
        let before = format!("add-generic-password -a {account} -s {service} -l {label} -X ");
        let length = before.len() + 2 * secret.len();
        if length > LONGEST {
            return None;
        }
        let mut line = Zeroizing::new(Vec::with_capacity(length + 1));
        line.extend_from_slice(before.as_bytes());
        line.resize(length, 0);
        hex::encode_to_slice(secret, &mut line[before.len()..]).ok()?;
        line.push(b'\n');
        Some(line)
    }
}

/// One word for `security -i`: in quotes, with a backslash before each quote
/// and backslash. Nothing in it can stand for the line's end.
fn quoted(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("\"{escaped}\""))
}

/// Removes an item of ours.
pub(super) fn remove(
    service: &str,
    account: &str,
    security: &Path,
    host: &Host,
) -> Result<(), Failure> {
    if service != SERVICE {
        return Err(super::not_ours(&format!("keychain:{service}/{account}")));
    }
    let program = program(security, host)?;
    let failed = |why: &dyn std::fmt::Display| program.failure("remove the token", why);
    // With both, since it removes the first item that fits.
    let arguments = ["delete-generic-password", "-a", account, "-s", service];
    let answer = program.ask(&arguments, None, super::program::PATIENCE);
    let status = answer.map_err(|error| failed(&error))?.status;
    match status.code() {
        Some(0 | NOT_FOUND) => Ok(()),
        Some(NOT_ALLOWED) => {
            Err(failed(&"the Keychain is locked").hint("unlock it: security unlock-keychain"))
        }
        _ => Err(failed(&status)),
    }
}

/// The command that removes it.
pub(super) fn removal_command(service: &str, account: &str) -> String {
    let (service, account) = (shell_words::quote(service), shell_words::quote(account));
    format!("security delete-generic-password -a {account} -s {service}")
}

#[cfg(test)]
#[path = "keychain_tests.rs"]
mod tests;
