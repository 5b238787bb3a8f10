//! The credential that a mode needs: from the agent's own slot, else from the
//! operator variable of that name, with a trace of every scope asked.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::mode::{AuthMode, ChosenMode, Mode};
use super::scope::{Cell, Scope};
use crate::agent::{Agent, claude, opencode};
use crate::config::{AgentBlock, Config, Value};
use crate::failure::{Failure, Kind};
use crate::source::{Source, SourceError};

/// A credential with its history, which may be shown while it may not.
#[derive(Debug)]
pub struct Credential {
    /// The value; never empty, and one line.
    pub value: SecretString,
    /// Where the value came from, in words.
    pub source: String,
    /// The scope that named the source.
    pub scope: Scope,
}

/// The slot and the variable from which a mode takes its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need<'a> {
    /// The key in the agent's block.
    pub slot: &'static str,
    /// The operator variable that may name the credential, and by which it is
    /// called on the screen; `None` when only the slot can name it.
    pub variable: Option<&'static str>,
    /// Whose key it is, for an agent with several providers.
    pub provider: Option<&'a str>,
}

impl<'a> Need<'a> {
    /// What a mode needs in this cell; `None` when it needs no credential.
    pub fn of(config: &'a Config, cell: Cell<'a>, chosen: AuthMode) -> Option<Self> {
        let slot = match chosen.mode() {
            Mode::ApiKey => "api_key",
            Mode::OauthToken => "oauth_token",
            Mode::Sync | Mode::Ignore => return None,
        };
        let agent = chosen.agent();
        let provider = (agent == Agent::Opencode).then(|| provider(config, cell));
        let variable = match (chosen.mode(), provider) {
            (Mode::OauthToken, _) => Some(claude::OAUTH_TOKEN),
            (_, Some(provider)) => opencode::variable_of(provider),
            (_, None) => Some(agent.description().key_variable),
        };
        Some(Self {
            slot,
            variable,
            provider,
        })
    }

    /// What is searched for, in words.
    fn shown(&self) -> String {
        match (self.variable, self.provider) {
            (Some(variable), _) => variable.to_owned(),
            (None, provider) => {
                let provider = provider.unwrap_or("its provider");
                format!("a key of {provider} (which no variable in [env] names)")
            }
        }
    }
}

/// Whose key OpenCode's `api_key` is: what the nearest scope says that names a
/// provider, else OpenCode's own.
pub fn provider<'a>(config: &'a Config, cell: Cell<'a>) -> &'a str {
    let blocks = cell.agent_blocks(config, Agent::Opencode).into_iter();
    let mut named = blocks.filter_map(|(_, block)| block?.provider.as_deref());
    named.next().unwrap_or(opencode::OWN_PROVIDER)
}

/// The search for the credential of a mode, before anything is read.
#[derive(Debug)]
pub struct Search<'a> {
    chosen: &'a ChosenMode,
    need: Need<'a>,
    asked: Vec<Asked<'a>>,
}

/// A place that may declare the credential.
#[derive(Debug)]
struct Asked<'a> {
    /// In the words of the configuration.
    place: String,
    scope: Scope,
    value: Option<&'a Value>,
}

