//! One agent's login: its payload and its line on the screen.

use std::fmt;

use jackin_oci_hook::payload::Payload;

use super::Circumstances;
use crate::agent::Agent;
use crate::agent::claude::{self, Found, LoginState};
use crate::auth::credential::{self, Credential, Need};
use crate::auth::mode::{ChosenMode, Mode};
use crate::failure::{Failure, Kind};

/// What one agent is given, and what is said about it.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) payload: Payload,
    pub(super) line: AuthLine,
    pub(super) warnings: Vec<String>,
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

/// The login of one agent in the mode that was chosen for it.
pub(super) fn of(circumstances: &Circumstances<'_>, chosen: &ChosenMode) -> Result<Login, Failure> {
    let agent = chosen.auth_mode.agent();
    if chosen.auth_mode.mode() == Mode::Ignore {
        let text = format!("none (manual login required){}", from(chosen));
        return Ok(login(agent, Payload::default(), text, Outlook::LeftAlone));
    }
    match agent {
        Agent::Claude => of_claude(circumstances, chosen),
        Agent::Codex | Agent::Amp | Agent::Opencode => {
            let text = "not supported yet by this version, nothing forwarded".to_owned();
            Ok(login(agent, Payload::default(), text, Outlook::Doubtful))
        }
    }
}

fn of_claude(circumstances: &Circumstances<'_>, chosen: &ChosenMode) -> Result<Login, Failure> {
    let Some(need) = credential::need_of(chosen.auth_mode.mode()) else {
        return host_login(circumstances, chosen);
    };
    let kind = match chosen.auth_mode.mode() {
        Mode::OauthToken => "long-lived OAuth token",
        _ => "API key",
    };
    if circumstances.given.contains(need.variable) {
        let text = format!(
            "{kind} ({} from a docker flag){}",
            need.variable,
            from(chosen)
        );
        let payload = payload_with(need, &"given".into())?;
        return Ok(login(Agent::Claude, payload, text, Outlook::LoggedIn));
    }
    let reader = circumstances.reader_for(chosen.auth_mode);
    let found = credential::find(
        circumstances.config,
        circumstances.cell,
        chosen,
        need,
        &reader,
    )?;
    let Credential {
        value,
        source,
        scope,
    } = found;
    let text = format!("{kind} ({source}, from {scope})");
    let payload = payload_with(need, &value)?;
    Ok(login(Agent::Claude, payload, text, Outlook::LoggedIn))
}

fn payload_with(need: Need, value: &secrecy::SecretString) -> Result<Payload, Failure> {
    let payload = if need.variable == claude::OAUTH_TOKEN {
        claude::oauth_token(value)
    } else {
        claude::api_key(value)
    };
    payload.map_err(|error| Failure::new(Kind::Configuration, error))
}

fn host_login(circumstances: &Circumstances<'_>, chosen: &ChosenMode) -> Result<Login, Failure> {
    let host = circumstances.reader.host;
    let found = claude::read_host_login(host, circumstances.now).map_err(|error| {
        Failure::new(
            Kind::Configuration,
            format!("failed to read claude's login on this host: {error}"),
        )
        .hint("make the file your own and readable, or choose another auth_forward")
    })?;
    let nothing = |text: String| login(Agent::Claude, Payload::default(), text, Outlook::Doubtful);
    Ok(match found {
        Found::Missing => nothing(format!(
            "no host session to forward (sync), log in with `claude` on this host{}",
            from(chosen)
        )),
        Found::Unusable(path) => {
            let mut login = nothing(format!("no usable host session (sync){}", from(chosen)));
            login.warnings.push(format!(
                "{} holds no login and is not forwarded; log in with `claude` on this host",
                path.display()
            ));
            login
        }
        Found::Login(session) => {
            let expired = session.state == LoginState::Expired;
            let text = format!("forwarded host session (sync){}", from(chosen));
            let payload = claude::sync(session, claude::account(host));
            let mut login = login(Agent::Claude, payload, text, Outlook::LoggedIn);
            if expired {
                login.line.outlook = Outlook::Doubtful;
                login.warnings.push(
                    "claude's login on this host has expired; `claude auth status` renews it"
                        .to_owned(),
                );
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
