//! One agent's login: its payload and its line on the screen.

use std::fmt;
use std::time::SystemTime;

use jackin_oci_hook::payload::Payload;
use secrecy::{ExposeSecret, SecretString};

use super::Circumstances;
use super::session::{self, Session};
use crate::agent::login::Setting;
use crate::agent::{Agent, claude, opencode};
use crate::auth::credential::{self, Credential, Need, Search};
use crate::auth::mode::{ChosenMode, Mode};
use crate::failure::{Failure, Kind};
use crate::live::Publication;
use crate::mounted;
use crate::source::{Shell, Source, SourceError, Wanted};
use crate::span;
use crate::token::known::Delivered;

/// What one agent is given, and what is said about it.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) payload: Payload,
    pub(super) line: AuthLine,
    pub(super) warnings: Vec<String>,
    /// Where its credential came from, in words.
    pub(super) source: Option<String>,
    /// The host's login that is forwarded.
    pub(super) session: Option<Session>,
    /// What is to be published for the container to follow.
    pub(super) live: Option<Publication>,
    /// The fingerprint of the host's login, for the next start.
    pub(super) fingerprint: Option<String>,
    /// Claude's long-lived token, if it is one.
    pub(super) token: Option<Box<Delivered>>,
}

impl Login {
    pub(super) fn new(agent: Agent, payload: Payload, text: String, outlook: Outlook) -> Self {
        Self {
            payload,
            line: AuthLine {
                agent,
                text,
                outlook,
            },
            warnings: Vec::new(),
            source: None,
            session: None,
            live: None,
            fingerprint: None,
            token: None,
        }
    }
}

/// One agent's line on the screen: mode, source and scope, never the value.
#[derive(Debug, PartialEq, Eq)]
pub struct AuthLine {
    /// The agent.
    pub agent: Agent,
    /// What is said.
    pub text: String,
    /// What it means for the agent's start.
    pub outlook: Outlook,
}

/// What a login means for the agent's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// It starts logged in.
    LoggedIn,
    /// It may not be what the user expects.
    Doubtful,
    /// It will soon not be logged in any more, or is not by now.
    Urgent,
    /// It starts without a login of ours, as was asked.
    LeftAlone,
}

impl fmt::Display for AuthLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} auth: {}", self.agent.word(), self.text)
    }
}

/// From how many days before its end on a token's end is shown as doubtful.
const NEAR: u64 = 30;

/// The same as urgent.
const VERY_NEAR: u64 = 7;

const DAY: u64 = 24 * 60 * 60;

/// Says on Claude's line when its token ends.
pub fn tell_end(lines: &mut [AuthLine], ends: SystemTime, now: SystemTime) {
    let mut lines = lines.iter_mut();
    let Some(line) = lines.find(|line| line.agent == Agent::Claude) else {
        return;
    };
    let left = ends.duration_since(now).map(|left| left.as_secs() / DAY);
    let (verb, outlook) = match left {
        Err(_) => ("expired", Outlook::Urgent),
        Ok(0..=VERY_NEAR) => ("expires", Outlook::Urgent),
        Ok(0..=NEAR) => ("expires", Outlook::Doubtful),
        Ok(_) => ("expires", line.outlook),
    };
    line.outlook = outlook;
    line.text
        .extend([", ", verb, " ", &span::from_now(ends, now)]);
}

/// What is to be done for an agent's login.
#[derive(Debug)]
pub(super) enum Plan<'a> {
    /// Nothing more.
    Settled(Box<Login>),
    /// A credential is to be read.
    Search(Search<'a>),
}

