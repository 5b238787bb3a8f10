//! `rotate`: a new token in the place of a scope's present one.

use std::path::Path;

use super::heal::place_of_ours;
use super::keep::Job;
use super::slot::{slot_identity, slot_of};
use super::{Done, Fate, Life};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::source::Source;
use crate::token::TokenScope;
use crate::token::record::{Made, Wired};
use crate::token::store::{Kept, OpWish, WantedStore, Wish};

/// What a user says about the store, where they say anything.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The kind.
    pub store: Option<WantedStore>,
    /// What only 1Password understands.
    pub op: OpWish,
}

/// What a rotation came to.
#[derive(Debug)]
pub struct Rotated {
    /// The new token.
    pub new: Done,
    /// What became of the place of the old one.
    pub old: OldPlace,
}

/// What became of the place of the token that was replaced.
#[derive(Debug)]
pub enum OldPlace {
    /// We had made it.
    Ours(Kept, Fate),
    /// It stood in the configuration, and stands there no more.
    Configuration,
    /// It was edited in place.
    Same,
    /// It is the user's own source, which is left alone.
    Users(String),
}

impl Life<'_> {
    /// Mints a new token and wires it, and then removes the old one's place if
    /// we had made it and nothing else uses it.
    ///
    /// # Errors
    /// There is nothing to replace, or it failed: the configuration is as it
    /// was. That the old place could not be removed is no error here.
    pub fn rotate(&self, scope: &TokenScope, given: &Given) -> Result<Rotated, Failure> {
        require_wired(&self.place.load()?, scope)?;
        let mut taken = self.take(scope)?;
        self.heal(&mut taken)?;
        let present = taken.record.token.clone();
        self.means.ready()?;
        let wish = wish(present.as_ref(), given, self.folder());
        let choice = self.means.choose(&wish)?;
        self.tidy(&mut taken.record, None)?;
        let config = self.place.load()?;
        let before = slot_identity(&config, scope);
        let shown = slot_of(&config, scope).map(Source::shown);
        let old = present.as_ref().and_then(place_of_ours);
        let mut job = Job {
            taken: std::slice::from_mut(&mut taken),
            choice: &choice,
            before: before.as_deref(),
            old,
        };
        self.rehearse(&job)?;
        let new = self.make(&mut job)?;
        let old = match old {
            Some(old) => OldPlace::Ours(old.clone(), self.go(&mut taken.record, old)),
            None => not_ours(present.as_ref(), &new, shown.unwrap_or_default()),
        };
        Ok(Rotated { new, old })
    }

    /// Lets the old place go, which is among the orphans by now.
    fn go(&self, record: &mut crate::token::record::Record, old: &Kept) -> Fate {
        let fates = match self.clear(record, None) {
            Ok(fates) => fates,
            Err(failure) => return Fate::Stays(failure),
        };
        let mut fates = fates.into_iter();
        let fate = fates.find(|(kept, _)| kept == old);
        fate.map_or(Fate::Removed, |(_, fate)| fate)
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> &Path {
        self.place.file.parent().unwrap_or(Path::new("/"))
    }
}

fn require_wired(config: &Config, scope: &TokenScope) -> Result<(), Failure> {
    if slot_of(config, scope).is_some() {
        return Ok(());
    }
    let message = format!("{scope} has no token of its own to replace");
    Err(Failure::new(Kind::Usage, message).hint(format!(
        "mint its first: docker jackin workspace claude-token setup {}",
        scope.words()
    )))
}

fn not_ours(present: Option<&Wired>, new: &Done, shown: String) -> OldPlace {
    match present.map(|present| (present.made, present.kept.as_ref())) {
        Some((_, Some(Kept::Plain))) => OldPlace::Configuration,
        _ if shown == "plain value" => OldPlace::Configuration,
        Some((Made::Adopted, Some(_))) if new.source == shown => OldPlace::Same,
        _ => OldPlace::Users(shown),
    }
}

/// The store that is wanted: where the user says nothing, the one that keeps
/// the present token, when we put it there.
fn wish(present: Option<&Wired>, given: &Given, folder: &Path) -> Wish {
    let present = present.and_then(|present| Some((present.kept.as_ref()?, present.made)));
    let store = given.store.clone();
    let mut wish = Wish {
        store: store.clone().unwrap_or(WantedStore::Auto),
        op: given.op.clone(),
        folder: folder.to_owned(),
    };
    if store.is_none()
        && let Some((kept, _)) = present
    {
        wish.store = kind_of(kept);
    }
    if wish.store == WantedStore::Op
        && let Some((kept, made)) = present
    {
        fill(&mut wish.op, kept, made);
    }
    wish
}

fn kind_of(kept: &Kept) -> WantedStore {
    match kept {
        Kept::Op { .. } => WantedStore::Op,
        Kept::Helper { name, .. } => WantedStore::Helper(name.clone()),
        Kept::SecretService { .. } => WantedStore::SecretService,
        Kept::Keychain { .. } => WantedStore::Keychain,
        Kept::Age { .. } => WantedStore::Age,
        Kept::Plain => WantedStore::Plain,
    }
}

/// What is not said of 1Password is as it was: an account has vaults and
/// items of its own, so that none of them outlives another account.
fn fill(op: &mut OpWish, kept: &Kept, made: Made) {
    let Kept::Op {
        account,
        vault,
        item,
        field,
    } = kept
    else {
        return;
    };
    if op.account.is_some() {
        return;
    }
    op.account.clone_from(account);
    if op.vault.is_some() {
        return;
    }
    op.vault.clone_from(vault);
    if made == Made::Adopted && op.item.is_none() && op.item_name.is_none() {
        op.item = Some(item.clone());
        op.field = op.field.take().or_else(|| Some(field.clone()));
    }
}