impl<'a> Search<'a> {
    /// Asks every place, the nearest slot first, the farthest operator
    /// variable last.
    pub fn new(config: &'a Config, cell: Cell<'a>, chosen: &'a ChosenMode, need: Need<'a>) -> Self {
        let slot = |block: &'a AgentBlock| match need.slot {
            "oauth_token" => block.oauth_token.as_ref(),
            _ => block.api_key.as_ref(),
        };
        let agent = chosen.auth_mode.agent();
        let blocks = cell.agent_blocks(config, agent).into_iter();
        let slots = blocks.map(|(scope, block)| Asked {
            place: format!("{} {}", scope.table(agent.word()), need.slot),
            scope,
            value: block.and_then(slot),
        });
        let layers = need.variable.map(|named| (named, cell.variables(config)));
        let layers = layers.into_iter().flat_map(|(named, layers)| {
            let layers = layers.into_iter();
            layers.map(move |(scope, env)| (named, scope, env))
        });
        let variables = layers.map(|(named, scope, env)| Asked {
            place: format!("{} {named}", scope.table("env")),
            scope,
            value: env.and_then(|env| {
                let mut variables = env.iter();
                let found = variables.find(|(name, _)| name.as_str() == named);
                found.map(|(_, value)| value)
            }),
        });
        Self {
            chosen,
            need,
            asked: slots.chain(variables).collect(),
        }
    }

    /// What the nearest place declares. It decides even when it turns out to
    /// be empty: falling through would deliver another account's login.
    pub fn deciding(&self) -> Option<(&Scope, &'a Value)> {
        let mut asked = self.asked.iter();
        asked.find_map(|asked| Some((&asked.scope, asked.value?)))
    }

    /// What is searched for.
    pub fn need(&self) -> Need<'a> {
        self.need
    }

    /// The mode that needs it.
    pub fn chosen(&self) -> &'a ChosenMode {
        self.chosen
    }

    /// The credential, from what was read at the deciding place.
    ///
    /// # Errors
    /// No place declares one, or it gave nothing: with the whole trace.
    pub fn conclude(
        &self,
        config: &Config,
        read: Option<Result<SecretString, SourceError>>,
    ) -> Result<Credential, Failure> {
        let held = match (self.deciding(), read) {
            (Some((scope, value)), Some(Ok(read))) => {
                let source = Source::shown(&value.written);
                let text = read.expose_secret();
                if text.trim().is_empty() {
                    Held::ResolvedEmpty(source)
                } else if is_one_line(text) {
                    return Ok(Credential {
                        value: read,
                        source,
                        scope: scope.clone(),
                    });
                } else {
                    Held::SeveralLines(source)
                }
            }
            (_, Some(Err(error))) => Held::Failed(error),
            (_, _) => Held::Unset,
        };
        Err(self.missing(config, &held))
    }

    /// What every place held, the one that decided as given.
    fn trace(&self, deciding: &Held) -> Vec<(&str, String)> {
        let mut decided = false;
        let asked = self.asked.iter();
        asked
            .map(|asked| {
                let held = match asked.value {
                    None => Held::Unset.to_string(),
                    Some(_) if decided => Held::Declared.to_string(),
                    Some(_) => deciding.to_string(),
                };
                decided |= asked.value.is_some();
                (asked.place.as_str(), held)
            })
            .collect()
    }

    /// The two-part trace: who chose the mode, and what every place held.
    fn missing(&self, config: &Config, deciding: &Held) -> Failure {
        let chosen = self.chosen;
        let agent = chosen.auth_mode.agent().word();
        let mode = chosen.auth_mode.word();
        let by = match &chosen.scope {
            Some(scope) => format!("chosen by {scope}"),
            None => "by default".to_owned(),
        };
        let why = match deciding {
            // Of this failure the engine's log has no more than this line.
            Held::Failed(error @ SourceError::NobodyThere { .. }) => format!(", and {error}"),
            _ => String::new(),
        };
        let mut failure = Failure::new(
            Kind::Configuration,
            format!("no credential for {agent}: mode {mode} needs one{why}"),
        )
        .hint(format!("{agent} auth_forward = \"{mode}\", {by}"))
        .hint(format!("{} was looked for in:", self.need.shown()));
        let trace = self.trace(deciding);
        let width = trace.iter().map(|(place, _)| place.chars().count()).max();
        let width = width.unwrap_or_default();
        for (place, held) in trace {
            failure = failure.hint(format!("  {place:<width$}  {held}"));
        }
        if let Held::Failed(error) = deciding {
            failure.hints.extend(error.hint());
        }
        let scope = chosen.scope.clone().unwrap_or(Scope::Global);
        let flags = format!("--agent {agent}{}", scope.flags());
        let set = "docker jackin config auth set";
        failure
            .hint(format!(
                "give it one in {}, or choose another mode:",
                config.file.display()
            ))
            .hint(format!(
                "  {set} {mode} {flags} --from 'op://vault/item/field'"
            ))
            .hint(format!("  {set} sync {flags}"))
    }
}

/// Whether a value can be a key or a token, which goes into one line of a
/// request. A password store's entry often has more lines below the password.
pub fn is_one_line(value: &str) -> bool {
    !value.trim().contains(char::is_control)
}

/// What one scope held when it was asked.
#[derive(Debug)]
enum Held {
    Unset,
    /// Something, but a nearer scope had decided already.
    Declared,
    ResolvedEmpty(String),
    SeveralLines(String),
    Failed(SourceError),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Declared => f.write_str("declared, not asked"),
            Self::ResolvedEmpty(source) => write!(f, "resolved empty ({source})"),
            Self::SeveralLines(source) => {
                write!(
                    f,
                    "resolved to several lines, and a credential is one ({source})"
                )
            }
            Self::Failed(error) => write!(f, "declared, but {error}"),
        }
    }
}