/// Decides what is to be done for an agent in the mode that was chosen.
pub(super) fn plan<'a>(
    circumstances: &Circumstances<'a>,
    chosen: &'a ChosenMode,
) -> Result<Plan<'a>, Failure> {
    let agent = chosen.auth_mode.agent();
    if chosen.auth_mode.mode() == Mode::Ignore {
        let text = format!("none (manual login required){}", from(chosen));
        let login = Login::new(agent, Payload::default(), text, Outlook::LeftAlone);
        return Ok(Plan::Settled(Box::new(login)));
    }
    let Some(need) = Need::of(circumstances.config, circumstances.cell, chosen.auth_mode) else {
        return session::login(circumstances, chosen).map(|login| Plan::Settled(Box::new(login)));
    };
    // A key that its agent reads from a file alone is still to be had.
    let by_variable = need.variable.filter(|_| agent.takes_key_by_variable());
    if let Some(variable) = by_variable.filter(|name| circumstances.given.contains(*name)) {
        let login = given(circumstances, chosen, variable)?;
        return Ok(Plan::Settled(Box::new(login)));
    }
    let search = Search::new(circumstances.config, circumstances.cell, chosen, need);
    Ok(Plan::Search(search))
}

/// The login of an agent whose credential the user gives to docker by flag.
fn given(
    circumstances: &Circumstances<'_>,
    chosen: &ChosenMode,
    variable: &str,
) -> Result<Login, Failure> {
    let source = format!("{variable} from a docker flag");
    let text = format!("{} ({source}){}", kind(chosen), from(chosen));
    let payload = payload_with(circumstances, chosen, &"given".into())?;
    let agent = chosen.auth_mode.agent();
    let mut login = Login::new(agent, payload, text, Outlook::LoggedIn);
    login.source = Some(source);
    Ok(login)
}

impl Plan<'_> {
    /// The login, from the values that were read, of which it takes its own.
    pub(super) fn conclude(
        self,
        circumstances: &Circumstances<'_>,
        read: &mut impl Iterator<Item = Result<SecretString, SourceError>>,
    ) -> Result<Login, Failure> {
        let search = match self {
            Self::Settled(login) => return Ok(*login),
            Self::Search(search) => search,
        };
        let written = search.deciding().map(|(_, value)| &value.written);
        let chosen = search.chosen();
        let agent = chosen.auth_mode.agent();
        let need = search.need();
        let read = search.deciding().and_then(|_| read.next());
        let read = match read {
            Some(Err(SourceError::NotAgain { .. }))
                if !agent.takes_key_by_variable() && circumstances.keeps(chosen.auth_mode) =>
            {
                match in_the_file(circumstances.shell, agent, need) {
                    Some(key) => Some(Ok(key)),
                    None => return Ok(lost(chosen)),
                }
            }
            read => read,
        };
        let Credential {
            value,
            source,
            scope,
        } = search.conclude(circumstances.config, read)?;
        let whose = need.provider.filter(|name| *name != opencode::OWN_PROVIDER);
        let whose = whose.map(|name| format!(" of {name}")).unwrap_or_default();
        let text = format!("{}{whose} ({source}, from {scope})", kind(chosen));
        let payload = payload_with(circumstances, chosen, &value)?;
        let mut login = Login::new(agent, payload, text, Outlook::LoggedIn);
        login.source = Some(source);
        if chosen.auth_mode.mode() == Mode::OauthToken {
            let source = written.and_then(|written| Source::parse(written).ok());
            login.token = source.map(|source| {
                Box::new(Delivered {
                    value: Some(value),
                    asks_a_program: source.asks_a_program(),
                    source: source.identity(),
                    scope,
                })
            });
        }
        Ok(login)
    }
}

/// The key that a container was given last in the agent's file, for one that
/// was in no variable. The file is the container's, and may hold anything.
fn in_the_file(shell: Shell<'_>, agent: Agent, need: Need<'_>) -> Option<SecretString> {
    let Shell::Gone(payload) = shell else {
        return None;
    };
    let key = agent.key_in(session::bound(payload, agent)?.expose(), need.provider);
    key.filter(|key| credential::is_one_line(key.expose_secret()))
}

/// What a container was given last for a mode whose credential cannot be had
/// again.
pub(super) fn last(
    circumstances: &Circumstances<'_>,
    chosen: &ChosenMode,
    need: Need<'_>,
    payload: &Payload,
) -> Option<Login> {
    let agent = chosen.auth_mode.agent();
    let variable = variable_of(agent, need).and_then(|name| {
        let mut variables = payload.env.iter();
        let last = variables.find(|variable| variable.name.as_str() == name)?;
        Some(SecretString::from(last.value.expose()))
    });
    let value = variable.or_else(|| in_the_file(circumstances.shell, agent, need))?;
    let payload = payload_with(circumstances, chosen, &value).ok()?;
    let text = format!("{} of the last start{}", kind(chosen), from(chosen));
    let mut login = Login::new(agent, payload, text, Outlook::Doubtful);
    login.source = Some("the last start".to_owned());
    Some(login)
}

