//! What one container is given: every agent's login and the operator's
//! variables, as one payload, with a line on the screen for each agent.

mod login;
mod operator;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use jackin_oci_hook::payload::Payload;

pub use login::{AuthLine, Outlook};

use crate::agent::Agent;
use crate::auth::mode::{self, AuthMode};
use crate::auth::scope::Cell;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::source::{Reader, Shell};

/// Everything that decides what a container is given.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The container's role and workspace.
    pub cell: Cell<'a>,
    /// The agents that run in it.
    pub agents: &'a [Agent],
    /// Variables that the user gives to docker by flag: those are the user's.
    pub given: &'a BTreeSet<String>,
    /// The modes at launch, when this is a later start; empty at launch.
    pub modes_at_launch: &'a BTreeMap<String, String>,
    /// Where values are read.
    pub reader: Reader<'a>,
    /// The time.
    pub now: SystemTime,
}

/// What a container is given, and what is said about it.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What the engine's side puts into the container.
    pub payload: Payload,
    /// One line an agent.
    pub lines: Vec<AuthLine>,
    /// Further words for the user.
    pub warnings: Vec<String>,
    /// The mode of each agent.
    pub modes: BTreeMap<Agent, AuthMode>,
}

/// Prepares what the container is given.
///
/// # Errors
/// All the credentials and variables that cannot be had, together.
pub fn prepare(circumstances: Circumstances<'_>) -> Result<Prepared, Failure> {
    let mut prepared = Prepared::default();
    let mut failures = Vec::new();
    for agent in circumstances.agents {
        let chosen = mode::resolve(circumstances.config, circumstances.cell, *agent);
        tracing::debug!(
            agent = agent.word(),
            mode = chosen.auth_mode.word(),
            scope = chosen.scope.as_ref().map(ToString::to_string),
            "chose the mode"
        );
        prepared.modes.insert(*agent, chosen.auth_mode);
        match login::of(&circumstances, &chosen) {
            Ok(login) => {
                append(&mut prepared.payload, login.payload);
                prepared.lines.push(login.line);
                prepared.warnings.extend(login.warnings);
            }
            Err(failure) => failures.push(failure),
        }
    }
    match operator::variables(&circumstances) {
        Ok(variables) => prepared.payload.env.extend(variables),
        Err(more) => failures.extend(more),
    }
    leave_to_the_user(&mut prepared, circumstances.given);
    together(failures).map_or(Ok(prepared), Err)
}

impl Circumstances<'_> {
    /// The reader for the credential of `mode`. A value of the shell at
    /// launch is kept only as long as the mode is what it was then.
    fn reader_for(&self, mode: AuthMode) -> Reader<'_> {
        const NOTHING: &Payload = &Payload {
            env: Vec::new(),
            unset: Vec::new(),
            files: Vec::new(),
        };
        let launched = self.modes_at_launch.get(mode.agent().word());
        let shell = match self.reader.shell {
            Shell::Gone(_) if launched.is_none_or(|word| word != mode.word()) => {
                Shell::Gone(NOTHING)
            }
            shell => shell,
        };
        Reader {
            shell,
            ..self.reader
        }
    }
}

fn append(payload: &mut Payload, more: Payload) {
    payload.env.extend(more.env);
    payload.unset.extend(more.unset);
    payload.files.extend(more.files);
}

/// A variable that the user gives by flag is neither set nor taken away.
fn leave_to_the_user(prepared: &mut Prepared, given: &BTreeSet<String>) {
    let payload = &mut prepared.payload;
    let mut left: BTreeSet<String> = BTreeSet::new();
    payload.env.retain(|variable| {
        let taken = given.contains(variable.name.as_str());
        left.extend(taken.then(|| variable.name.as_str().to_owned()));
        !taken
    });
    payload.unset.retain(|name| {
        let taken = given.contains(name.as_str());
        left.extend(taken.then(|| name.as_str().to_owned()));
        !taken
    });
    for name in left {
        prepared.warnings.push(format!(
            "{name} is given by a docker flag, which wins; its value shows in `docker inspect`"
        ));
    }
}

/// Several failures as one, each with all it has to say.
fn together(mut failures: Vec<Failure>) -> Option<Failure> {
    if failures.len() < 2 {
        return failures.pop();
    }
    let message = format!("{} values could not be had", failures.len());
    let mut all = Failure::new(Kind::Configuration, message);
    for failure in failures {
        all.hints.push(failure.message);
        let hints = failure.hints.into_iter();
        all.hints.extend(hints.map(|hint| format!("  {hint}")));
    }
    Some(all)
}

#[cfg(test)]
#[path = "delivery/tests.rs"]
mod tests;
