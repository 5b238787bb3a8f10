//! Reading many values at the same time, each source once.

use secrecy::SecretString;

use super::ask::Patience;
use super::question::{Question, Questions};
use super::{Shell, Source, SourceError, age, file};
use crate::config::Value;
use crate::host::Host;

/// A value that is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where it comes from.
    pub value: &'a Value,
    /// The variable that it becomes.
    pub delivered_as: &'a str,
    /// The shell whose variables are read, or what is left of it.
    pub shell: Shell<'a>,
    /// What its source was at launch, by [`Source::identity`]; `None` at
    /// launch, and for what was not wanted then.
    pub at_launch: Option<&'a str>,
}

pub(super) type Read = Result<SecretString, SourceError>;

/// Reads all the values, each of which may fail for itself. An empty value is
/// no error here.
///
/// Programs are asked at the same time, and the same program with the same
/// words once. The terminal says what is waited for. When the user interrupts
/// it, the programs are ended, and then this process ends.
pub fn read_all(host: &Host, wanted: &[Wanted<'_>]) -> Vec<Read> {
    read_patiently(host, wanted, Patience::WITH_A_USER)
}

/// Reads what can be read without running any program. What one would have
/// to be asked for is there by a word that says so, and is nobody's value.
pub fn read_without_asking(host: &Host, wanted: &[Wanted<'_>]) -> Vec<Read> {
    let mut unasked = Questions::default();
    let steps = wanted.iter().map(|one| step(host, one, &mut unasked));
    let read = steps.map(|step| match step {
        Step::Done(read) => read,
        Step::Asked(..) => Ok("not asked".into()),
    });
    read.collect()
}

pub(super) fn read_patiently(host: &Host, wanted: &[Wanted<'_>], patience: Patience) -> Vec<Read> {
    let mut questions = Questions::default();
    let steps: Vec<_> = wanted
        .iter()
        .map(|one| step(host, one, &mut questions))
        .collect();
    let answers = questions.ask(host, patience);
    let steps = steps.into_iter();
    steps
        .map(|step| match step {
            Step::Done(read) => read,
            Step::Asked(number, kept) => answers[number].clone().or_else(|error| kept.ok_or(error)),
        })
        .collect()
}

/// How one value is come by.
enum Step {
    Done(Read),
    /// The number of the question, and what holds when it is not answered.
    Asked(usize, Option<SecretString>),
}

/// Reads what needs no program, and notes what does.
fn step(host: &Host, wanted: &Wanted<'_>, questions: &mut Questions) -> Step {
    let source = match Source::parse(&wanted.value.written) {
        Ok(source) => source,
        Err(error) => return Step::Done(Err(error)),
    };
    match wanted.shell {
        Shell::Live(_) => {}
        Shell::Gone(_) if source.needs_its_user() => return Step::Done(wanted.keep(&source)),
        Shell::Absent if source.needs_its_user() => {
            let shown = source.to_string();
            return Step::Done(Err(SourceError::NobodyThere { shown }));
        }
        Shell::Gone(_) | Shell::Absent => questions.nobody_is_there(),
    }
    let kept = wanted.keep(&source).ok();
    let question = match source {
        Source::Plain(value) => return Step::Done(Ok(value)),
        Source::HostVariable(name) => return Step::Done(wanted.shell.read(&name)),
        Source::File(path) => return Step::Done(file::read(&path, host.home())),
        Source::Age(path) => return Step::Done(age::read(&path, host)),
        Source::Op(reference) => Question::Op(reference),
        Source::Helper(credential) => Question::Helper(credential),
        Source::Command(line) => Question::Command(line),
        Source::SecretService(item) => Question::SecretService(item),
        Source::Keychain(item) => Question::Keychain(item),
    };
    Step::Asked(questions.number_of(question), kept)
}

impl Wanted<'_> {
    /// The value as it was delivered before, if it came from this source.
    fn keep(&self, source: &Source) -> Read {
        let shown = source.to_string();
        if self.at_launch.is_some_and(|was| was != source.identity()) {
            return Err(SourceError::Changed { shown });
        }
        let kept = self.shell.kept(self.delivered_as);
        kept.ok_or(SourceError::NotAgain { shown })
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