/// By what a mode's credential is called among the values that are read.
pub(super) fn delivered_as(
    circumstances: &Circumstances<'_>,
    chosen: &ChosenMode,
) -> Option<&'static str> {
    let need = Need::of(circumstances.config, circumstances.cell, chosen.auth_mode)?;
    let variable = variable_of(chosen.auth_mode.agent(), need);
    Some(variable.unwrap_or(NO_VARIABLE))
}

/// The variable that holds an agent's credential in the container. Another
/// agent's variable of that name holds another agent's key.
fn variable_of(agent: Agent, need: Need<'_>) -> Option<&'static str> {
    need.variable
        .filter(|name| Agent::of_variable(name) == Some(agent))
}

/// What is left of a login whose key was in the agent's file alone, once the
/// container has taken it out there. It is no error: a container could else
/// keep its other logins, which the user may have taken back meanwhile.
fn lost(chosen: &ChosenMode) -> Login {
    let text = format!(
        "its key is gone from its file in the container{}",
        from(chosen)
    );
    let agent = chosen.auth_mode.agent();
    Login::new(agent, Payload::default(), text, Outlook::Doubtful)
}

/// By what a key is called that becomes no variable: no variable's name.
const NO_VARIABLE: &str = "api_key of opencode";

impl<'a> Search<'a> {
    /// The one value that is to be read for it.
    pub(super) fn wanted(&self, circumstances: &'a Circumstances<'_>) -> Option<Wanted<'a>> {
        let (_, value) = self.deciding()?;
        let mode = self.chosen().auth_mode;
        let variable = variable_of(mode.agent(), self.need());
        let shell = circumstances.shell_for(mode);
        Some(circumstances.wanted(value, variable.unwrap_or(NO_VARIABLE), shell))
    }
}

/// What a mode's credential is called.
fn kind(chosen: &ChosenMode) -> &'static str {
    match chosen.auth_mode.mode() {
        Mode::OauthToken => "long-lived OAuth token",
        _ => "API key",
    }
}

fn payload_with(
    circumstances: &Circumstances<'_>,
    chosen: &ChosenMode,
    value: &SecretString,
) -> Result<Payload, Failure> {
    let setting = circumstances.setting(chosen.auth_mode.agent());
    let payload = match chosen.auth_mode.mode() {
        Mode::OauthToken => claude::oauth_token(value, &setting),
        _ => chosen.auth_mode.agent().with_key(value, &setting),
    };
    payload.map_err(|error| Failure::new(Kind::Configuration, error))
}

impl Circumstances<'_> {
    /// What an agent's payload depends on beside its credential.
    pub(super) fn setting(&self, agent: Agent) -> Setting {
        Setting {
            trusted: self.trusted().unwrap_or_default(),
            provider: (agent == Agent::Opencode)
                .then(|| credential::provider(self.config, self.cell).to_owned()),
        }
    }

    /// The folders that the workspace declares trusted, and the one in them
    /// where the container starts: a repository within a trusted folder is
    /// asked about all the same.
    fn trusted(&self) -> Option<Vec<String>> {
        let workspace = self.config.workspaces.get(self.cell.workspace?)?;
        let workspace = Some(workspace).filter(|workspace| workspace.trust)?;
        let inside = mounted::inside(workspace, self.host.folder());
        let inside = inside.and_then(|inside| Some(inside.to_str()?.to_owned()));
        let mut trusted: Vec<_> = workspace
            .mounts
            .iter()
            .map(|mount| mount.dst.clone())
            .collect();
        trusted.extend(inside.filter(|inside| !trusted.contains(inside)));
        Some(trusted)
    }
}

/// `, from workspace my-app`; nothing for the default.
pub(super) fn from(chosen: &ChosenMode) -> String {
    chosen
        .scope
        .as_ref()
        .map(|scope| format!(", from {scope}"))
        .unwrap_or_default()
}
