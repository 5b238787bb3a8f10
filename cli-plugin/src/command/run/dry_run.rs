//! `docker jackin run --dry-run`: what a launch would do, for people to read
//! and copy, and for programs.

use std::fmt::{self, Display};
use std::process::ExitCode;
use std::time::SystemTime;

use serde::Serialize;

use super::decided::Launch;
use super::docker_line::DockerLine;
use crate::agent::Agent;
use crate::auth::credential::{Need, Search};
use crate::auth::mode;
use crate::auth::scope::effective_variables;
use crate::command::channel::HandleBy;
use crate::command::issue::token;
use crate::command::screen;
use crate::command::status::Format;
use crate::delivery::{self, Provided, Rehearsed};
use crate::engine;
use crate::failure::Failure;
use crate::source::Source;

/// What stands for the random parts of an id.
const MASK: &str = "…";

/// What chooses where no scope does.
const DEFAULT: &str = "default";

/// Shows what the launch would do. What is decided before the engine is asked
/// is shown also where that is down.
///
/// # Errors
/// What keeps the launch from starting, as far as it can be told without
/// asking any program for a value.
pub(super) fn show(launch: &Launch<'_>, format: Format) -> Result<ExitCode, Failure> {
    let now = SystemTime::now();
    let mut rehearsed = launch.order().with_circumstances(now, delivery::rehearse)?;
    token::look(&launch.config, &mut rehearsed, now);
    launch.warn(&rehearsed.warnings);
    let engine = engine::connect(&launch.endpoint).map_err(Failure::from);
    let channel = engine.and_then(|engine| super::channel(&engine, launch));
    let (docker, trouble) = match channel {
        Ok(handle_by) => (Some(docker(launch, handle_by)), None),
        Err(failure) => (None, Some(failure)),
    };
    let report = Report {
        agents: agents(launch, &rehearsed),
        variables: variables(launch, &rehearsed),
        docker,
    };
    let shown = screen::show(&report, format)?;
    trouble.map_or(Ok(shown), Err)
}

fn docker(launch: &Launch<'_>, handle_by: HandleBy) -> Docker {
    let handle = format!("{}.{MASK}", launch.host.uid());
    let labels = launch.labels(MASK);
    Docker::new(launch, &launch.docker_line(&handle, handle_by, &labels))
}

/// All that is shown.
#[derive(Debug, Serialize)]
struct Report {
    agents: Vec<AgentReport>,
    variables: Vec<VariableReport>,
    /// `None` where the engine did not say by which way it takes a handle.
    docker: Option<Docker>,
}

/// What one agent would be given.
#[derive(Debug, Serialize)]
struct AgentReport {
    agent: &'static str,
    /// Its line on the screen.
    auth: String,
    mode: &'static str,
    /// The scope that chose the mode; `None` for the default.
    chosen_by: Option<String>,
    /// Where the credential would come from.
    source: Option<String>,
    /// Whether a program would be asked for it at the launch, and was not now.
    not_asked: bool,
    /// What each scope says of the mode, the nearest first.
    trace: Vec<Said>,
}

/// What one scope says of a mode.
#[derive(Debug, Serialize)]
struct Said {
    scope: String,
    says: String,
}

/// An operator variable.
#[derive(Debug, Serialize)]
struct VariableReport {
    name: String,
    source: String,
    /// The layer that wins.
    scope: String,
    /// Whether a program would be asked for it at the launch, and was not now.
    not_asked: bool,
}

/// The docker that would be started.
#[derive(Debug, Serialize)]
struct Docker {
    program: String,
    arguments: Vec<String>,
    /// What it would find in its environment beside ours, as `NAME=value`.
    variables: Vec<String>,
}

