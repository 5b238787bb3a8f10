//! A new token: minted, stored, read back, wired, noted.

use jiff::SignedDuration;

use super::slot::{identity, require_as_before, wire};
use super::{Done, Life, REVOKED_AT, Step, Taken};
use crate::config::Written;
use crate::failure::{Failure, Kind};
use crate::handoff::fill_randomly;
use crate::source::Source;
use crate::token::record::{Made, Wired};
use crate::token::store::{Choice, Kept, Label};
use crate::token::{ClaudeToken, Fingerprint, PREFIX, TokenScope};

/// How long the vendor says that a token holds.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What a token is made for.
pub(super) struct Job<'a> {
    /// The scopes that it will be wired in, each taken.
    pub(super) taken: &'a mut [Taken],
    /// What keeps it.
    pub(super) choice: &'a Choice,
    /// What stands in their slots until then.
    pub(super) before: Option<&'a str>,
    /// The place of the token that it replaces, when that is ours.
    pub(super) old: Option<&'a Kept>,
}

impl Job<'_> {
    fn scopes(&self) -> Vec<TokenScope> {
        let taken = self.taken.iter();
        taken.map(|taken| taken.record.scope.clone()).collect()
    }

    fn label(&self, now: jiff::Timestamp) -> Result<Label, Failure> {
        let mut bits = [0; 6];
        fill_randomly(&mut bits).map_err(|error| Failure::new(Kind::Internal, error))?;
        Ok(Label {
            scopes: self.scopes(),
            issued: now,
            expires: now.checked_add(YEAR).unwrap_or(now),
            mint: hex::encode(bits),
        })
    }

    /// Whether a place is one that we remove when it is not needed.
    fn is_ours(&self, kept: &Kept) -> bool {
        self.choice.store.made() == Made::Ours && *kept != Kept::Plain
    }
}

