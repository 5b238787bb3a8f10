//! The life of a token: set up, rotated, revoked.
//!
//! The order of the steps is what counts: a kill between any two of them
//! leaves the configuration as it was or as it is to be, and whatever it leaves
//! in a store is named in the scope's record.

mod all;
#[cfg(test)]
mod crash_tests;
mod heal;
mod keep;
mod means;
mod reuse;
mod revoke;
mod rotate;
mod setup;
mod slot;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
mod uses;

use jiff::Timestamp;

pub use all::{All, Row, RowResult};
pub use heal::{Fate, unused_places};
pub use means::{Means, Step};
pub use revoke::{Item, Revoked};
pub use rotate::{Given, OldPlace, Rotated};

use super::record::{Held, Record, Records, Wired};
use super::{Fingerprint, TokenScope};
use crate::config::ConfigPlace;
use crate::failure::{Failure, Kind};

/// Where a user sees and revokes the tokens of their account: no program can.
pub const REVOKED_AT: &str = "https://claude.ai/settings/claude-code";

/// The verbs, and what they work with.
pub struct Life<'a> {
    place: &'a ConfigPlace,
    records: Records,
    means: &'a dyn Means,
}

/// A token that has been wired.
#[derive(Debug, Clone)]
pub struct Done {
    /// The scopes that it was wired in.
    pub scopes: Vec<TokenScope>,
    /// The store that keeps it, in words; `None` for a source of the user's.
    pub store: Option<String>,
    /// Why this store, where nobody named it.
    pub why: Option<String>,
    /// Its source, as it may be shown.
    pub source: String,
    /// What tells it from another token.
    pub fingerprint: Fingerprint,
    /// When it was minted; `None` for one that we did not mint.
    pub issued: Option<Timestamp>,
    /// When it ends, as far as is known.
    pub expires: Option<Timestamp>,
}

/// A scope's record, while nobody else may change it.
struct Taken {
    record: Record,
    #[expect(dead_code, reason = "held, not read")]
    held: Held,
}

impl<'a> Life<'a> {
    /// The life of the tokens of this configuration.
    pub fn new(place: &'a ConfigPlace, means: &'a dyn Means) -> Self {
        Self {
            records: Records::beside(&place.file),
            place,
            means,
        }
    }

    /// Takes a scope, with what is known about it.
    fn take(&self, scope: &TokenScope) -> Result<Taken, Failure> {
        let held = self.records.hold(scope)?;
        let record = self.records.read(scope).map_err(|broken| {
            let file = broken.file.display().to_string();
            let file = shell_words::quote(&file).into_owned();
            Failure::new(Kind::Configuration, broken)
                .hint("it says which token is whose, and what an earlier run left in a store")
                .hint(format!("to go on without it: mv {file} {file}.broken"))
        })?;
        Ok(Taken { record, held })
    }

    /// Writes down what is now known.
    fn note(&self, record: &Record) -> Result<(), Failure> {
        self.means.step(&Step::Noting);
        self.records.write(record)
    }
}

impl Done {
    fn of(scopes: &[TokenScope], wired: &Wired, source: String) -> Self {
        Self {
            scopes: scopes.to_vec(),
            store: None,
            why: None,
            source,
            fingerprint: wired.fingerprint.clone(),
            issued: wired.issued,
            expires: wired.expires,
        }
    }
}
