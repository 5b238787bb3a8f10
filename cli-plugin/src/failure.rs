//! How a command fails: what kind it is, what a person is told, how it exits.

use std::fmt;

/// Whose trouble it is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line asks for something that cannot be: exit 2.
    Usage,
    /// The configuration, a credential or a file is not as it must be: exit 1.
    Configuration,
    /// The engine cannot be reached, or refuses: exit 125, as docker does.
    Engine,
    /// The user or the system ended it by this signal: exit 128 and its number.
    Interrupted(u8),
    /// Trouble of our own: exit 1.
    Internal,
}

/// A failure, told as `<what failed>: <on what>: <why>`, in lower case, with
/// hints that say what to do next. Never holds a secret.
#[derive(Debug)]
pub struct Failure {
    /// Whose trouble it is.
    pub kind: Kind,
    /// What failed, on what, and why.
    pub message: String,
    /// What to do next, a line each.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure of a kind, without hints yet.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            hints: Vec::new(),
        }
    }

    /// The same failure with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit code that this kind has.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Configuration | Kind::Internal => 1,
            Kind::Engine => 125,
            Kind::Interrupted(signal) => signal.saturating_add(128),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        for hint in &self.hints {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Whether what a user wrote in a wrong place may be repeated to them: a secret
/// is longer than this, or has digits in it.
pub fn reads_like_a_word(text: &str) -> bool {
    text.len() <= 16 && !text.chars().any(|c| c.is_ascii_digit())
}
