//! A stand-in for 1Password's `op` 2.34 that refuses what the real one would
//! misunderstand: flags that are none, a template that comes through anything
//! but a pipe, a pipe where none is expected, a secret in its arguments or in
//! its environment.
//!
//! What it keeps lies in the folder that `OP_STAND_IN` names; see `op/state.rs`
//! for the files there, `op/behaviour.rs` for how it can be told to misbehave,
//! and `op_scene.rs` for what a test sets them with. A call that no program of
//! ours may make is noted in the file `surprises` and ends with 99.

#![expect(
    clippy::unwrap_used,
    reason = "a stand-in that cannot read its own state has failed"
)]

#[path = "op/arguments.rs"]
mod arguments;
#[path = "op/behaviour.rs"]
mod behaviour;
#[path = "op/caller.rs"]
mod caller;
#[path = "op/items.rs"]
mod items;
#[path = "op/session.rs"]
mod session;
#[path = "op/state.rs"]
mod state;
#[path = "op/template.rs"]
mod template;
#[path = "op/verbs.rs"]
mod verbs;

use std::process::ExitCode;

use arguments::Arguments;
use behaviour::Behaviour;
use state::State;

/// How a call fails.
enum Trouble {
    /// As the real one would: its words, less the stamp.
    Said(String),
    /// The same, without the stamp.
    Bare(String),
    /// No program of ours may do that.
    Surprise(String),
}

/// What is wrong, in the real one's words.
fn said<T>(words: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Said(words.into()))
}

/// What our programs must not do.
fn surprise<T>(words: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Surprise(words.into()))
}

fn main() -> ExitCode {
    let state = State::open();
    let given: Vec<String> = std::env::args().skip(1).collect();
    state.note(&given);
    let mut secret = String::new();
    let done = answer(&state, &given, &mut secret);
    let trouble = match done {
        Ok(output) => {
            print!("{output}");
            return ExitCode::SUCCESS;
        }
        Err(trouble) => trouble,
    };
    match trouble {
        // The real one may quote what it was given; so does this one, always.
        Trouble::Said(words) => eprintln!("[ERROR] 2026/01/02 03:04:05 {words} {secret}"),
        Trouble::Bare(words) => eprintln!("{words} {secret}"),
        Trouble::Surprise(words) => {
            state.surprise(&given, &words);
            eprintln!("surprise: {words}");
            return ExitCode::from(99);
        }
    }
    ExitCode::FAILURE
}

/// What goes to standard output; `secret` is what the template held.
fn answer(state: &State, given: &[String], secret: &mut String) -> Result<String, Trouble> {
    let arguments = Arguments::parse(given)?;
    caller::check(state, given, arguments.reads_template())?;
    let template = template::read(arguments.reads_template(), secret)?;
    let behaviour = Behaviour::of(state, arguments.verb);
    behaviour.before()?;
    let output = verbs::run(state, &arguments, &behaviour, template)?;
    behaviour.after();
    Ok(output)
}
