//! How a configuration can be wrong. No variant carries a value of the file.

use std::io;
use std::path::PathBuf;

use crate::auth::refresh::Refresh;
use crate::failure::{Failure, Kind};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is there and cannot be read.
    #[error("failed to read {}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is no regular file, or too large for a configuration.
    #[error("{} is no regular file of at most {limit} bytes", file.display())]
    NoConfiguration {
        /// The file.
        file: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// It is another user's.
    #[error("{} belongs to another user (uid {owner})", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// The owner's user id.
        owner: u32,
    },
    /// Someone else could have written it.
    #[error("{} can be changed by others (mode {mode:04o})", file.display())]
    Writable {
        /// The file.
        file: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// Others can read the secrets that stand in it.
    #[error("{}:{line}: a value stands here in plain text, and others can read the file (mode {mode:04o})", file.display())]
    Readable {
        /// The file.
        file: PathBuf,
        /// The first line with a plain value.
        line: usize,
        /// The permission bits.
        mode: u32,
    },
    /// One line is wrong.
    #[error("{}:{line}: {problem}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: Box<Problem>,
    },
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is no TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that means nothing here.
    #[error("unknown key `{key}` in {table}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The table it stands in.
        table: String,
        /// What was probably meant.
        meant: Option<String>,
        /// What could stand there.
        known: String,
    },
    /// A key that must be there and is not.
    #[error("{table} has no `{key}`")]
    MissingKey {
        /// The table.
        table: String,
        /// The key.
        key: &'static str,
    },
    /// A value of the wrong type or form.
    #[error("`{key}` must be {expected}")]
    Form {
        /// The key.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A word for a mode that is none.
    #[error("unknown mode{} for {agent}", shown.as_ref().map(|word| format!(" \"{word}\"")).unwrap_or_default())]
    UnknownMode {
        /// The agent.
        agent: &'static str,
        /// The word, when it looks like one and not like a secret.
        shown: Option<String>,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// A word for `sync_refresh` that is none.
    #[error("unknown sync_refresh{}", shown.as_ref().map(|word| format!(" \"{word}\"")).unwrap_or_default())]
    UnknownRefresh {
        /// The word, when it looks like one and not like a secret.
        shown: Option<String>,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// The token mode for an agent that has no such tokens.
    #[error("`oauth_token` is for claude only, and this is {agent}")]
    OauthTokenElsewhere {
        /// The agent.
        agent: &'static str,
    },
    /// Two spellings of one key in one table.
    #[error("`token` and `oauth_token` are one setting, and both are set in {table}")]
    BothSpellings {
        /// The table.
        table: String,
    },
    /// A variable that docker-jackin itself uses.
    #[error("the variable {name} is docker-jackin's own")]
    ReservedName {
        /// The variable.
        name: String,
    },
    /// A name that no variable can have, or that nobody means.
    #[error("a variable's name is not empty and holds no '=', space or control character")]
    VariableName,
}

impl ConfigError {
    /// The line that is wrong, from 1, if it is one line.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Line { line, .. } | Self::Readable { line, .. } => Some(*line),
            _ => None,
        }
    }
}

impl Problem {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownKey {
                meant: Some(meant), ..
            } => format!("did you mean `{meant}`?"),
            Self::UnknownKey { known, .. } => format!("known here: {known}"),
            Self::UnknownMode {
                meant: Some(meant), ..
            }
            | Self::UnknownRefresh {
                meant: Some(meant), ..
            } => format!("did you mean \"{meant}\"?"),
            Self::UnknownMode { agent, .. } => {
                let words = crate::auth::mode::words_for(agent);
                format!("known modes: {words}")
            }
            Self::UnknownRefresh { .. } => format!("known: {}", Refresh::words()),
            Self::OauthTokenElsewhere { .. } => {
                "use \"sync\", \"api_key\" or \"ignore\" here".to_owned()
            }
            Self::BothSpellings { .. } => "keep `oauth_token`; `token` is its old spelling".into(),
            Self::ReservedName { .. } => "choose another name".into(),
            Self::MissingKey { key: "agents", .. } => {
                "name the agents that run in the image, such as agents = [\"claude\"]".into()
            }
            Self::MissingKey { .. } | Self::Syntax(_) | Self::Form { .. } | Self::VariableName => {
                return None;
            }
        })
    }
}

/// A problem of what was asked for, before it stands in any line.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let failure = Self::new(Kind::Usage, &problem);
        match problem.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::new(Kind::Configuration, &error);
        match error {
            ConfigError::Line { problem, .. } => match problem.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            },
            ConfigError::Foreign { .. } => {
                failure.hint("run this as that user (without sudo?), or set HOME to your own home")
            }
            ConfigError::Writable { file, .. } | ConfigError::Readable { file, .. } => {
                failure.hint(format!("make it yours alone: chmod 600 {}", file.display()))
            }
            ConfigError::Unreadable { .. } | ConfigError::NoConfiguration { .. } => failure,
        }
    }
}