impl Life<'_> {
    /// Finds out whether the configuration could be written, while there is no
    /// token yet that could be lost.
    pub(super) fn rehearse(&self, job: &Job<'_>) -> Result<(), Failure> {
        let label = job.label(self.means.now())?;
        let plain = job.choice.store.announce(&label) == Kept::Plain;
        let text = if plain {
            "placeholder"
        } else {
            "file:/placeholder"
        };
        let written = Written::Text(text.into());
        let scopes = job.scopes();
        self.place.rehearse(|draft| {
            scopes.iter().try_for_each(|scope| {
                require_as_before(draft.config(), scope, job.before)?;
                wire(draft, scope, &written)
            })
        })
    }

    /// Mints a token and keeps it.
    ///
    /// # Errors
    /// The configuration is as it was. What may be left elsewhere is said.
    pub(super) fn make(&self, job: &mut Job<'_>) -> Result<Done, Failure> {
        let token = self.means.mint()?;
        self.keep(job, &token).map_err(lives_on)
    }

    fn keep(&self, job: &mut Job<'_>, token: &ClaudeToken) -> Result<Done, Failure> {
        let label = job.label(self.means.now())?;
        let announced = job.choice.store.announce(&label);
        self.announce(job, &announced)?;
        self.means.step(&Step::Storing(&job.choice.store.shown()));
        let kept = match job.choice.store.put(&label, token) {
            Ok(kept) => kept,
            Err(failure) => return Err(self.take_back(job, &announced, failure)),
        };
        let written = kept.written(token);
        let wired = wired(job, &label, token, &kept, &written);
        let done = self
            .stored(job, &announced, &wired)
            .and_then(|()| self.read_back(token, &kept))
            .and_then(|()| self.wire_all(&job.scopes(), job.before, &written));
        if let Err(failure) = done {
            return Err(self.take_back(job, &kept, failure));
        }
        self.note_wired(job.taken, &wired);
        let mut done = Done::of(&job.scopes(), &wired, Source::shown(&written));
        done.store = Some(job.choice.store.shown());
        done.why.clone_from(&job.choice.why);
        Ok(done)
    }

    /// Writes down what is about to be made, and what is about to go.
    fn announce(&self, job: &mut Job<'_>, announced: &Kept) -> Result<(), Failure> {
        let ours = job.is_ours(announced).then_some(announced);
        let Some(first) = job.taken.first_mut() else {
            return Ok(());
        };
        let orphans = &mut first.record.orphans;
        for kept in ours.into_iter().chain(job.old) {
            if !orphans.contains(kept) {
                orphans.push(kept.clone());
            }
        }
        self.note(&first.record)
    }

    /// Writes down what was made, under the name by which it is to be found.
    fn stored(&self, job: &mut Job<'_>, announced: &Kept, wired: &Wired) -> Result<(), Failure> {
        let ours = wired.kept.clone().filter(|kept| job.is_ours(kept));
        for (number, taken) in job.taken.iter_mut().enumerate() {
            let record = &mut taken.record;
            record.pending = Some(wired.clone());
            if number == 0 {
                record.orphans.retain(|one| one != announced);
                record.orphans.extend(ours.clone());
            }
            self.note(record)?;
        }
        Ok(())
    }

    fn read_back(&self, token: &ClaudeToken, kept: &Kept) -> Result<(), Failure> {
        if *kept == Kept::Plain {
            return Ok(());
        }
        let shown = kept.to_string();
        self.means.step(&Step::ReadingBack(&shown));
        let read = self.means.read(kept.written(token)).map_err(unread)?;
        if Fingerprint::of(&read) == token.fingerprint() {
            return Ok(());
        }
        let message = format!("{shown} gives something else than was stored there");
        Err(Failure::new(Kind::Configuration, message))
    }

    /// Writes the configuration, all scopes at once.
    pub(super) fn wire_all(
        &self,
        scopes: &[TokenScope],
        before: Option<&str>,
        written: &Written,
    ) -> Result<(), Failure> {
        self.means.step(&Step::Wiring);
        let edited = self.place.edit(|draft| {
            scopes.iter().try_for_each(|scope| {
                require_as_before(draft.config(), scope, before)?;
                wire(draft, scope, written)
            })
        });
        edited.map(|_| ())
    }

    /// Writes down what is wired. What the configuration says holds without.
    pub(super) fn note_wired(&self, taken: &mut [Taken], wired: &Wired) {
        for taken in taken {
            let record = &mut taken.record;
            record.pending = None;
            record.token = Some(wired.clone());
            record
                .orphans
                .retain(|one| Some(one) != wired.kept.as_ref());
            if let Err(failure) = self.note(record) {
                self.means.step(&Step::Unnoted(&failure));
            }
        }
    }

    /// Removes what was stored in vain. What is the user's stays.
    fn take_back(&self, job: &mut Job<'_>, kept: &Kept, failure: Failure) -> Failure {
        let failure = if job.is_ours(kept) {
            self.remove_again(job, kept, failure)
        } else if *kept == Kept::Plain {
            failure
        } else {
            failure.hint(format!("{kept} is yours, and was left as it now is"))
        };
        for taken in job.taken.iter_mut() {
            let record = &mut taken.record;
            record.pending = None;
            // It is still wired.
            record.orphans.retain(|one| Some(one) != job.old);
            // What could not be noted is noted too much: the next run sees.
            let _ = self.note(record);
        }
        failure
    }

    fn remove_again(&self, job: &mut Job<'_>, kept: &Kept, failure: Failure) -> Failure {
        self.means.step(&Step::Removing(kept));
        match self.means.remove(kept) {
            Ok(()) => {
                for taken in job.taken.iter_mut() {
                    taken.record.orphans.retain(|one| one != kept);
                }
                failure.hint(format!(
                    "nothing of it is left in {}",
                    job.choice.store.shown()
                ))
            }
            Err(why) => {
                let failure = failure.hint(format!("{kept} could not be removed: {}", why.message));
                match kept.removal_command() {
                    Some(command) => failure.hint(format!("remove it yourself: {command}")),
                    None => failure,
                }
            }
        }
    }
}

fn wired(
    job: &Job<'_>,
    label: &Label,
    token: &ClaudeToken,
    kept: &Kept,
    written: &Written,
) -> Wired {
    Wired {
        kept: Some(kept.clone()),
        source: identity(written),
        made: job.choice.store.made(),
        fingerprint: token.fingerprint(),
        issued: Some(label.issued),
        expires: Some(label.expires),
    }
}

/// What is said of a token that cannot be read back. A program that knows it
/// may have said it in its complaint.
fn unread(failure: Failure) -> Failure {
    let why = if failure.to_string().contains(PREFIX) {
        Failure::new(
            failure.kind,
            "its words are kept back, since they hold a token",
        )
    } else {
        failure
    };
    let message = format!("the token cannot be read back: {}", why.message);
    let failure = Failure::new(why.kind, message);
    why.hints.into_iter().fold(failure, Failure::hint)
}

/// What a person is to know whose token was minted and not wired.
fn lives_on(failure: Failure) -> Failure {
    failure.hint("the configuration is as it was").hint(format!(
        "the token was minted all the same, and holds for a year: revoke it at {REVOKED_AT}"
    ))
}
