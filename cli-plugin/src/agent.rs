//! The agents: what each of them is, as data, and what each mode gives it.

pub mod amp;
pub mod claude;
pub mod codex;
mod environment;
pub mod host_file;
mod json;
mod jwt;
pub mod login;
pub mod opencode;
pub mod own_file;

use std::fmt;
use std::time::Duration;

use jackin_oci_hook::payload::Payload;
use jackin_oci_hook::secret::Secret;
use secrecy::SecretString;

use crate::auth::refresh::Refresh;
use crate::host::Host;
use host_file::HostFileError;
use login::{Fault, FileLogin, Found, HostLogin, NoVariable, Setting};
use own_file::OwnFile;

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
    /// The file that it reads its login from.
    pub credential_file: OwnFile,
    /// What logs it in on the host.
    pub log_in: &'static str,
    /// What makes it renew the host's login.
    pub renew: &'static str,
    /// What of that needs nobody to be there; `None` where there is nothing.
    pub renewal: Option<Renewal>,
    /// How a login that is forwarded to it keeps up, unless its user says
    /// otherwise: what its program bears.
    pub refresh: Refresh,
    /// Whether its program can keep what it gets when it renews a copy. One that
    /// only replaces its file cannot, for the copy is mounted there: what renews
    /// the login would be spent, on the host as well, and nothing gained.
    pub renews_a_copy: bool,
}

/// The vendor's own program, as it renews the host's login without a question.
#[derive(Debug, Clone, Copy)]
pub struct Renewal {
    /// Its name in `PATH`.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// The longest time before its end at which a login is renewed: the
    /// program does it by then, and no container has seen the end coming.
    pub ahead: Duration,
    /// What is said to it, where its arguments are not enough.
    pub dialogue: Option<Dialogue>,
    /// What renews a login that its vendor has ended before its time; `None`
    /// where it renews any login on request.
    pub when_refused: Option<WhenRefused>,
}

/// How a program asks its vendor for something else, finds out that its login
/// is refused, and renews it.
#[derive(Debug, Clone, Copy)]
pub struct WhenRefused {
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// With less than this left it renews any login, and is not asked so: it
    /// would wait for a slow vendor not long enough.
    pub margin: Duration,
}

/// What a program is told on its standard input, which is closed as soon as it
/// has answered.
#[derive(Debug, Clone, Copy)]
pub struct Dialogue {
    /// What is said to it, line by line, of a login that ends in so long.
    pub says: fn(left: Duration) -> String,
    /// Whether a line of its standard output is the answer to all of that.
    pub is_answer: fn(line: &[u8]) -> bool,
}

impl Description {
    /// The program that is asked to renew the host's login, or what else does.
    pub fn what_is_asked(&self) -> &'static str {
        self.renewal.map_or(self.renew, |renewal| renewal.program)
    }

    /// What somebody can do who wants the host's login renewed, such as
    /// `renew it on this host: codex`.
    pub fn how_to_renew(&self) -> String {
        let renew = self.renew;
        if self.renewal.is_some() {
            format!("renew it on this host: {renew}")
        } else {
            format!("use {renew} on this host, which renews it once it has ended")
        }
    }

    /// The same as a fact, such as `` `codex` renews it``.
    pub fn what_renews(&self) -> String {
        let renew = self.renew;
        if self.renewal.is_some() {
            format!("`{renew}` renews it")
        } else {
            format!("using `{renew}` on this host renews it once it has ended")
        }
    }
}

impl Agent {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::Amp, Self::Opencode];

    /// What it is.
    pub fn description(self) -> &'static Description {
        match self {
            Self::Claude => &claude::DESCRIPTION,
            Self::Codex => &codex::DESCRIPTION,
            Self::Amp => &amp::DESCRIPTION,
            Self::Opencode => &opencode::DESCRIPTION,
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

    /// The agents that were named, each once, in their order; Claude where none
    /// was.
    pub fn each_once_or_claude(named: &[Self]) -> Vec<Self> {
        let mut agents = Vec::new();
        for agent in named {
            if !agents.contains(agent) {
                agents.push(*agent);
            }
        }
        if agents.is_empty() {
            agents.push(Self::Claude);
        }
        agents
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
            Self::Codex => codex::host_login(host),
            Self::Amp => amp::host_login(host),
            Self::Opencode => opencode::host_login(host),
        }
    }

    /// The login in its credential file.
    ///
    /// # Errors
    /// It holds none that the agent would use.
    pub fn login_in(self, bytes: &[u8]) -> Result<FileLogin, Fault> {
        match self {
            Self::Claude => claude::login(bytes),
            Self::Codex => codex::login(bytes),
            Self::Amp => amp::login(bytes),
            Self::Opencode => opencode::login(bytes),
        }
    }

    /// The payload of `sync`.
    pub fn sync(self, login: HostLogin, host: &Host, setting: &Setting) -> Payload {
        match self {
            Self::Claude => claude::sync(login.content, claude::account(host), setting),
            agent => agent.with_file(login.content, setting),
        }
    }

    /// The payload of `sync` with the credential file that the container has
    /// already, whoever's account that is.
    pub fn with_file(self, content: Secret, setting: &Setting) -> Payload {
        match self {
            Self::Claude => claude::sync(content, None, setting),
            Self::Codex => codex::sync(content, setting),
            Self::Amp => amp::sync(content),
            Self::Opencode => opencode::sync(content),
        }
    }

    /// The payload of `api_key`.
    ///
    /// # Errors
    /// The key cannot be a variable's value.
    pub fn with_key(self, key: &SecretString, setting: &Setting) -> Result<Payload, NoVariable> {
        match self {
            Self::Claude => claude::api_key(key, setting),
            Self::Codex => codex::api_key(key, setting),
            Self::Amp => amp::api_key(key),
            Self::Opencode => opencode::api_key(key, setting),
        }
    }
}

impl Agent {
    /// Whether its key works from a variable, so that a docker flag alone can
    /// give it. The others want it in their file.
    pub fn takes_key_by_variable(self) -> bool {
        matches!(self, Self::Claude | Self::Amp)
    }

    /// The key in a credential file that `api_key` had given a container;
    /// `provider` says whose, for an agent with several.
    pub fn key_in(self, file: &str, provider: Option<&str>) -> Option<SecretString> {
        match self {
            Self::Codex => codex::key_in(file),
            Self::Opencode => opencode::key_in(file, provider?),
            Self::Claude | Self::Amp => None,
        }
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod properties;
