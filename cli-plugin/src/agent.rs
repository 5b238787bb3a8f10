//! The agents: what each of them is, as data, and what each mode gives it.

pub mod claude;
pub mod host_file;
pub mod login;

use std::fmt;

use jackin_oci_hook::payload::Payload;
use secrecy::SecretString;

use crate::host::Host;
use host_file::HostFileError;
use login::{Found, HostLogin, NoVariable, Origin, Setting};

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

/// What an agent is, as data.
#[derive(Debug)]
pub struct Description {
    /// Its name in the configuration and on the screen.
    pub word: &'static str,
    /// The program that is started in a container.
    pub program: &'static str,
    /// The variable of the mode `api_key`.
    pub key_variable: &'static str,
    /// Every variable that it takes a credential from. An operator variable of
    /// such a name is delivered only where the mode grants it.
    pub credential_variables: &'static [&'static str],
    /// Variables of the host that decide where its login lies.
    pub place_variables: &'static [&'static str],
    /// What logs it in on the host.
    pub log_in: &'static str,
    /// What makes it renew the host's login.
    pub renew: &'static str,
}

impl Agent {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::Amp, Self::Opencode];

    /// What it is.
    pub fn description(self) -> &'static Description {
        match self {
            Self::Claude => &claude::DESCRIPTION,
            Self::Codex => &CODEX,
            Self::Amp => &AMP,
            Self::Opencode => &OPENCODE,
        }
    }

    /// Its name in the configuration and on the screen.
    pub fn word(self) -> &'static str {
        self.description().word
    }

    /// The agent of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|agent| agent.word() == word)
    }

    /// The agent that takes a credential from this variable.
    pub fn of_variable(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|agent| agent.description().credential_variables.contains(&name))
    }

    /// Its login on this host.
    ///
    /// # Errors
    /// There is one, and it cannot or must not be read.
    pub fn host_login(self, host: &Host) -> Result<Found, HostFileError> {
        match self {
            Self::Claude => claude::read_host_login(host),
            Self::Codex | Self::Amp | Self::Opencode => {
                Ok(Found::Missing(Origin::File(host.home().to_owned())))
            }
        }
    }

    /// The payload of `sync`.
    pub fn sync(self, login: HostLogin, host: &Host, setting: &Setting) -> Payload {
        match self {
            Self::Claude => claude::sync(login, claude::account(host), setting),
            Self::Codex | Self::Amp | Self::Opencode => Payload::default(),
        }
    }

    /// The payload of `api_key`.
    ///
    /// # Errors
    /// The key cannot be a variable's value.
    pub fn with_key(self, key: &SecretString, setting: &Setting) -> Result<Payload, NoVariable> {
        match self {
            Self::Claude => claude::api_key(key, setting),
            Self::Codex | Self::Amp | Self::Opencode => Ok(Payload::default()),
        }
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

const CODEX: Description = Description {
    word: "codex",
    program: "codex",
    key_variable: "OPENAI_API_KEY",
    credential_variables: &["OPENAI_API_KEY", "CODEX_API_KEY"],
    place_variables: &["CODEX_HOME"],
    log_in: "codex login",
    renew: "codex login",
};

const AMP: Description = Description {
    word: "amp",
    program: "amp",
    key_variable: "AMP_API_KEY",
    credential_variables: &["AMP_API_KEY"],
    place_variables: &["XDG_DATA_HOME"],
    log_in: "amp login",
    renew: "amp login",
};

const OPENCODE: Description = Description {
    word: "opencode",
    program: "opencode",
    key_variable: "OPENCODE_API_KEY",
    credential_variables: &["OPENCODE_API_KEY", "OPENCODE_AUTH_CONTENT"],
    place_variables: &["XDG_DATA_HOME"],
    log_in: "opencode auth login",
    renew: "opencode auth login",
};
