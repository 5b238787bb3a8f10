//! `setup`: a token for a scope that has none.

use super::keep::Job;
use super::slot::require_unwired;
use super::{Done, Life};
use crate::failure::Failure;
use crate::token::TokenScope;
use crate::token::store::{Choice, Wish};

impl Life<'_> {
    /// Mints a token for a scope, keeps it, and wires it.
    ///
    /// # Errors
    /// It cannot be done, and was found out before the browser opened; or it
    /// failed: the configuration is as it was.
    pub fn setup(&self, scope: &TokenScope, wish: &Wish) -> Result<Done, Failure> {
        require_unwired(&self.place.load()?, scope)?;
        self.means.ready()?;
        let choice = self.means.choose(wish)?;
        self.setup_in(std::slice::from_ref(scope), &choice)
    }

    /// One token for all of these scopes, of which none has one.
    pub(super) fn setup_in(&self, scopes: &[TokenScope], choice: &Choice) -> Result<Done, Failure> {
        let taken: Result<Vec<_>, _> = scopes.iter().map(|scope| self.take(scope)).collect();
        let mut taken = taken?;
        for taken in &mut taken {
            self.heal(taken)?;
            require_unwired(&self.place.load()?, &taken.record.scope)?;
            self.tidy(&mut taken.record, None)?;
        }
        let mut job = Job {
            taken: &mut taken,
            choice,
            before: None,
            old: None,
        };
        self.rehearse(&job)?;
        self.make(&mut job)
    }
}
