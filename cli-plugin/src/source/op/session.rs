//! Whether `op` is signed in, by `op whoami`, which asks nobody anything. It
//! does not know all: where the app approves each read, it says that nobody is
//! signed in while reads work, as of version 2.39.

use std::time::Duration;

use super::super::ask::{self, Patience, Trouble};
use super::super::interrupt::Watch;
use super::super::program;
use super::environment::environment;
use super::{OpTrouble, PROGRAM, Reference};
use crate::host::Host;

impl Reference {
    /// The account that was named with it.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Whether its account is signed in; `op` may take `limit` to answer.
    ///
    /// # Errors
    /// It is not, or `op` is not there or gives no answer.
    pub fn is_signed_in(&self, host: &Host, limit: Duration) -> Result<(), Trouble> {
        let program = program::find(PROGRAM, host).ok_or(OpTrouble::NotInstalled)?;
        let account = self.account().map(|account| format!("--account={account}"));
        let mut arguments = vec!["whoami"];
        arguments.extend(account.as_deref());
        let watch = Watch::begin();
        let answer = ask::Program {
            file: &program,
            arguments,
            variables: environment(host, self.account()),
            input: None,
        }
        .ask(host, Patience(limit), &watch)?;
        if answer.status.success() {
            return Ok(());
        }
        let trouble = OpTrouble::of(&answer.complaint);
        Err(trouble.unwrap_or(OpTrouble::NotSignedIn).into())
    }
}
