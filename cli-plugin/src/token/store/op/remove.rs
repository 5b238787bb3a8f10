//! Removing an item that we made, and only such a one.

use serde::Deserialize;

use super::call::{Call, Op, failure};
use super::item::Shown;
use super::template::{TAG, is_id, tag_of};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::{OpTrouble, Trouble};
use crate::token::store::Kept;
use crate::token::store::name::is_mint;

/// An item, as a list has it.
#[derive(Deserialize)]
struct Listed {
    id: String,
}

/// A place in 1Password.
struct Place<'a> {
    account: Option<&'a str>,
    vault: &'a str,
    item: Item<'a>,
}

/// An item of ours.
enum Item<'a> {
    /// One that is there, by its ID.
    Made(&'a str),
    /// One that may be there, by its minting.
    Announced(&'a str),
}

impl<'a> Place<'a> {
    fn of(kept: &'a Kept) -> Option<Self> {
        let Kept::Op {
            account,
            vault,
            item,
            ..
        } = kept
        else {
            return None;
        };
        // A title of ours has a space before the minting; no ID has one.
        let item = match item.rsplit_once(' ') {
            Some((_, mint)) if is_mint(mint) => Item::Announced(mint),
            None if is_id(item) => Item::Made(item),
            _ => return None,
        };
        Some(Self {
            account: account.as_deref(),
            vault: vault.as_deref()?,
            item,
        })
    }
}

/// Removes it, in its own account and vault. What is gone already is removed.
///
/// # Errors
/// It is not ours, it is not known whether it is gone, or 1Password refuses.
pub(in crate::token::store) fn remove(kept: &Kept, host: &Host) -> Result<(), Failure> {
    let Some(place) = Place::of(kept) else {
        let message = format!("{kept} is no item that was made here");
        return Err(Failure::new(Kind::Internal, message));
    };
    let mut op = Op::find(host, place.account)?;
    if let Some(account) = place.account {
        op.ask_in(account, account);
    }
    match place.item {
        Item::Made(id) => remove_one(&op, place.vault, id),
        Item::Announced(mint) => {
            let found = list(&op, place.vault, &tag_of(mint))?;
            match &found[..] {
                [] => Ok(()),
                [item] => remove_one(&op, place.vault, &item.id),
                // One of them is a copy of the user's.
                _ => Err(several(mint)),
            }
        }
    }
}

fn remove_one(op: &Op, vault: &str, id: &str) -> Result<(), Failure> {
    let what = format!("remove item {id} of 1Password");
    let Some(item) = look(op, vault, id, &what)? else {
        // 1Password says the same of what is gone and of what may not be seen.
        // Who may list the vault sees all of it.
        let listed = list(op, vault, TAG)?.iter().any(|item| item.id == id);
        return if listed {
            Err(failure(&what, &OpTrouble::Forbidden.into()))
        } else {
            Ok(())
        };
    };
    if !item.tags.iter().any(|tag| tag == TAG) {
        let message =
            format!("failed to {what}: it is not tagged {TAG}, and so not ours to remove");
        return Err(Failure::new(Kind::Configuration, message)
            .hint("look at it in 1Password, and remove it there if you want to"));
    }
    let in_vault = format!("--vault={vault}");
    let call = Call::new(["item", "delete", id, &*in_vault]);
    op.ask(&call, &what)?;
    match look(op, vault, id, &what)? {
        Some(_) => Err(still_there(&what)),
        None => Ok(()),
    }
}

/// The item, if it can be seen.
fn look(op: &Op, vault: &str, id: &str, what: &str) -> Result<Option<Shown>, Failure> {
    let in_vault = format!("--vault={vault}");
    let call = Call::new(["item", "get", id, "--format=json", &*in_vault]);
    match op.attempt(&call) {
        Ok(answer) => {
            let item = serde_json::from_slice(&answer.output);
            item.map(Some).map_err(|_| super::call::unreadable(what))
        }
        Err(Trouble::Op(OpTrouble::NoItem)) => Ok(None),
        Err(trouble) => Err(failure(what, &trouble)),
    }
}

fn list(op: &Op, vault: &str, tag: &str) -> Result<Vec<Listed>, Failure> {
    let (tags, in_vault) = (format!("--tags={tag}"), format!("--vault={vault}"));
    let call = Call::new([
        "item",
        "list",
        "--include-archive",
        "--format=json",
        &*tags,
        &*in_vault,
    ]);
    op.json(&call, "list the items of 1Password that were made here")
}

fn several(mint: &str) -> Failure {
    let message = format!("several items of 1Password are tagged {}", tag_of(mint));
    Failure::new(Kind::Configuration, message)
        .hint("remove in 1Password the one that no configuration refers to")
}

fn still_there(what: &str) -> Failure {
    let message = format!("failed to {what}: `op` reports success, and it is still there");
    Failure::new(Kind::Configuration, message)
}

/// A command that removes it.
pub(in crate::token::store) fn removal_command(kept: &Kept) -> Option<String> {
    let place = Place::of(kept)?;
    let account = place
        .account
        .map(|account| format!(" --account={}", quoted(account)));
    let account = account.unwrap_or_default();
    let vault = quoted(place.vault);
    Some(match place.item {
        Item::Made(id) => format!("op item delete {} --vault={vault}{account}", quoted(id)),
        Item::Announced(mint) => format!(
            "op item list --tags={} --vault={vault}{account} --format=json | op item delete - --vault={vault}{account}",
            tag_of(mint)
        ),
    })
}

fn quoted(text: &str) -> String {
    shell_words::quote(text).into_owned()
}
