//! `revoke`: a scope that is to have no token any more.

use zeroize::Zeroizing;

use super::heal::{leave, place_of_ours};
use super::slot::{require_as_before, slot_identity, slot_of, unwire};
use super::uses::uses;
use super::{Fate, Life, Step};
use crate::auth::mode::AuthMode;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::source::Source;
use crate::token::TokenScope;
use crate::token::record::{Record, Wired};
use crate::token::store::Kept;

/// What a revocation came to.
#[derive(Debug)]
pub struct Revoked {
    /// Whose it was.
    pub scope: TokenScope,
    /// The mode that this scope set before.
    pub mode: Option<AuthMode>,
    /// What stood in its slot, as it may be shown.
    pub source: Option<String>,
    /// What was known about the token.
    pub token: Option<Wired>,
    /// What became of the places in stores.
    pub items: Vec<Item>,
}

/// A place in a store, and what became of it.
#[derive(Debug)]
pub struct Item {
    /// The place.
    pub kept: Kept,
    /// What became of it; `None` where nobody asked us to remove it.
    pub fate: Option<Fate>,
}

/// The configuration's text before and after.
struct Texts {
    before: Zeroizing<String>,
    after: Zeroizing<String>,
}

impl Life<'_> {
    /// Unwires a scope's token, and gives it no login at all. With `delete`,
    /// what we made in the store goes, too.
    ///
    /// # Errors
    /// What is to be deleted is not ours or cannot be removed: the
    /// configuration is as it was.
    pub fn revoke(&self, scope: &TokenScope, delete: bool) -> Result<Revoked, Failure> {
        let mut taken = self.take(scope)?;
        self.heal(&mut taken)?;
        let record = &mut taken.record;
        let config = self.place.load()?;
        let target = delete.then(|| deletable(&config, record)).transpose()?;
        let target = target.flatten();
        let mut revoked = Revoked {
            scope: scope.clone(),
            mode: scope.block(&config).and_then(|block| block.auth_forward),
            source: slot_of(&config, scope).map(Source::shown),
            token: record.token.clone(),
            items: Vec::new(),
        };
        let before = record.clone();
        if let Some(target) = &target {
            record.orphans.push(target.clone());
            self.note(record)?;
        }
        let texts = match self.unwired(scope, slot_identity(&config, scope).as_deref()) {
            Ok(texts) => texts,
            Err(failure) => {
                let _ = self.note(&before);
                return Err(failure);
            }
        };
        if let Some(target) = target {
            if let Fate::Stays(failure) = self.removed(&target) {
                return Err(self.put_back(&before, &texts, &target, failure));
            }
            record.orphans.retain(|one| *one != target);
            record.token = None;
            revoked.items.push(Item {
                kept: target,
                fate: Some(Fate::Removed),
            });
        }
        if let Some(token) = record.token.take() {
            leave(record, &token);
            let config = self.place.load()?;
            record.left.retain(|kept| uses(&config, kept).is_empty());
        }
        self.note(record)?;
        self.rest(record, delete, &mut revoked.items)?;
        Ok(revoked)
    }

    /// Writes the configuration.
    fn unwired(&self, scope: &TokenScope, slot: Option<&str>) -> Result<Texts, Failure> {
        self.means.step(&Step::Wiring);
        let edited = self.place.edit(|draft| {
            require_as_before(draft.config(), scope, slot)?;
            let before = draft.text();
            unwire(draft, scope)?;
            let after = draft.text();
            Ok(Texts { before, after })
        });
        Ok(edited?.gave)
    }

    /// Makes all be as it was: a token that is still there is better wired
    /// than lost.
    fn put_back(&self, former: &Record, texts: &Texts, kept: &Kept, why: Failure) -> Failure {
        let message = format!("{kept} cannot be removed: {}", why.message);
        let failure = Failure::new(why.kind, message);
        let mut failure = why.hints.into_iter().fold(failure, Failure::hint);
        if let Some(command) = kept.removal_command() {
            failure = failure.hint(format!("remove it yourself: {command}"));
        }
        let edited = self.place.edit(|draft| {
            if *draft.text() != *texts.after {
                let message = "the configuration was changed by somebody else meanwhile";
                return Err(Failure::new(Kind::Configuration, message));
            }
            draft.put_back(&texts.before);
            Ok(())
        });
        match edited.and_then(|_| self.note(former)) {
            Ok(()) => failure.hint("the token is wired as it was"),
            Err(error) => failure.hint(format!(
                "the token is unwired all the same: {}",
                error.message
            )),
        }
    }

    /// What else an earlier run or an earlier revocation has left.
    fn rest(
        &self,
        record: &mut Record,
        delete: bool,
        items: &mut Vec<Item>,
    ) -> Result<(), Failure> {
        if delete {
            let left = std::mem::take(&mut record.left);
            record.orphans.extend(left);
            self.note(record)?;
            for (kept, fate) in self.clear(record, None)? {
                let fate = Some(fate);
                items.push(Item { kept, fate });
            }
            return Ok(());
        }
        for kept in record.left.iter().chain(&record.orphans).cloned() {
            items.push(Item { kept, fate: None });
        }
        Ok(())
    }
}

/// The place that is to be removed; `None` where no token is wired, and only
/// what was left before is.
///
/// # Errors
/// It is not ours, or something else uses it, or there is nothing.
fn deletable(config: &Config, record: &Record) -> Result<Option<Kept>, Failure> {
    let scope = &record.scope;
    let refuse = |message: String| {
        let words = scope.words();
        Err(Failure::new(Kind::Usage, message)
            .hint("nothing was changed")
            .hint(format!(
                "without --delete it is only unwired: docker jackin workspace claude-token revoke \
                 {words}"
            )))
    };
    let Some(written) = slot_of(config, scope) else {
        if record.left.is_empty() && record.orphans.is_empty() {
            let message = format!("{scope} has no token of its own to delete");
            return Err(Failure::new(Kind::Usage, message)
                .hint("nothing was changed")
                .hint(format!(
                    "see what there is: docker jackin workspace claude-token doctor {}",
                    scope.words()
                )));
        }
        return Ok(None);
    };
    let source = Source::shown(written);
    if matches!(Source::parse(written), Ok(Source::Plain(_))) {
        return refuse(format!(
            "the token of {scope} stands in the configuration itself, and in no store"
        ));
    }
    let Some(kept) = record.token.as_ref().and_then(place_of_ours) else {
        return refuse(format!(
            "{source}, where the token of {scope} is, was not made by us"
        ));
    };
    let uses = uses(config, kept).into_iter();
    match uses.into_iter().find(|one| !one.is_slot_of(scope)) {
        Some(other) => refuse(format!("{source} is used by {}, too", other.words())),
        None => Ok(Some(kept.clone())),
    }
}
