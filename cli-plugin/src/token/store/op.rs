//! 1Password, through its own command line.
//!
//! A new token is a new item; only an item that the user names is edited. All
//! that can be known without the token is found out before it is minted:
//! account, vault, item, field, and whether the account may write there.

mod account;
mod call;
mod edit;
mod item;
mod remove;
mod template;
mod vault;

#[cfg(test)]
mod machine;
#[cfg(test)]
mod tests;

use call::Op;
use item::Adopted;
use vault::Vault;

pub(super) use remove::{removal_command, remove};

use super::{Kept, Label, OpWish, Store};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::{OpAmbient, Reference, op_ambient};
use crate::token::ClaudeToken;
use crate::token::record::Made;

/// The field of a new item that the token goes into, which the category has
/// anyway.
const FIELD: &str = "credential";

/// 1Password, with a place for the token.
pub(super) struct OpStore {
    op: Op,
    vault: Vault,
    place: Place,
}

/// Where the token goes.
enum Place {
    /// Into a new item.
    New {
        /// What its title begins with, where the user said so.
        name: Option<String>,
    },
    /// Into an item of the user's.
    Adopted(Adopted),
}

/// Whether 1Password may be taken when nobody asked for it: `op` is there,
/// and an account that can be used without a word. Nobody is prompted.
///
/// # Errors
/// It may not; says why.
pub(super) fn probe(wish: &OpWish, host: &Host) -> Result<(), Failure> {
    if wish.account.is_none() && op_ambient(host) == OpAmbient::Connect {
        return Err(on_connect());
    }
    let mut op = Op::find(host, wish.account.as_deref())?;
    if op.is_service() {
        return Ok(());
    }
    let integrated = account::choose(&mut op, wish.account.as_deref(), host, call::AT_ONCE)?;
    // With the app it is the app that is asked, when something is read; until
    // then `op` says that nobody is signed in.
    if integrated {
        Ok(())
    } else {
        op.is_signed_in()
    }
}

impl OpStore {
    /// Asks 1Password for all that the token's place needs; its app may want
    /// an approval. Nothing is changed.
    ///
    /// # Errors
    /// The token could not be kept there.
    pub(super) fn open(wish: &OpWish, host: &Host) -> Result<Self, Failure> {
        check(wish)?;
        if wish.account.is_none() && op_ambient(host) == OpAmbient::Connect {
            return Err(on_connect());
        }
        let mut op = Op::find(host, wish.account.as_deref())?;
        op.require_version()?;
        if !op.is_service() {
            account::choose(&mut op, wish.account.as_deref(), host, call::WITH_A_USER)?;
        }
        match &wish.item {
            None => Self::for_a_new_item(op, wish),
            Some(item) => Self::in_the_user_s_item(op, wish, item),
        }
    }

    fn for_a_new_item(op: Op, wish: &OpWish) -> Result<Self, Failure> {
        let vaults = vault::all(&op)?;
        let vault = vault::choose(&op, &vaults, wish.vault.as_deref())?;
        vault::require_writable(&op, &vault)?;
        let name = wish.item_name.clone();
        let place = Place::New { name };
        Ok(Self { op, vault, place })
    }

    fn in_the_user_s_item(op: Op, wish: &OpWish, item: &str) -> Result<Self, Failure> {
        // An item's name counts in the whole account of a user, and in one
        // vault alone of a service account.
        let vault = match &wish.vault {
            None if !op.is_service() => None,
            wanted => Some(vault::choose(&op, &vault::all(&op)?, wanted.as_deref())?),
        };
        let (adopted, vault) = item::find(&op, item, vault.as_ref(), wish.field.as_deref())?;
        vault::require_writable(&op, &vault)?;
        let place = Place::Adopted(adopted);
        let store = Self { op, vault, place };
        store.require_reference()?;
        Ok(store)
    }

    /// Refuses a place that no reference could name.
    fn require_reference(&self) -> Result<(), Failure> {
        let Place::Adopted(adopted) = &self.place else {
            return Ok(());
        };
        let kept = self.kept(&adopted.id, &adopted.field.path);
        match kept.reference().map(|written| Reference::of(&written)) {
            Some(Err(why)) => {
                let message = format!(
                    "the field {} of {} cannot be referred to: {why}",
                    adopted.field.path, adopted.title
                );
                let hint = "name another field with `--field`";
                Err(Failure::new(Kind::Configuration, message).hint(hint))
            }
            _ => Ok(()),
        }
    }

    fn kept(&self, item: &str, field: &str) -> Kept {
        Kept::Op {
            account: self.op.account().map(str::to_owned),
            vault: Some(self.vault.id.clone()),
            item: item.to_owned(),
            field: field.to_owned(),
        }
    }
}

impl Store for OpStore {
    fn shown(&self) -> String {
        let place = match &self.place {
            Place::New { .. } => String::new(),
            Place::Adopted(adopted) => format!("item {} in ", adopted.title),
        };
        format!(
            "1Password, {place}vault {} of {}",
            self.vault.shown(),
            self.op.shown()
        )
    }

    fn made(&self) -> Made {
        match self.place {
            Place::New { .. } => Made::Ours,
            Place::Adopted(_) => Made::Adopted,
        }
    }

    fn announce(&self, label: &Label) -> Kept {
        match &self.place {
            Place::New { name } => self.kept(&template::title(label, name.as_deref()), FIELD),
            Place::Adopted(adopted) => self.kept(&adopted.id, &adopted.field.path),
        }
    }

    fn put(&self, label: &Label, token: &ClaudeToken) -> Result<Kept, Failure> {
        match &self.place {
            Place::New { name } => {
                let id = template::create(&self.op, &self.vault, label, name.as_deref(), token)?;
                Ok(self.kept(&id, FIELD))
            }
            Place::Adopted(adopted) => {
                edit::put(&self.op, &self.vault, adopted, token)?;
                Ok(self.announce(label))
            }
        }
    }
}

/// Refuses what cannot be meant together.
fn check(wish: &OpWish) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::new(Kind::Usage, message));
    if wish.field.is_some() && wish.item.is_none() {
        return usage("`--field` is a field of the item that `--item` names");
    }
    if wish.item.is_some() && wish.item_name.is_some() {
        return usage("`--item` is an item that is there, `--item-name` the title of a new one");
    }
    let names = [
        &wish.vault,
        &wish.account,
        &wish.item,
        &wish.item_name,
        &wish.field,
    ];
    for name in names.into_iter().flatten() {
        if name.trim().is_empty() || name.starts_with('-') || name.chars().any(char::is_control) {
            return usage(
                "a name in 1Password is empty, begins with `-` or holds a control character",
            );
        }
    }
    Ok(())
}

fn on_connect() -> Failure {
    let message = "OP_CONNECT_HOST and OP_CONNECT_TOKEN are set, and `op` writes nothing through a Connect server";
    Failure::new(Kind::Configuration, message)
        .hint("name an account with `--account`, or unset OP_CONNECT_HOST and OP_CONNECT_TOKEN")
}
