//! What an earlier run left: learnt from the record and the configuration, and
//! cleared away.

use super::slot::is_in_slot;
use super::uses::{refers, uses};
use super::{Life, Step, Taken};
use crate::config::{Config, Written};
use crate::failure::Failure;
use crate::token::record::{Made, Record, Wired};
use crate::token::store::Kept;

/// What became of a place that nothing was to need any more.
#[derive(Debug)]
pub enum Fate {
    /// It is gone.
    Removed,
    /// Something else in the configuration uses it: the first that does.
    InUse(String),
    /// The store refuses, so that it is still there.
    Stays(Failure),
}

/// The place that is ours to remove when this token goes.
pub(super) fn place_of_ours(wired: &Wired) -> Option<&Kept> {
    let kept = wired.kept.as_ref()?;
    (wired.made == Made::Ours && *kept != Kept::Plain).then_some(kept)
}

impl Life<'_> {
    /// Brings the record to what the configuration says, which counts.
    pub(super) fn heal(&self, taken: &mut Taken) -> Result<(), Failure> {
        let record = &mut taken.record;
        let config = self.place.load()?;
        let before = record.clone();
        let scope = record.scope.clone();
        let is_wired = |wired: &Wired| is_in_slot(&config, &scope, wired);
        // Killed after the configuration was written: the new one is wired.
        if let Some(pending) = record.pending.take().filter(is_wired) {
            record.token = Some(pending);
        }
        if let Some(unwired) = record.token.take_if(|token| !is_wired(&*token)) {
            leave(record, &unwired);
        }
        record.left.retain(|kept| uses(&config, kept).is_empty());
        if *record == before {
            return Ok(());
        }
        self.note(record)
    }

    /// Removes what nothing refers to of what was made and never wired, or is
    /// wired no more; `spared` is about to be.
    ///
    /// # Errors
    /// The configuration or the record is in the way. A store that refuses is
    /// told of in what is given back, and keeps its place in the record.
    pub(super) fn clear(
        &self,
        record: &mut Record,
        spared: Option<&Written>,
    ) -> Result<Vec<(Kept, Fate)>, Failure> {
        let config = self.place.load()?;
        let mut fates = Vec::new();
        for kept in record.orphans.clone() {
            let needed = spared.is_some_and(|spared| refers(spared, &kept));
            let fate = match (needed, used(&config, &kept)) {
                (true, _) => continue,
                (false, Some(used)) => Fate::InUse(used),
                (false, None) => self.removed(&kept),
            };
            if !matches!(fate, Fate::Stays(_)) {
                record.orphans.retain(|one| *one != kept);
                self.note(record)?;
            }
            fates.push((kept, fate));
        }
        Ok(fates)
    }

    /// The same for what an earlier run left, which is told at once.
    pub(super) fn tidy(
        &self,
        record: &mut Record,
        spared: Option<&Written>,
    ) -> Result<(), Failure> {
        for (kept, fate) in self.clear(record, spared)? {
            match &fate {
                Fate::Removed => self.means.step(&Step::Tidied(&kept)),
                Fate::Stays(failure) => self.means.step(&Step::Untidy(&kept, failure)),
                Fate::InUse(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn removed(&self, kept: &Kept) -> Fate {
        self.means.step(&Step::Removing(kept));
        match self.means.remove(kept) {
            Ok(()) => Fate::Removed,
            Err(failure) => Fate::Stays(failure),
        }
    }
}

/// What we made, is noted in this record, and nothing in the configuration
/// uses.
pub fn unused_places<'a>(config: &Config, record: &'a Record) -> Vec<&'a Kept> {
    let mut places = record.places();
    places.retain(|kept| uses(config, kept).is_empty());
    places
}

/// Notes the place of a token that was unwired by hand: its user may want it.
pub(super) fn leave(record: &mut Record, unwired: &Wired) {
    let Some(kept) = place_of_ours(unwired) else {
        return;
    };
    if !record.orphans.contains(kept) && !record.left.contains(kept) {
        record.left.push(kept.clone());
    }
}

fn used(config: &Config, kept: &Kept) -> Option<String> {
    uses(config, kept).first().map(super::uses::Use::words)
}
