//! The programs that keep tokens, and what is said when one of them fails.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::progress::Progress;
use crate::source::{Answer, NoAnswer, Question, Watch, find_program, whole_environment};

/// How long a program may take that is to keep or remove something: a person
/// may have to find its prompt and type a passphrase.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a program may take to say that it can be used, when it was named
/// and when it was not.
pub(super) const LOOK: Duration = Duration::from_secs(10);
pub(super) const GLANCE: Duration = Duration::from_secs(1);

/// A program, with all that it needs of the user's machine.
pub(super) struct Program {
    /// Its name, for people.
    pub(super) name: String,
    pub(super) file: PathBuf,
    pub(super) variables: Vec<(OsString, OsString)>,
    pub(super) folder: PathBuf,
}

impl Program {
    /// Looks for it in `PATH`.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn find(name: &str, host: &Host) -> Result<Self, Failure> {
        let file = find_program(name, host).ok_or_else(|| {
            let message = format!("`{name}` is not in PATH");
            Failure::new(Kind::Configuration, message).hint(format!(
                "install `{name}`, or choose another store with --store"
            ))
        })?;
        Ok(Self {
            name: name.to_owned(),
            file,
            variables: whole_environment(host),
            folder: host.folder_for_programs().to_owned(),
        })
    }

    /// Asks it. What it reads may be a secret, and so may what it answers then.
    pub(super) fn ask(
        &self,
        arguments: &[&str],
        input: Option<&[u8]>,
        limit: Duration,
    ) -> Result<Answer, NoAnswer> {
        let question = Question {
            program: &self.file,
            arguments: arguments.to_vec(),
            variables: self.variables.clone(),
            folder: &self.folder,
            input,
            limit,
        };
        let progress = Progress::begin(format!("waiting for {}", self.name));
        let watch = Watch::begin();
        let answer = question.ask(&watch);
        // The line on the terminal goes first: an interruption ends us then.
        drop(progress);
        answer
    }

    /// Lets it do something. Of what it says nothing is repeated.
    ///
    /// # Errors
    /// It does not say that it did.
    pub(super) fn tell(
        &self,
        what: &str,
        arguments: &[&str],
        input: Option<&[u8]>,
    ) -> Result<(), Failure> {
        match self.ask(arguments, input, PATIENCE) {
            Ok(answer) if answer.status.success() => Ok(()),
            Ok(answer) => Err(self.failure(what, &answer.status)),
            Err(error) => Err(self.failure(what, &error)),
        }
    }

    /// That it failed, and how; never its own words.
    pub(super) fn failure(&self, what: &str, why: &dyn std::fmt::Display) -> Failure {
        let message = format!("failed to {what} with {}: {why}", self.name);
        Failure::new(Kind::Configuration, message)
    }
}
