//! How a login that is forwarded keeps up with the host's, and which scope
//! chose it.

use super::choice::{self, Key, Trace};
use super::scope::{Cell, Scope};
use crate::agent::Agent;
use crate::config::{AgentBlock, Config, Problem, nearest};
use crate::failure::reads_like_a_word;

/// What becomes of a forwarded login once the host's has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refresh {
    /// The container follows the host's, and has nothing that renews it.
    Live,
    /// The container has a copy, with what renews it, and renews it by itself.
    Copy,
}

impl Refresh {
    const ALL: [Self; 2] = [Self::Live, Self::Copy];

    /// Its word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Copy => "copy",
        }
    }

    /// All the words, for a message.
    pub fn words() -> String {
        Self::ALL.map(Self::word).join(", ")
    }

    /// The one that `word` names.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn parse(word: &str) -> Result<Self, Problem> {
        let mut all = Self::ALL.into_iter();
        all.find(|refresh| refresh.word() == word)
            .ok_or_else(|| Problem::UnknownRefresh {
                // A token pasted into the wrong line is not repeated.
                shown: reads_like_a_word(word).then(|| word.to_owned()),
                meant: nearest(word, Self::ALL.map(Self::word)).map(str::to_owned),
            })
    }
}

impl Key for Refresh {
    const NAME: &'static str = "sync_refresh";

    fn set_in(block: &AgentBlock) -> Option<Self> {
        block.sync_refresh
    }

    fn default_of(agent: Agent) -> Self {
        agent.description().refresh
    }

    fn word(self) -> &'static str {
        self.word()
    }
}

/// A refresh, and the scope that chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenRefresh {
    /// What was chosen.
    pub refresh: Refresh,
    /// Who chose it; `None` when nobody did, and it is the default.
    pub scope: Option<Scope>,
}

impl From<Trace<Refresh>> for ChosenRefresh {
    fn from(trace: Trace<Refresh>) -> Self {
        Self {
            refresh: trace.decided,
            scope: trace.by,
        }
    }
}

/// How the logins of `agent` keep up in a container of this cell: what the
/// first scope says that sets `sync_refresh`, else what the agent bears.
pub fn resolve(config: &Config, cell: Cell<'_>, agent: Agent) -> ChosenRefresh {
    trace(config, cell, agent).into()
}

/// How that is chosen.
pub fn trace(config: &Config, cell: Cell<'_>, agent: Agent) -> Trace<Refresh> {
    choice::trace(config, cell, agent)
}
