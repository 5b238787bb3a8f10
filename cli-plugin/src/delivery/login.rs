//! One agent's login: its payload and its line on the screen.

use std::fmt;
use std::time::SystemTime;

use jackin_oci_hook::payload::Payload;
use secrecy::SecretString;

use super::Circumstances;
use crate::agent::login::{Found, Origin, Setting};
use crate::agent::{Agent, claude};
use crate::auth::credential::{self, Credential, Search};
use crate::auth::mode::{ChosenMode, Mode};
use crate::failure::{Failure, Kind};
use crate::source::{SourceError, Wanted};

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
}

/// A login of the host's that is forwarded to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where it lies on the host.
    pub origin: Origin,
    /// When it ends; `None` when it does not, or does not say.
    pub ends: Option<SystemTime>,
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
    /// It starts without a login of ours, as was asked.
    LeftAlone,
}

impl fmt::Display for AuthLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} auth: {}", self.agent.word(), self.text)
    }
}

/// What is to be done for an agent's login.
#[derive(Debug)]
pub(super) enum Plan<'a> {
    /// Nothing more.
    Settled(Login),
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
        let login = login(agent, Payload::default(), text, Outlook::LeftAlone);
        return Ok(Plan::Settled(login));
    }
    let Some(need) = credential::need_of(chosen.auth_mode) else {
        return host_login(circumstances, chosen).map(Plan::Settled);
    };
    if circumstances.given.contains(need.variable) {
        let kind = kind(chosen);
        let text = format!(
            "{kind} ({} from a docker flag){}",
            need.variable,
            from(chosen)
        );
        let payload = payload_with(circumstances, chosen, &"given".into())?;
        let mut login = login(agent, payload, text, Outlook::LoggedIn);
        login.source = Some(format!("{} from a docker flag", need.variable));
        return Ok(Plan::Settled(login));
    }
    let search = Search::new(circumstances.config, circumstances.cell, chosen, need);
    Ok(Plan::Search(search))
}

impl Plan<'_> {
    /// The login, from the values that were read, of which it takes its own.
    pub(super) fn conclude(
        self,
        circumstances: &Circumstances<'_>,
        read: &mut impl Iterator<Item = Result<SecretString, SourceError>>,
    ) -> Result<Login, Failure> {
        let search = match self {
            Self::Settled(login) => return Ok(login),
            Self::Search(search) => search,
        };
        let read = search.deciding().and_then(|_| read.next());
        let chosen = search.chosen();
        let Credential {
            value,
            source,
            scope,
        } = search.conclude(circumstances.config, read)?;
        let text = format!("{} ({source}, from {scope})", kind(chosen));
        let payload = payload_with(circumstances, chosen, &value)?;
        let agent = chosen.auth_mode.agent();
        let mut login = login(agent, payload, text, Outlook::LoggedIn);
        login.source = Some(source);
        Ok(login)
    }
}

impl<'a> Search<'a> {
    /// The one value that is to be read for it.
    pub(super) fn wanted(&self, circumstances: &'a Circumstances<'_>) -> Option<Wanted<'a>> {
        let (_, value) = self.deciding()?;
        let shell = circumstances.shell_for(self.chosen().auth_mode);
        Some(circumstances.wanted(value, self.need().variable, shell))
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
    let setting = circumstances.setting();
    let payload = match chosen.auth_mode.mode() {
        Mode::OauthToken => claude::oauth_token(value, &setting),
        _ => chosen.auth_mode.agent().with_key(value, &setting),
    };
    payload.map_err(|error| Failure::new(Kind::Configuration, error))
}

impl Circumstances<'_> {
    /// What an agent's seed depends on beside its login.
    fn setting(&self) -> Setting {
        let workspace = self.cell.workspace;
        let workspace = workspace.and_then(|name| self.config.workspaces.get(name));
        let trusted = workspace.filter(|workspace| workspace.trust);
        let mounts = trusted.into_iter().flat_map(|workspace| &workspace.mounts);
        Setting {
            trusted: mounts.map(|mount| mount.dst.clone()).collect(),
            ..Setting::default()
        }
    }
}

fn host_login(circumstances: &Circumstances<'_>, chosen: &ChosenMode) -> Result<Login, Failure> {
    let agent = chosen.auth_mode.agent();
    let described = agent.description();
    let host = circumstances.host;
    let found = agent.host_login(host).map_err(|error| {
        let message = format!("failed to read {agent}'s login on this host: {error}");
        Failure::new(Kind::Configuration, message)
            .hint("make the file your own and readable, or choose another auth_forward")
    })?;
    let nothing = |text: String| login(agent, Payload::default(), text, Outlook::Doubtful);
    Ok(match found {
        Found::Missing(_) => nothing(format!(
            "no host session to forward (sync), log in with `{}` on this host{}",
            described.log_in,
            from(chosen)
        )),
        Found::Unusable { origin, why } => {
            let mut login = nothing(format!("no usable host session (sync){}", from(chosen)));
            login.warnings.push(format!(
                "{origin} {why} and is not forwarded; log in with `{}` on this host",
                described.log_in
            ));
            login
        }
        Found::Login(session) => {
            let expired = session
                .expires
                .is_some_and(|ends| ends <= circumstances.now);
            let text = format!("forwarded host session (sync){}", from(chosen));
            let forwarded = Session {
                origin: session.origin.clone(),
                ends: session.expires,
            };
            let payload = agent.sync(session, host, &circumstances.setting());
            let mut login = login(agent, payload, text, Outlook::LoggedIn);
            login.source = Some(forwarded.origin.to_string());
            login.session = Some(forwarded);
            if expired {
                login.line.outlook = Outlook::Doubtful;
                login.warnings.push(format!(
                    "{agent}'s login on this host has expired; `{}` renews it",
                    described.renew
                ));
            }
            login
        }
    })
}

fn login(agent: Agent, payload: Payload, text: String, outlook: Outlook) -> Login {
    Login {
        payload,
        line: AuthLine {
            agent,
            text,
            outlook,
        },
        warnings: Vec::new(),
        source: None,
        session: None,
    }
}

/// `, from workspace my-app`; nothing for the default.
fn from(chosen: &ChosenMode) -> String {
    chosen
        .scope
        .as_ref()
        .map(|scope| format!(", from {scope}"))
        .unwrap_or_default()
}
