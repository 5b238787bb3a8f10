//! Which store is taken.

use std::path::Path;
use std::str::FromStr;

use super::helper::PASS;
use super::op::{self, OpStore};
use super::plain::Plain;
use super::program::{GLANCE, LOOK};
use super::{Store, age_file, helper, keychain, secret_service};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::keychain::SECURITY;
use crate::terminal::show_warning;

/// What is said of the one store that keeps nothing secret.
const IN_THE_CLEAR: &str = "--store plain keeps the token in the clear in the configuration: \
    whoever can read the file, or a backup of it, has it";

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
pub fn choose(wish: &Wish, host: &Host) -> Result<Choice, Failure> {
    require_fitting(wish)?;
    let store: Box<dyn Store> = match &wish.store {
        WantedStore::Auto if wish.op == OpWish::default() => return best(wish, host),
        WantedStore::Auto | WantedStore::Op => Box::new(OpStore::open(&wish.op, host)?),
        WantedStore::Helper(name) => Box::new(helper::open(name, host, LOOK)?),
        WantedStore::SecretService => Box::new(secret_service::open(host)?),
        WantedStore::Keychain => Box::new(keychain::open(Path::new(SECURITY), host, LOOK)?),
        WantedStore::Age => Box::new(age_file::open(&wish.folder, host)?),
        WantedStore::Plain => {
            show_warning(IN_THE_CLEAR);
            Box::new(Plain)
        }
    };
    Ok(Choice { store, why: None })
}

/// What 1Password alone understands is not passed over in silence.
fn require_fitting(wish: &Wish) -> Result<(), Failure> {
    let OpWish {
        vault,
        account,
        item_name,
        item,
        field,
    } = &wish.op;
    if matches!(wish.store, WantedStore::Auto | WantedStore::Op) {
        return Ok(());
    }
    let flags = [
        ("--vault", vault),
        ("--account", account),
        ("--item-name", item_name),
        ("--item", item),
        ("--field", field),
    ];
    let Some((flag, _)) = flags.iter().find(|(_, given)| given.is_some()) else {
        return Ok(());
    };
    let message = format!("{flag} is 1Password's, and --store names another store");
    Err(Failure::new(Kind::Usage, message).hint("leave out one of them"))
}

/// Looks whether a store can be used.
type Look<'a> = &'a dyn Fn() -> Result<Box<dyn Store>, Failure>;

/// The best store that is there, found without a question to anybody.
fn best(wish: &Wish, host: &Host) -> Result<Choice, Failure> {
    let keychain: Look<'_> = &|| Ok(Box::new(keychain::open(Path::new(SECURITY), host, GLANCE)?));
    let of_this_system =
        cfg!(target_os = "macos").then_some(("the Keychain is unlocked", keychain));
    let of_any: [(&str, Look<'_>); 2] = [
        ("the Secret Service is unlocked", &|| {
            Ok(Box::new(secret_service::running(host)?))
        }),
        ("`pass` is initialised", &|| {
            Ok(Box::new(helper::open(PASS, host, GLANCE)?))
        }),
    ];
    let first: (&str, Look<'_>) = ("1Password can be used", &|| one_password(wish, host));
    let mut passed = Vec::new();
    for (why, look) in [first].into_iter().chain(of_this_system).chain(of_any) {
        match look() {
            Ok(store) => {
                let why = Some(why.to_owned());
                return Ok(Choice { store, why });
            }
            Err(failure) => passed.push(failure.message),
        }
    }
    let store = Box::new(age_file::open(&wish.folder, host)?);
    let why = Some(format!("nothing better can be used: {}", passed.join("; ")));
    Ok(Choice { store, why })
}

/// 1Password; who has it, and sees their token go elsewhere, is told why.
fn one_password(wish: &Wish, host: &Host) -> Result<Box<dyn Store>, Failure> {
    op::probe(&wish.op, host)?;
    match OpStore::open(&wish.op, host) {
        Ok(store) => Ok(Box::new(store)),
        Err(failure) => {
            show_warning(&format!("1Password is not taken: {failure}"));
            Err(failure)
        }
    }
}
