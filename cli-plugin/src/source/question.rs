//! Asking programs for values: each question once, a few at a time.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::ask::Patience;
use super::command::Line;
use super::helper::Credential;
use super::interrupt::Watch;
use super::keychain::SECURITY;
use super::keyring::Item;
use super::op::Reference;
use super::reading::Read;
use super::{SourceError, keychain, secret_service};
use crate::host::Host;
use crate::progress::{Progress, waiting_for};

/// How many programs run at a time. Each of them may be a prompt, and
/// 1Password limits how many requests it takes.
const AT_A_TIME: usize = 8;

/// The same where nobody is there. Only helpers are asked then, and all of
/// them within the time that one is given, as long as there is only one round.
const AT_A_TIME_ALONE: usize = 64;

/// What a program is asked.
#[derive(PartialEq, Eq)]
pub(super) enum Question {
    Op(Reference),
    Helper(Credential),
    Command(Line),
    SecretService(Item),
    Keychain(Item),
}

impl Question {
    fn ask(&self, host: &Host, patience: Patience, watch: &Watch) -> Read {
        let begun = Instant::now();
        let answer = match self {
            Self::Op(reference) => reference.read(host, patience, watch),
            Self::Helper(credential) => credential.read(host, patience, watch),
            Self::Command(line) => line.read(host, patience, watch),
            Self::SecretService(item) => secret_service::read(item, host, patience, watch),
            Self::Keychain(item) => {
                keychain::read(item, Path::new(SECURITY), host, patience, watch)
            }
        };
        let trouble = answer.as_ref().err();
        tracing::debug!(
            source = %self,
            milliseconds = begun.elapsed().as_millis(),
            trouble = trouble.map(tracing::field::display),
            "asked a program"
        );
        answer.map_err(|trouble| SourceError::Asked {
            shown: self.to_string(),
            trouble,
        })
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Op(reference) => reference.fmt(f),
            Self::Helper(credential) => credential.fmt(f),
            Self::Command(line) => line.fmt(f),
            Self::SecretService(item) => write!(f, "{}{item}", secret_service::SCHEME),
            Self::Keychain(item) => write!(f, "{}{item}", keychain::SCHEME),
        }
    }
}

/// All that programs are asked, without repetition.
#[derive(Default)]
pub(super) struct Questions {
    all: Vec<Question>,
    alone: bool,
}

impl Questions {
    /// Says that nobody is there who could answer a prompt.
    pub(super) fn nobody_is_there(&mut self) {
        self.alone = true;
    }

    /// The number under which the question will be answered.
    pub(super) fn number_of(&mut self, question: Question) -> usize {
        let known = self.all.iter().position(|known| *known == question);
        known.unwrap_or_else(|| {
            self.all.push(question);
            self.all.len() - 1
        })
    }

    /// The answers by their numbers.
    pub(super) fn ask(self, host: &Host, patience: Patience) -> Vec<Read> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let (patience, at_a_time) = if self.alone {
            (Patience::ALONE, AT_A_TIME_ALONE)
        } else {
            (patience, AT_A_TIME)
        };
        let watch = Watch::begin();
        let waiting = Waiting::begin(&self.all);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut answers = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(question) = self.all.get(number) else {
                    return answers;
                };
                answers.push((number, question.ask(host, patience, &watch)));
                waiting.answered(number);
            }
        };
        let mut answers: Vec<_> = thread::scope(|scope| {
            let workers = self.all.len().min(at_a_time);
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let answers = workers.into_iter().map(thread::ScopedJoinHandle::join);
            answers
                .flat_map(|answers| answers.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        // The line on the terminal goes first: an interruption ends us then.
        drop(waiting);
        drop(watch);
        answers.sort_by_key(|(number, _)| *number);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

/// The line on the terminal, with the names of what has not answered yet.
struct Waiting {
    names: Vec<String>,
    outstanding: Mutex<BTreeSet<usize>>,
    progress: Progress,
}

impl Waiting {
    fn begin(questions: &[Question]) -> Self {
        let names: Vec<_> = questions.iter().map(ToString::to_string).collect();
        let words = waiting_for(names.iter().map(String::as_str));
        Self {
            outstanding: Mutex::new((0..names.len()).collect()),
            names,
            progress: Progress::begin(words),
        }
    }

    fn answered(&self, number: usize) {
        let outstanding = self.outstanding.lock();
        let mut outstanding = outstanding.unwrap_or_else(PoisonError::into_inner);
        outstanding.remove(&number);
        if !outstanding.is_empty() {
            let names = outstanding.iter().map(|number| &*self.names[*number]);
            self.progress.say(waiting_for(names));
        }
    }
}
