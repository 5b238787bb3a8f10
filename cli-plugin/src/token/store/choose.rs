//! Which store is taken.

use std::str::FromStr;

use super::Store;
use crate::failure::{Failure, Kind};
use crate::host::Host;

/// The store that a user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedStore {
    /// The best that is there.
    Auto,
    /// 1Password.
    Op,
    /// A docker-credential helper by its name.
    Helper(String),
    /// The Secret Service.
    SecretService,
    /// The macOS Keychain.
    Keychain,
    /// An encrypted file.
    Age,
    /// The configuration, in the clear.
    Plain,
}

impl FromStr for WantedStore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "auto" => Self::Auto,
            "1password" | "op" => Self::Op,
            "secret-service" => Self::SecretService,
            "keychain" => Self::Keychain,
            "age" => Self::Age,
            "plain" => Self::Plain,
            other => match other.strip_prefix("helper:") {
                Some(name) => Self::Helper(name.to_owned()),
                None => return Err("no such store: auto, 1password, helper:NAME, secret-service, keychain, age or plain".to_owned()),
            },
        })
    }
}

/// What a user wants of 1Password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpWish {
    /// The vault, by name or ID.
    pub vault: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The title of the new item.
    pub item_name: Option<String>,
    /// An item that is there, to be edited in place.
    pub item: Option<String>,
    /// The field in it, by ID or label.
    pub field: Option<String>,
}

/// What a user wants of a store.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The kind.
    pub store: WantedStore,
    /// What only 1Password understands.
    pub op: OpWish,
    /// The configuration's folder, where encrypted files are kept.
    pub folder: std::path::PathBuf,
}

/// The store that is taken.
pub struct Choice {
    /// The store.
    pub store: Box<dyn Store>,
    /// Why this one, for `auto`: `1Password is signed in`.
    pub why: Option<String>,
}

/// Decides on a store, and looks whether it can be used now: signed in,
/// unlocked, initialised, and with a place for the item. Nothing is changed.
///
/// # Errors
/// The one that was named cannot be used.
pub fn choose(_wish: &Wish, _host: &Host) -> Result<Choice, Failure> {
    Err(Failure::new(Kind::Internal, "not built yet"))
}
