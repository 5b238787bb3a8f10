//! What the life of a token is carried out with. It is handed in, so that a
//! test can have a store, a mint and a kill of its own.

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::config::Written;
use crate::failure::Failure;
use crate::token::ClaudeToken;
use crate::token::store::{Choice, Kept, Wish};

/// The programs, the clock and the screen of a verb.
pub trait Means {
    /// Finds out whether a token can be minted here.
    ///
    /// # Errors
    /// There is no `claude`, or no terminal to give the consent on.
    fn ready(&self) -> Result<(), Failure>;

    /// Decides on a store that can be used.
    ///
    /// # Errors
    /// There is none.
    fn choose(&self, wish: &Wish) -> Result<Choice, Failure>;

    /// Mints a token.
    ///
    /// # Errors
    /// None was captured whole.
    fn mint(&self) -> Result<ClaudeToken, Failure>;

    /// Reads a source, as a launch would.
    ///
    /// # Errors
    /// It gives no value.
    fn read(&self, written: Written) -> Result<SecretString, Failure>;

    /// Removes what we made in a store.
    ///
    /// # Errors
    /// The store refuses.
    fn remove(&self, kept: &Kept) -> Result<(), Failure>;

    /// The time.
    fn now(&self) -> Timestamp;

    /// Is told what comes next, or what came of it.
    fn step(&self, step: &Step<'_>);
}

/// A step of a verb.
#[derive(Debug)]
pub enum Step<'a> {
    /// One of several workspaces is begun with.
    Workspace {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// Its name.
        name: &'a str,
    },
    /// One of several workspaces came to nothing.
    Failed(&'a Failure),
    /// Something is written down.
    Noting,
    /// A token is put into a store.
    Storing(&'a str),
    /// It is read back through its source.
    ReadingBack(&'a str),
    /// The configuration is written.
    Wiring,
    /// What we made is removed from a store.
    Removing(&'a Kept),
    /// What an earlier run left in a store is gone.
    Tidied(&'a Kept),
    /// What an earlier run left in a store cannot be removed.
    Untidy(&'a Kept, &'a Failure),
    /// What is done could not be written down.
    Unnoted(&'a Failure),
}

impl Step<'_> {
    /// Whether it is something that the user should see to.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Untidy(..) | Self::Unnoted(_) | Self::Failed(_))
    }
}

/// In words; without any where there is nothing to say.
impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace { number, of, name } => write!(f, "[{number}/{of}] {name}"),
            Self::Failed(failure) => failure.fmt(f),
            Self::Noting | Self::Wiring => Ok(()),
            Self::Storing(store) => write!(f, "storing the token in {store}"),
            Self::ReadingBack(source) => write!(f, "reading it back from {source}"),
            Self::Removing(kept) => write!(f, "removing {kept}"),
            Self::Tidied(kept) => write!(f, "{kept}, which an earlier run had left, is gone"),
            Self::Untidy(kept, failure) => {
                write!(f, "{kept}, which an earlier run had left, stays: {failure}")?;
                write_removal(f, kept)
            }
            Self::Unnoted(failure) => {
                write!(f, "the token is wired, and its dates are lost: {failure}")
            }
        }
    }
}

fn write_removal(f: &mut fmt::Formatter<'_>, kept: &Kept) -> fmt::Result {
    match kept.removal_command() {
        Some(command) => write!(f, "\n  remove it: {command}"),
        None => Ok(()),
    }
}
