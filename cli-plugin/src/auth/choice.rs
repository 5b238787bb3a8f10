//! Which scope decides a key of an agent's block: the nearest that sets it.

use std::fmt;

use super::scope::{Cell, Scope};
use crate::agent::Agent;
use crate::config::{AgentBlock, Config};

/// A key of an agent's block that the nearest scope decides.
pub trait Key: Copy {
    /// How it is written.
    const NAME: &'static str;

    /// What a block sets it to.
    fn set_in(block: &AgentBlock) -> Option<Self>;

    /// What holds when no scope sets it.
    fn default_of(agent: Agent) -> Self;

    /// The word for it in the configuration.
    fn word(self) -> &'static str;
}

/// How a key was decided: what every scope said that speaks about the
/// container, the one that counts most first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace<K> {
    /// What came of it.
    pub decided: K,
    /// Who decided it; `None` when nobody did, and it is the default.
    pub by: Option<Scope>,
    /// What each scope said.
    pub said: Vec<(Scope, Said<K>)>,
}

/// What one scope says about a key of an agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<K> {
    /// It has no block of the agent's.
    Nothing,
    /// It has one, without the key.
    NoKey,
    /// What holds.
    Decides(K),
    /// What a nearer scope outvotes.
    Overruled(K),
}

impl<K: Key> Said<K> {
    /// What the scope sets the key to, whether or not that holds.
    pub fn set(self) -> Option<K> {
        match self {
            Self::Nothing | Self::NoKey => None,
            Self::Decides(set) | Self::Overruled(set) => Some(set),
        }
    }
}

impl<K: Key> fmt::Display for Said<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("not set"),
            Self::NoKey => write!(f, "no {}", K::NAME),
            Self::Decides(set) => write!(f, "{}, decides", set.word()),
            Self::Overruled(set) => write!(f, "{}, overruled", set.word()),
        }
    }
}

/// In one line: `workspace w: not set; global: api_key, decides`.
impl<K: Key> fmt::Display for Trace<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.said.iter();
        let said = said.map(|(scope, said)| format!("{scope}: {said}"));
        f.write_str(&said.collect::<Vec<_>>().join("; "))?;
        match self.by {
            Some(_) => Ok(()),
            None => write!(f, "; {} by default", self.decided.word()),
        }
    }
}

/// How a key of `agent` is decided in a container of this cell.
pub fn trace<K: Key>(config: &Config, cell: Cell<'_>, agent: Agent) -> Trace<K> {
    let mut decided = K::default_of(agent);
    let mut by = None;
    let blocks = cell.agent_blocks(config, agent).into_iter();
    let said = blocks.map(|(scope, block)| {
        let said = match block.map(K::set_in) {
            None => Said::Nothing,
            Some(None) => Said::NoKey,
            Some(Some(set)) if by.is_some() => Said::Overruled(set),
            Some(Some(set)) => {
                decided = set;
                by = Some(scope.clone());
                Said::Decides(set)
            }
        };
        (scope, said)
    });
    let said = said.collect();
    Trace { decided, by, said }
}
