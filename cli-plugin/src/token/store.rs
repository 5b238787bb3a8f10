//! Where a minted token is kept: one file a kind of store.

mod age_file;
mod choose;
mod helper;
mod keychain;
mod name;
mod op;
mod plain;
mod program;
mod secret_service;

use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

pub use choose::{Choice, OpWish, WantedStore, Wish, choose};

use super::record::Made;
use super::{ClaudeToken, TokenScope};
use crate::config::Written;
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::keychain::SECURITY;

/// What the tokens are kept for, where a store wants to know.
const SERVICE: &str = "docker-jackin";

/// What a token is, for those who look into the store.
#[derive(Debug, Clone)]
pub struct Label {
    /// The scopes that it is for; several when one token is shared.
    pub scopes: Vec<TokenScope>,
    /// When it was minted.
    pub issued: Timestamp,
    /// When it ends, as the vendor's program said.
    pub expires: Timestamp,
    /// Tells this minting from all others: 12 hexadecimal digits.
    pub mint: String,
}

/// A store that can be used, with all that was asked and decided beforehand.
pub trait Store {
    /// What it is, for people: `1Password, vault Personal of my.1password.com`.
    fn shown(&self) -> String;

    /// Whose the place will be.
    fn made(&self) -> Made;

    /// What [`put`](Self::put) is about to make, by a name by which it could be
    /// found and removed if we were killed meanwhile. Asks nobody.
    fn announce(&self, label: &Label) -> Kept;

    /// Keeps a token under a name that is new, or in the user's own item.
    ///
    /// # Errors
    /// The store refuses; its own words are not repeated, since they may
    /// hold what it was given.
    fn put(&self, label: &Label, token: &ClaudeToken) -> Result<Kept, Failure>;
}

/// A place in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "store", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Kept {
    /// A field of an item of 1Password.
    Op {
        /// The account, by its ID where it is known.
        account: Option<String>,
        /// The vault, by its ID where it is known.
        vault: Option<String>,
        /// The item, by its ID, or by its title before it is made.
        item: String,
        /// The field's ID.
        field: String,
    },
    /// What a docker-credential helper keeps for a server.
    Helper {
        /// The helper's name, as in `docker-credential-NAME`.
        name: String,
        /// The server's URL.
        server: String,
    },
    /// An item of the Secret Service.
    SecretService {
        /// Its attribute `service`.
        service: String,
        /// Its attribute `account`.
        account: String,
    },
    /// A generic password in the macOS Keychain.
    Keychain {
        /// Its service.
        service: String,
        /// Its account.
        account: String,
    },
    /// A file encrypted for the user's own age identity.
    Age {
        /// The file; absolute.
        file: std::path::PathBuf,
    },
    /// The configuration itself.
    Plain,
}

impl Kept {
    /// The source by which the configuration refers to it; for the
    /// configuration itself the token.
    pub fn written(&self, token: &ClaudeToken) -> Written {
        self.reference()
            .unwrap_or_else(|| Written::Text(token.secret().clone()))
    }

    /// The source by which the configuration refers to it; `None` for the
    /// configuration itself.
    pub fn reference(&self) -> Option<Written> {
        Some(match self {
            Self::Op {
                account,
                vault,
                item,
                field,
            } => Written::Op {
                reference: format!(
                    "op://{}/{item}/{field}",
                    vault.as_deref().unwrap_or_default()
                ),
                account: account.clone(),
            },
            Self::Helper { name, server } => text(format!("helper:{name}/{server}")),
            Self::SecretService { service, account } => {
                text(format!("secret-service:{service}/{account}"))
            }
            Self::Keychain { service, account } => text(format!("keychain:{service}/{account}")),
            Self::Age { file } => text(format!("age:{}", file.display())),
            Self::Plain => return None,
        })
    }

    /// Removes what we made there. What is gone already is removed.
    ///
    /// # Errors
    /// It is not ours, or the store refuses.
    pub fn remove(&self, host: &Host) -> Result<(), Failure> {
        match self {
            Self::Op { .. } => op::remove(self, host),
            Self::Helper { name, server } => helper::remove(name, server, host),
            Self::SecretService { service, account } => {
                secret_service::remove(service, account, host)
            }
            Self::Keychain { service, account } => {
                keychain::remove(service, account, Path::new(SECURITY), host)
            }
            Self::Age { file } => age_file::remove(file),
            // It goes with the setting.
            Self::Plain => Ok(()),
        }
    }

    /// A command that a person can give to remove it; `None` for what only an
    /// edit of the configuration removes.
    pub fn removal_command(&self) -> Option<String> {
        Some(match self {
            Self::Op { .. } => return op::removal_command(self),
            Self::Plain => return None,
            Self::Helper { name, server } => helper::removal_command(name, server),
            Self::SecretService { service, account } => {
                secret_service::removal_command(service, account)
            }
            Self::Keychain { service, account } => keychain::removal_command(service, account),
            Self::Age { file } => age_file::removal_command(file),
        })
    }
}

/// For people, as the configuration has it.
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reference() {
            None => f.write_str("the configuration"),
            Some(Written::Text(text)) => f.write_str(text.expose_secret()),
            Some(Written::Op { reference, account }) => {
                let account = account.map(|account| format!(" in account {account}"));
                write!(f, "{reference}{}", account.unwrap_or_default())
            }
            Some(Written::Command(words)) => f.write_str(&words.join(" ")),
        }
    }
}

fn text(text: String) -> Written {
    Written::Text(SecretString::from(text))
}

/// What a record names and nobody of us made is left alone.
fn not_ours(shown: &str) -> Failure {
    let message = format!("{shown} is nothing that docker-jackin keeps tokens in, and stays");
    Failure::new(Kind::Configuration, message)
}

#[cfg(test)]
#[path = "store/tests.rs"]
mod tests;
