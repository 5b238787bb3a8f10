//! What one container is given: every agent's login and the operator's
//! variables, as one payload, with a line on the screen for each agent.

mod again;
pub(crate) mod fingerprint;
mod login;
mod operator;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use jackin_oci_hook::payload::{Payload, Variable, VariableName};
use secrecy::SecretString;

pub use login::{AuthLine, Outlook, tell_end};
use login::{Login, Plan};
pub use session::{SOON, Session};

use crate::agent::Agent;
use crate::auth::mode::{self, AuthMode, ChosenMode};
use crate::auth::scope::Cell;
use crate::config::{Config, Value};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::live::Publication;
use crate::source::{self, Shell, Source, SourceError, Wanted};
use crate::token::known::Delivered;

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
    /// The modes at the last start, when this is a later one; empty at launch.
    pub modes_at_launch: &'a BTreeMap<String, String>,
    /// The fingerprints of the host's logins then, by [`Prepared::logins`].
    pub logins_at_launch: &'a BTreeMap<String, String>,
    /// What each value's source was then, by [`Prepared::sources`].
    pub sources_at_launch: &'a BTreeMap<String, String>,
    /// The machine whose logins and files are read.
    pub host: &'a Host,
    /// The shell whose variables are read, or what is left of it.
    pub shell: Shell<'a>,
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
    /// What the source of each variable is, so that a later start does not
    /// keep the value of another one: no secret.
    pub sources: BTreeMap<String, String>,
    /// The fingerprint of each host login, by the agents' words, for the next
    /// start.
    pub logins: BTreeMap<String, String>,
    /// What each agent's login is, for the launch's record: no secret.
    pub provided: Vec<Provided>,
    /// The logins that the container follows, to be published before it comes.
    pub live: Vec<Publication>,
    /// Claude's long-lived token, if that is what it is given.
    pub token: Option<Delivered>,
}

/// What one agent is given, without what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// Its mode, and who chose it.
    pub chosen: ChosenMode,
    /// Where its credential came from, in words.
    pub source: Option<String>,
    /// The host's login that is forwarded.
    pub session: Option<Session>,
}

/// Prepares what the container is given.
///
/// What is to be read is collected first, so that it can be read all at once.
///
/// # Errors
/// All the credentials and variables that cannot be had, together.
pub fn prepare(circumstances: Circumstances<'_>) -> Result<Prepared, Failure> {
    prepare_by(circumstances, source::read_all)
}

/// What a container would be given, without what it is: what can be said
/// before any program is asked for a value.
#[derive(Debug)]
pub struct Rehearsed {
    /// One line an agent.
    pub lines: Vec<AuthLine>,
    /// Further words for the user.
    pub warnings: Vec<String>,
    /// What each agent's login would be.
    pub provided: Vec<Provided>,
    /// What the source of each variable is.
    pub sources: BTreeMap<String, String>,
    /// Claude's long-lived token, if that is what it would be given.
    pub token: Option<Delivered>,
}

/// Rehearses a launch: all that is decided and read for it, but for what a
/// program would have to be asked.
///
/// # Errors
/// As [`prepare`], as far as it gets.
pub fn rehearse(circumstances: Circumstances<'_>) -> Result<Rehearsed, Failure> {
    // Its payload has values that are none, and goes nowhere.
    let prepared = prepare_by(circumstances, source::read_without_asking)?;
    Ok(Rehearsed {
        lines: prepared.lines,
        warnings: prepared.warnings,
        provided: prepared.provided,
        sources: prepared.sources,
        token: prepared.token.map(|token| Delivered {
            // What stands for a value that was not asked for is no token.
            value: token.value.filter(|_| !token.asks_a_program),
            ..token
        }),
    })
}

type Reader = fn(&Host, &[Wanted<'_>]) -> Vec<Result<SecretString, SourceError>>;

fn prepare_by(circumstances: Circumstances<'_>, read: Reader) -> Result<Prepared, Failure> {
    let modes: Vec<ChosenMode> = circumstances
        .agents
        .iter()
        .map(|agent| circumstances.mode_of(*agent))
        .collect();
    let plans: Vec<_> = modes
        .iter()
        .map(|chosen| login::plan(&circumstances, chosen))
        .collect();
    let operators = operator::wanted(&circumstances);
    let credentials = plans.iter().filter_map(|plan| match plan {
        Ok(Plan::Search(search)) => search.wanted(&circumstances),
        _ => None,
    });
    let variables = operators
        .iter()
        .map(|(name, value)| circumstances.wanted(value, name.as_str(), circumstances.shell));
    let wanted: Vec<Wanted<'_>> = credentials.chain(variables).collect();
    let mut read = read(circumstances.host, &wanted).into_iter();

    let mut prepared = Prepared {
        sources: sources_of(&wanted),
        ..Prepared::default()
    };
    let mut failures = Vec::new();
    for (chosen, plan) in modes.iter().zip(plans) {
        let login = plan.and_then(|plan| plan.conclude(&circumstances, &mut read));
        failures.extend(prepared.add_login(&circumstances, chosen, login).err());
    }
    for ((name, value), read) in operators.iter().zip(read) {
        let variable = operator::variable(&circumstances, name, value, read);
        failures.extend(prepared.add_variable(&circumstances, name, variable).err());
    }
    leave_to_the_user(&mut prepared, circumstances.given);
    let failure = match circumstances.shell {
        Shell::Absent => in_one_line(&failures),
        Shell::Live(_) | Shell::Gone(_) => together(failures),
    };
    failure.map_or(Ok(prepared), Err)
}

/// The source of each value that can be read at all.
fn sources_of(wanted: &[Wanted<'_>]) -> BTreeMap<String, String> {
    let sources = wanted.iter().filter_map(|wanted| {
        let source = Source::parse(&wanted.value.written).ok()?;
        Some((wanted.delivered_as.to_owned(), source.identity()))
    });
    sources.collect()
}

impl Circumstances<'_> {
    /// The wish for the value that becomes the variable `delivered_as`.
    fn wanted<'w>(
        &'w self,
        value: &'w Value,
        delivered_as: &'w str,
        shell: Shell<'w>,
    ) -> Wanted<'w> {
        let at_launch = self.sources_at_launch.get(delivered_as);
        Wanted {
            value,
            delivered_as,
            shell,
            at_launch: at_launch.map(String::as_str),
        }
    }
}

