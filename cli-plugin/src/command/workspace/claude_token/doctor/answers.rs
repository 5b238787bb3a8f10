//! Asking the vendor about several tokens.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::examine::{Examination, Read};
use crate::progress::Progress;
use crate::source::{Watch, find_program};
use crate::token::check::{Check, Checks, LIMIT, Said, ask};
use crate::token::claude::PROGRAM;
use crate::token::{ClaudeToken, Fingerprint};

/// How many tokens are asked about at a time: each takes a `claude`.
const AT_A_TIME: usize = 4;

/// What the vendor said of each token just now, or why it was not asked.
pub(super) struct Answers {
    said: BTreeMap<Fingerprint, Said>,
    unasked: &'static str,
}

impl Answers {
    /// Asks about all of them, each once, and keeps what is said.
    pub(super) fn of(examination: &Examination<'_>, read: &[Read]) -> Self {
        let said = BTreeMap::new();
        if examination.offline {
            let unasked = "--offline";
            return Self { said, unasked };
        }
        let Some(program) = find_program(PROGRAM, examination.host) else {
            let unasked = "`claude` is not in PATH";
            return Self { said, unasked };
        };
        let tokens = read.iter().filter_map(|read| match read {
            Read::Token(_, Ok(token)) => Some((token.fingerprint(), token)),
            _ => None,
        });
        let tokens: BTreeMap<_, _> = tokens.collect();
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut answers = Self {
            said,
            unasked: "it is no token",
        };
        for some in tokens.chunks(AT_A_TIME) {
            answers.ask(examination, &program, some);
        }
        answers
    }

    fn ask(
        &mut self,
        examination: &Examination<'_>,
        program: &Path,
        tokens: &[(Fingerprint, &ClaudeToken)],
    ) {
        // Goes last: an interruption ends this process then, with the line on
        // the terminal gone.
        let watch = Watch::begin();
        let waiting = Progress::begin("waiting for what the vendor says");
        let said = std::thread::scope(|scope| {
            let asked = tokens.iter();
            let asked: Vec<_> = asked
                .map(|(_, token)| scope.spawn(|| ask(program, token, examination.host, LIMIT)))
                .collect();
            let said = asked.into_iter().map(|one| one.join().ok());
            said.collect::<Vec<_>>()
        });
        drop(waiting);
        drop(watch);
        let checks = Checks::beside(&examination.config.file);
        for ((fingerprint, _), said) in tokens.iter().zip(said) {
            let Some(said) = said else { continue };
            let check = Check::new(said.verdict, Timestamp::now());
            if let Err(error) = checks.keep(fingerprint, check) {
                tracing::debug!(%error, "failed to keep an answer");
            }
            self.said.insert(fingerprint.clone(), said);
        }
    }

    /// What was said of a token.
    ///
    /// # Errors
    /// Why it was not asked about.
    pub(super) fn about(&self, token: &Fingerprint) -> Result<Said, &'static str> {
        self.said.get(token).copied().ok_or(self.unasked)
    }
}
