//! The user's machine, as the life of a token is carried out with it.

use std::cell::{OnceCell, RefCell};
use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::agent::claude::OAUTH_TOKEN;
use crate::config::{Value, Written};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::{Shell, Wanted, Watch, read_all};
use crate::terminal::{show_failure, show_warning};
use crate::token::ClaudeToken;
use crate::token::claude::Claude;
use crate::token::life::{Means, Step};
use crate::token::mint;
use crate::token::store::{self, Choice, Kept, Wish};

/// The programs, the clock and the screen of this process.
pub(super) struct Machine<'a> {
    host: &'a Host,
    /// How long the user may take in the browser.
    limit: Duration,
    claude: OnceCell<Claude>,
    /// Begun once there is a token: from then on a signal waits until it is
    /// said what became of it.
    watch: RefCell<Option<Watch>>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(host: &'a Host, limit: Duration) -> Self {
        Self {
            host,
            limit,
            claude: OnceCell::new(),
            watch: RefCell::new(None),
        }
    }

    /// What a verb came to. A failure is shown before a signal that waited
    /// ends this process.
    pub(super) fn came_to<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let (Err(failure), Some(_)) = (&outcome, self.signal()) {
            show_failure(failure);
        }
        outcome
    }

    /// The signal that waits.
    fn signal(&self) -> Option<u8> {
        let watch = self.watch.borrow();
        let signal = watch.as_ref().and_then(Watch::signal)?;
        u8::try_from(signal.as_raw()).ok()
    }
}

impl Means for Machine<'_> {
    fn ready(&self) -> Result<(), Failure> {
        mint::require_terminal()?;
        let claude = Claude::find(self.host)?;
        // The one that was found first stays.
        let _ = self.claude.set(claude);
        Ok(())
    }

    fn choose(&self, wish: &Wish) -> Result<Choice, Failure> {
        store::choose(wish, self.host)
    }

    fn mint(&self) -> Result<ClaudeToken, Failure> {
        let not_ready = || Failure::new(Kind::Internal, "there is no claude to mint with");
        let claude = self.claude.get().ok_or_else(not_ready)?;
        if let Some(signal) = self.signal() {
            return Err(Failure::new(Kind::Interrupted(signal), "interrupted"));
        }
        // While the user is in the browser, a signal ends it all as it does.
        self.watch.replace(None);
        let token = mint::mint(claude, self.host, self.limit)?;
        self.watch.replace(Some(Watch::begin()));
        Ok(token)
    }

    fn read(&self, written: Written) -> Result<SecretString, Failure> {
        // What the daemon of `op` remembers may be older than what was stored.
        let host = self.host.with("OP_CACHE", "false");
        let value = Value { written, line: 0 };
        let wanted = Wanted {
            value: &value,
            delivered_as: OAUTH_TOKEN,
            shell: Shell::Live(&host),
            at_launch: None,
        };
        let mut read = read_all(&host, &[wanted]);
        let nothing = || Failure::new(Kind::Internal, "the source was not read");
        let read = read.pop().ok_or_else(nothing)?;
        read.map_err(|error| {
            let hint = error.hint();
            let failure = Failure::new(Kind::Configuration, error);
            hint.into_iter().fold(failure, Failure::hint)
        })
    }

    fn remove(&self, kept: &Kept) -> Result<(), Failure> {
        kept.remove(self.host)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn step(&self, step: &Step<'_>) {
        let words = step.to_string();
        if step.is_warning() {
            show_warning(&words);
        } else if !words.is_empty() {
            // A terminal that has gone costs no token.
            let _ = writeln!(anstream::stderr(), "{words}");
        }
    }
}
