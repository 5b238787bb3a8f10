//! The credential that a mode needs: from the agent's own slot, else from the
//! operator variable of that name, with a trace of every scope asked.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::mode::{ChosenMode, Mode};
use super::scope::{Cell, Scope};
use crate::agent::{Agent, claude};
use crate::config::{AgentBlock, Config, Value};
use crate::failure::{Failure, Kind};
use crate::source::{Reader, Source, SourceError};

/// A credential with its history, which may be shown while it may not.
#[derive(Debug)]
pub struct Credential {
    /// The value; never empty.
    pub value: SecretString,
    /// Where the value came from, in words.
    pub source: String,
    /// The scope that named the source.
    pub scope: Scope,
}

/// The slot and the variable from which a mode takes its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The key in the agent's block.
    pub slot: &'static str,
    /// The variable that carries the credential in the container, and the
    /// operator variable that may name it.
    pub variable: &'static str,
}

/// What a mode of Claude's needs; `None` when it needs no credential.
pub fn need_of(mode: Mode) -> Option<Need> {
    match mode {
        Mode::ApiKey => Some(Need {
            slot: "api_key",
            variable: claude::API_KEY,
        }),
        Mode::OauthToken => Some(Need {
            slot: "oauth_token",
            variable: claude::OAUTH_TOKEN,
        }),
        Mode::Sync | Mode::Ignore => None,
    }
}

/// What one scope held when it was asked.
#[derive(Debug)]
enum Held {
    Unset,
    /// Something, but a nearer scope had decided already.
    Declared,
    ResolvedEmpty(String),
    Failed(SourceError),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Declared => f.write_str("declared, not asked"),
            Self::ResolvedEmpty(source) => write!(f, "resolved empty ({source})"),
            Self::Failed(error) => write!(f, "declared, but {error}"),
        }
    }
}

/// Finds the credential for the mode that was chosen.
///
/// The nearest scope that declares one decides, even when what it declares
/// turns out empty: falling through would deliver another account's login.
///
/// # Errors
/// No scope declares one, or it resolves to nothing: with the whole trace.
pub fn find(
    config: &Config,
    cell: Cell<'_>,
    chosen: &ChosenMode,
    need: Need,
    reader: &Reader<'_>,
) -> Result<Credential, Failure> {
    let agent = chosen.auth_mode.agent();
    let mut asked: Vec<(String, Held)> = Vec::new();
    let mut decided = false;
    for (place, scope, value) in declarations(config, cell, agent, need) {
        let held = match value {
            None => Held::Unset,
            Some(_) if decided => Held::Declared,
            Some(value) => {
                decided = true;
                match read(value, need, reader) {
                    Ok((value, source)) if !value.expose_secret().trim().is_empty() => {
                        return Ok(Credential {
                            value,
                            source,
                            scope,
                        });
                    }
                    Ok((_, source)) => Held::ResolvedEmpty(source),
                    Err(error) => Held::Failed(error),
                }
            }
        };
        asked.push((place, held));
    }
    Err(missing(config, chosen, need, &asked))
}

/// Every place that may declare the credential, the nearest slot first, the
/// farthest operator variable last.
fn declarations<'a>(
    config: &'a Config,
    cell: Cell<'a>,
    agent: Agent,
    need: Need,
) -> Vec<(String, Scope, Option<&'a Value>)> {
    let slot = |block: &'a AgentBlock| match need.slot {
        "oauth_token" => block.oauth_token.as_ref(),
        _ => block.api_key.as_ref(),
    };
    let slots = cell
        .agent_blocks(config, agent)
        .into_iter()
        .map(|(scope, block)| {
            let place = format!("{} {}", scope.table(agent.word()), need.slot);
            (place, scope, block.and_then(slot))
        });
    let variables = cell.variables(config).into_iter().map(|(scope, env)| {
        let place = format!("{} {}", scope.table("env"), need.variable);
        let value = env.and_then(|env| {
            env.iter()
                .find(|(name, _)| name.as_str() == need.variable)
                .map(|(_, value)| value)
        });
        (place, scope, value)
    });
    slots.chain(variables).collect()
}

fn read(
    value: &Value,
    need: Need,
    reader: &Reader<'_>,
) -> Result<(SecretString, String), SourceError> {
    let source = Source::parse(&value.text)?;
    let read = reader.read(&source, need.variable)?;
    Ok((read, source.to_string()))
}

/// The two-part trace: who chose the mode, and what every scope held.
fn missing(config: &Config, chosen: &ChosenMode, need: Need, asked: &[(String, Held)]) -> Failure {
    let agent = chosen.auth_mode.agent().word();
    let mode = chosen.auth_mode.word();
    let by = match &chosen.scope {
        Some(scope) => format!("chosen by {scope}"),
        None => "by default".to_owned(),
    };
    let mut failure = Failure::new(
        Kind::Configuration,
        format!("no credential for {agent}: mode {mode} needs one"),
    )
    .hint(format!("{agent} auth_forward = \"{mode}\", {by}"))
    .hint(format!("{} was looked for in:", need.variable));
    let width = asked.iter().map(|(place, _)| place.chars().count()).max();
    for (place, held) in asked {
        let width = width.unwrap_or_default();
        failure = failure.hint(format!("  {place:<width$}  {held}"));
    }
    let scope = chosen.scope.clone().unwrap_or(Scope::Global);
    failure.hint(format!(
        "set {} in {} of {}, or choose another auth_forward",
        need.slot,
        scope.table(agent),
        config.file.display()
    ))
}
