//! `setup --reuse`: a source that the user has, taken for a scope's token.

use super::slot::{identity, require_as_before, require_unwired, wire};
use super::{Done, Life};
use crate::config::Written;
use crate::failure::{Failure, Kind};
use crate::source::Source;
use crate::token::record::{Made, Wired};
use crate::token::{ClaudeToken, TokenScope};

impl Life<'_> {
    /// Wires a source that gives a token already. Nothing is minted, and since
    /// nobody knows when it was, no dates are kept.
    ///
    /// # Errors
    /// The scope has a token, or the source gives none: nothing was changed.
    pub fn reuse(&self, scope: &TokenScope, written: &Written) -> Result<Done, Failure> {
        require_unwired(&self.place.load()?, scope)?;
        let mut taken = self.take(scope)?;
        self.heal(&mut taken)?;
        self.tidy(&mut taken.record, Some(written))?;
        self.place.rehearse(|draft| {
            require_as_before(draft.config(), scope, None)?;
            wire(draft, scope, written)
        })?;
        let token = self.token_in(written)?;
        self.wire_all(std::slice::from_ref(scope), None, written)?;
        let wired = Wired {
            kept: None,
            source: identity(written),
            made: Made::Adopted,
            fingerprint: token.fingerprint(),
            issued: None,
            expires: None,
        };
        self.note_wired(std::slice::from_mut(&mut taken), &wired);
        Ok(Done::of(
            std::slice::from_ref(scope),
            &wired,
            Source::shown(written),
        ))
    }

    fn token_in(&self, written: &Written) -> Result<ClaudeToken, Failure> {
        let read = self.means.read(written.clone())?;
        ClaudeToken::parse(&read).map_err(|why| {
            let source = Source::shown(written);
            let message = format!("{source} gives no long-lived token of Claude's: {why}");
            Failure::new(Kind::Configuration, message)
                .hint("nothing was changed")
                .hint("a new token is minted by `setup` without --reuse")
        })
    }
}