fn agents(launch: &Launch<'_>, rehearsed: &Rehearsed) -> Vec<AgentReport> {
    let provided = rehearsed.provided.iter().zip(&rehearsed.lines);
    let reports = provided.map(|(one, line)| {
        let Provided { chosen, source, .. } = one;
        let agent = chosen.auth_mode.agent();
        let trace = mode::trace(&launch.config, launch.cell(), agent).said;
        let trace = trace.into_iter().map(|(scope, said)| Said {
            scope: scope.to_string(),
            says: said.to_string(),
        });
        AgentReport {
            agent: agent.word(),
            auth: line.text.clone(),
            mode: chosen.auth_mode.word(),
            chosen_by: chosen.scope.as_ref().map(ToString::to_string),
            not_asked: is_not_asked(launch, one),
            source: source.clone(),
            trace: trace.collect(),
        }
    });
    reports.collect()
}

/// Whether the login's credential comes from a program.
fn is_not_asked(launch: &Launch<'_>, provided: &Provided) -> bool {
    let (config, cell, chosen) = (&launch.config, launch.cell(), &provided.chosen);
    let Some(need) = Need::of(config, cell, chosen.auth_mode) else {
        return false;
    };
    let search = Search::new(config, cell, chosen, need);
    let Some((_, value)) = search.deciding() else {
        return false;
    };
    // One that docker is given by flag is not looked for.
    let looked_for = provided.source.as_ref() == Some(&Source::shown(&value.written));
    looked_for && Source::would_ask_a_program(&value.written)
}

fn variables(launch: &Launch<'_>, rehearsed: &Rehearsed) -> Vec<VariableReport> {
    let effective = effective_variables(&launch.config, launch.cell()).into_iter();
    // Those that were wanted, and are no credential of an agent's.
    let operators = effective.filter(|one| {
        let name = one.name.as_str();
        rehearsed.sources.contains_key(name) && Agent::of_variable(name).is_none()
    });
    let reports = operators.map(|one| VariableReport {
        name: one.name.to_string(),
        source: Source::shown(&one.value.written),
        scope: one.scope.to_string(),
        not_asked: Source::would_ask_a_program(&one.value.written),
    });
    reports.collect()
}

impl Docker {
    fn new(launch: &Launch<'_>, line: &DockerLine<'_>) -> Self {
        let arguments = line.arguments().into_iter();
        let arguments = arguments.map(|word| word.to_string_lossy().into_owned());
        let variables = line.variables().into_iter();
        Self {
            program: launch.docker.display().to_string(),
            arguments: arguments.collect(),
            variables: variables
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for agent in &self.agents {
            writeln!(f, "{agent}")?;
        }
        for variable in &self.variables {
            writeln!(f, "{variable}")?;
        }
        match &self.docker {
            Some(docker) => write!(f, "\n{docker}"),
            None => Ok(()),
        }
    }
}

impl Display for AgentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} auth: {}{}",
            self.agent,
            self.auth,
            unasked(self.not_asked)
        )?;
        let by_default = self.chosen_by.is_none().then_some((DEFAULT, self.mode));
        let said = self.trace.iter();
        let said = said.map(|said| (said.scope.as_str(), said.says.as_str()));
        let said: Vec<_> = said.chain(by_default).collect();
        let width = said.iter().map(|(scope, _)| scope.chars().count()).max();
        let width = width.unwrap_or(0);
        for (scope, says) in said {
            write!(f, "\n  {scope:<width$}  {says}")?;
        }
        Ok(())
    }
}

impl Display for VariableReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            source,
            scope,
            ..
        } = self;
        write!(
            f,
            "{name}: {source}, from {scope}{}",
            unasked(self.not_asked)
        )
    }
}

fn unasked(not_asked: bool) -> &'static str {
    if not_asked { ", not asked" } else { "" }
}

impl Display for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.variables.iter().map(|variable| {
            // Only its value may be quoted, or it would be no assignment.
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            format!("{name}={}", shell_words::quote(value))
        });
        let program = std::iter::once(&self.program);
        let line = program.chain(&self.arguments);
        let line = line.map(|word| shell_words::quote(word).into_owned());
        f.write_str(&words.chain(line).collect::<Vec<_>>().join(" "))
    }
}
