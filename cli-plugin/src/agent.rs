//! The agents: their names, and the variables that carry their credentials.

pub mod claude;
pub mod host_file;

/// An agent that docker-jackin knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agent {
    /// Anthropic's Claude Code.
    Claude,
    /// Codex, of `OpenAI`.
    Codex,
    /// Sourcegraph's Amp.
    Amp,
    /// OpenCode.
    Opencode,
}

impl Agent {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::Amp, Self::Opencode];

    /// Its name in the configuration and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Amp => "amp",
            Self::Opencode => "opencode",
        }
    }

    /// The agent of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|agent| agent.word() == word)
    }

    /// Every variable that this agent takes a credential from. An operator
    /// variable of such a name is delivered only where the mode grants it.
    pub fn credential_variables(self) -> &'static [&'static str] {
        match self {
            Self::Claude => &[
                claude::AUTH_TOKEN,
                claude::API_KEY,
                claude::API_KEY_DESCRIPTOR,
                claude::OAUTH_TOKEN,
                claude::OAUTH_TOKEN_DESCRIPTOR,
            ],
            Self::Codex => &["OPENAI_API_KEY", "CODEX_API_KEY"],
            Self::Amp => &["AMP_API_KEY"],
            Self::Opencode => &["OPENCODE_API_KEY", "OPENCODE_AUTH_CONTENT"],
        }
    }

    /// The agent that takes a credential from this variable.
    pub fn of_variable(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|agent| agent.credential_variables().contains(&name))
    }
}
