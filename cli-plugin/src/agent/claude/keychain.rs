//! Claude's login in the macOS Keychain, read through the system's `security`.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::CONFIG_FOLDER;
use super::host_login::login;
use crate::agent::login::{Found, Origin};
use crate::host::Host;
use crate::source::keychain::{NOT_ALLOWED, NOT_FOUND, variables};
use crate::source::{Answer, NoAnswer, Question, Watch};

/// How long it may take: macOS may ask the user for leave first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the Keychain does not give the login. Never carries what it printed.
#[derive(Debug, thiserror::Error)]
pub enum KeychainError {
    /// It is locked, and nobody is there to unlock it, as over SSH.
    #[error("the Keychain item {service:?} cannot be read: user interaction is not allowed")]
    Locked {
        /// The item's service.
        service: String,
    },
    /// The program failed in another way.
    #[error("the Keychain item {service:?} cannot be read: security ended with {status}")]
    Failed {
        /// The item's service.
        service: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The program gave no answer.
    #[error("the Keychain item {service:?} cannot be read: {error}")]
    NoAnswer {
        /// The item's service.
        service: String,
        /// What became of it.
        error: NoAnswer,
    },
}

impl KeychainError {
    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Locked { .. } => {
                "unlock it with `security unlock-keychain`, or choose another auth_forward"
            }
            Self::Failed { .. } | Self::NoAnswer { .. } => {
                "allow `security` to read it when macOS asks, or choose another auth_forward"
            }
        }
    }
}

/// Reads Claude's login in the Keychain, with the program `security`.
///
/// # Errors
/// It cannot be read, although it may be there.
pub(super) fn read(security: &Path, host: &Host) -> Result<Found, KeychainError> {
    read_within(security, host, PATIENCE)
}

fn read_within(security: &Path, host: &Host, limit: Duration) -> Result<Found, KeychainError> {
    let service = service(host);
    let account = account(host);
    // The secret comes by standard output; nothing here is one.
    let question = Question {
        program: security,
        arguments: vec![
            "find-generic-password",
            "-a",
            &account,
            "-w",
            "-s",
            &service,
        ],
        variables: variables(host),
        folder: Path::new("/"),
        input: None,
        limit,
    };
    let answer = match question.ask(&Watch::begin()) {
        Ok(answer) => answer,
        Err(error) => return Err(KeychainError::NoAnswer { service, error }),
    };
    found(service, &answer)
}

fn found(service: String, answer: &Answer) -> Result<Found, KeychainError> {
    let status = answer.status;
    if status.success() {
        let read = login(answer.output.trim_ascii());
        return Ok(Found::at(Origin::Keychain(service), read));
    }
    match status.code() {
        Some(NOT_FOUND) => Ok(Found::Missing(Origin::Keychain(service))),
        Some(NOT_ALLOWED) => Err(KeychainError::Locked { service }),
        _ => Err(KeychainError::Failed { service, status }),
    }
}

/// The item's service. A folder that the user named has one of its own, told
/// by the first 8 digits of the SHA-256 of its path, as the variable has it.
fn service(host: &Host) -> String {
    const DEFAULT: &str = "Claude Code-credentials";
    match host.path_variable(CONFIG_FOLDER) {
        None => DEFAULT.to_owned(),
        Some(folder) => {
            let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
            format!("{DEFAULT}-{}", hex::encode(&digest[..4]))
        }
    }
}

/// The item's account: the user's name, or what Claude takes for a name that
/// it does not like.
fn account(host: &Host) -> String {
    let likes = |name: &&str| {
        let liked = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !name.is_empty() && name.chars().all(liked)
    };
    let named = host.variable_os("USER").and_then(|name| name.to_str());
    // Where nobody set it, as in a restart, the home folder is called so.
    let home = || host.home().file_name()?.to_str();
    let name = named.filter(|name| !name.is_empty()).or_else(home);
    name.filter(likes).unwrap_or("claude-code-user").to_owned()
}

#[cfg(test)]
#[path = "keychain_tests.rs"]
mod tests;