impl Circumstances<'_> {
    fn mode_of(&self, agent: Agent) -> ChosenMode {
        let trace = mode::trace(self.config, self.cell, agent);
        let mode = trace.decided.word();
        tracing::debug!(agent = agent.word(), mode, %trace, "chose the mode");
        trace.into()
    }

    /// The shell for the credential of `mode`. A value of the shell at launch
    /// is kept only as long as the mode is what it was then.
    fn shell_for(&self, mode: AuthMode) -> Shell<'_> {
        const NOTHING: &Payload = &Payload {
            env: Vec::new(),
            unset: Vec::new(),
            files: Vec::new(),
        };
        match self.shell {
            Shell::Gone(_) if !self.keeps(mode) => Shell::Gone(NOTHING),
            shell => shell,
        }
    }

    /// Whether its agent was in that mode at the last start, too.
    fn keeps(&self, mode: AuthMode) -> bool {
        let launched = self.modes_at_launch.get(mode.agent().word());
        launched.is_some_and(|word| word == mode.word())
    }
}

impl Prepared {
    /// The mode of each agent, both by their words.
    pub fn mode_words(&self) -> BTreeMap<String, String> {
        let modes = self.modes.iter();
        modes
            .map(|(agent, mode)| (agent.word().to_owned(), mode.word().to_owned()))
            .collect()
    }

    /// Takes the source of a value for what it was at the last start, since the
    /// value is still that one's.
    fn forget_source(&mut self, circumstances: &Circumstances<'_>, name: Option<&str>) {
        let Some(name) = name else { return };
        match circumstances.sources_at_launch.get(name) {
            Some(source) => self.sources.insert(name.to_owned(), source.clone()),
            None => self.sources.remove(name),
        };
    }

    /// Adds an agent's login, at a later start perhaps the one it had.
    fn add_login(
        &mut self,
        circumstances: &Circumstances<'_>,
        chosen: &ChosenMode,
        login: Result<Login, Failure>,
    ) -> Result<(), Failure> {
        let mode = chosen.auth_mode;
        self.modes.insert(mode.agent(), mode);
        let login = login.or_else(|failure| {
            self.forget_source(circumstances, login::delivered_as(circumstances, chosen));
            again::login(circumstances, chosen, failure)
        })?;
        self.add(chosen, login);
        Ok(())
    }

    /// Adds an operator's variable, at a later start perhaps as it was.
    fn add_variable(
        &mut self,
        circumstances: &Circumstances<'_>,
        name: &VariableName,
        variable: Result<Variable, Failure>,
    ) -> Result<(), Failure> {
        match variable {
            Ok(variable) => self.add_operators(variable),
            Err(failure) => {
                let (last, warning) = again::variable(circumstances, name, failure)?;
                self.forget_source(circumstances, Some(name.as_str()));
                self.warnings.push(warning);
                if let Some(last) = last {
                    self.add_operators(last);
                }
            }
        }
        Ok(())
    }

    /// Adds an operator's variable, unless it would outrank a login.
    fn add_operators(&mut self, variable: Variable) {
        let Variable { name, .. } = &variable;
        if self.payload.unset.contains(name) {
            self.warnings.push(format!(
                "{name} is not delivered: it would outrank an agent's login; that agent's \
                 auth_forward = \"ignore\" lets it through"
            ));
        } else {
            self.payload.env.push(variable);
        }
    }

    fn add(&mut self, chosen: &ChosenMode, login: Login) {
        self.provided.push(Provided {
            chosen: chosen.clone(),
            source: login.source,
            session: login.session,
        });
        let agent = chosen.auth_mode.agent().word().to_owned();
        self.logins
            .extend(login.fingerprint.map(|fingerprint| (agent, fingerprint)));
        self.live.extend(login.live);
        self.token = self.token.take().or(login.token.map(|token| *token));
        append(&mut self.payload, login.payload);
        self.lines.push(login.line);
        self.warnings.extend(login.warnings);
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

/// Several failures as one line, which is all that an engine's log takes.
fn in_one_line(failures: &[Failure]) -> Option<Failure> {
    let messages: Vec<_> = failures.iter().map(|one| one.message.as_str()).collect();
    let failure = Failure::new(Kind::Configuration, messages.join("; "));
    (!failures.is_empty()).then_some(failure)
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

#[cfg(test)]
#[path = "delivery/again_tests.rs"]
mod again_tests;

#[cfg(test)]
#[path = "delivery/agents_tests.rs"]
mod agents_tests;
