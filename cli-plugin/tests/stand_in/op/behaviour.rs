//! How the stand-in misbehaves when it is told to. A rule is `WHAT` for every
//! verb or `WHAT: VERB` for one, such as `forbidden: item create`:
//!
//! - `not-signed-in`, `forbidden`, `unauthorized`, `rate-limited`, `dismissed`,
//!   `prompt-timeout`, `no-app`, `odd`: fails with the real one's words
//! - `slow`: takes 5 minutes
//! - `die-before`, `die-after`: ends by SIGKILL before or after it has acted
//! - `kill-parent-before`, `kill-parent-after`: the same with who called it
//! - `do-nothing`: reports success and changes nothing (`item create`, `item
//!   edit`, `item delete`)
//! - `store-other`: keeps another value than it was given
//! - `print-nothing`: acts, and prints nothing
//! - `stale`: what was cached before the last change is the answer, unless
//!   the cache is turned off
//! - `old: --version`: is of a version that does not know `--reveal`
//! - `merge`: an edit leaves the fields that its template has not; else it is
//!   a replacement

use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, getppid, kill_process};

use super::state::State;
use super::{Trouble, said};

/// The rules that are for this verb.
pub(crate) struct Behaviour(Vec<String>);

impl Behaviour {
    /// The rules for a verb; those that only look local need no account.
    pub(crate) fn of(state: &State, verb: &str) -> Self {
        let rules = state.rules().into_iter().filter_map(|rule| {
            let (what, whom) = rule.split_once(": ").unwrap_or((&rule, verb));
            let local = ["--version", "account list"].contains(&verb) && !rule.contains(": ");
            (whom == verb && !local).then(|| what.to_owned())
        });
        Self(rules.collect())
    }

    /// Whether a rule is there.
    pub(crate) fn is(&self, what: &str) -> bool {
        self.0.iter().any(|rule| rule == what)
    }

    /// What happens instead of the action.
    pub(crate) fn before(&self) -> Result<(), Trouble> {
        if self.is("slow") {
            std::thread::sleep(Duration::from_secs(300));
        }
        self.kill("before");
        let words = [
            (
                "not-signed-in",
                "You are not currently signed in. Please run `op signin --help` for instructions",
            ),
            (
                "forbidden",
                "(101) You do not have permission to perform this action",
            ),
            (
                "unauthorized",
                "(401) Unauthorized: You aren't authorized to perform this action.",
            ),
            (
                "rate-limited",
                "(429) Too Many Requests: You've reached the maximum number of this type of requests this service account is allowed to make. Please retry in 59 minutes or try other requests.",
            ),
            (
                "dismissed",
                "error initializing client: authorization prompt dismissed, please try again",
            ),
            (
                "prompt-timeout",
                "error initializing client: authorization timeout",
            ),
            (
                "no-app",
                "error initializing client: 1Password CLI couldn't connect to the 1Password desktop app. To fix this, update the 1Password app to the latest version, or restart the app if it's already up to date",
            ),
            (
                "odd",
                "something that no version said before, with a canary",
            ),
        ];
        match words.into_iter().find(|(rule, _)| self.is(rule)) {
            Some((_, words)) => said(words),
            None => Ok(()),
        }
    }

    /// What happens once it has acted.
    pub(crate) fn after(&self) {
        self.kill("after");
    }

    fn kill(&self, when: &str) {
        let kill = |whom: Option<Pid>| {
            kill_process(whom.unwrap(), Signal::KILL).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        };
        if self.is(&format!("kill-parent-{when}")) {
            kill(getppid());
        }
        if self.is(&format!("die-{when}")) {
            kill(Some(getpid()));
        }
    }
}
