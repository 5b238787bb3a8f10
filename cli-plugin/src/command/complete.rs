//! Completion, by the protocol that docker's `__complete` speaks.
//!
//! Docker calls `docker-jackin __complete jackin <words…> <unfinished word>`
//! and wants a candidate a line, with a tab before its description, and a
//! directive at the end. Bash, zsh and fish ask docker, and docker asks us.

mod candidates;
mod line;
mod names;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::plugin::arguments::without_the_word;
use candidates::{Answer, answer};
use names::NamesHere;

/// The verb with which docker asks for candidates.
pub const VERB: &str = "__complete";

/// The same, for shells that show no descriptions.
pub const VERB_WITHOUT_DESCRIPTIONS: &str = "__completeNoDesc";

/// Prints what could stand for the last of `arguments`.
pub fn complete(root: &clap::Command, arguments: &[OsString]) -> ExitCode {
    let described = arguments.first().is_some_and(|verb| verb == VERB);
    let words = without_the_word(arguments.iter().skip(1).cloned().collect());
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let answer = answer(root, &words, &NamesHere);
    print(&answer, described);
    ExitCode::SUCCESS
}

/// A reader that has gone is no trouble of ours.
fn print(answer: &Answer, described: bool) {
    let mut screen = std::io::stdout().lock();
    for (candidate, description) in &answer.candidates {
        let _ = if described && !description.is_empty() {
            writeln!(screen, "{candidate}\t{description}")
        } else {
            writeln!(screen, "{candidate}")
        };
    }
    let _ = writeln!(screen, ":{}", answer.directive);
}
