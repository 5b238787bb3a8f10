//! The mode of an agent's login, and which scope chose it.

use super::choice::{self, Key, Trace};
use super::scope::{Cell, Scope};
use crate::agent::Agent;
use crate::config::{AgentBlock, Config, nearest};
use crate::failure::reads_like_a_word;

/// How a login gets into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The host's own login is forwarded.
    Sync,
    /// An API key.
    ApiKey,
    /// A long-lived token; Claude's only.
    OauthToken,
    /// Nothing is forwarded.
    Ignore,
}

impl Mode {
    const ALL: [Self; 4] = [Self::Sync, Self::ApiKey, Self::OauthToken, Self::Ignore];

    /// Its word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::ApiKey => "api_key",
            Self::OauthToken => "oauth_token",
            Self::Ignore => "ignore",
        }
    }
}

/// A mode that its agent knows: no other can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthMode {
    agent: Agent,
    mode: Mode,
}

impl AuthMode {
    /// What holds when nothing is configured.
    pub fn default_of(agent: Agent) -> Self {
        let mode = Mode::Sync;
        Self { agent, mode }
    }

    /// The mode that `word` names for `agent`.
    ///
    /// # Errors
    /// There is no such mode, or it is none of this agent's.
    pub fn parse(agent: Agent, word: &str) -> Result<Self, crate::config::Problem> {
        let Some(mode) = Mode::ALL.into_iter().find(|mode| mode.word() == word) else {
            let words = Mode::ALL.map(Mode::word);
            return Err(crate::config::Problem::UnknownMode {
                agent: agent.word(),
                // A token pasted into the wrong line is not repeated.
                shown: reads_like_a_word(word).then(|| word.to_owned()),
                meant: nearest(word, words).map(str::to_owned),
            });
        };
        if mode == Mode::OauthToken && agent != Agent::Claude {
            let agent = agent.word();
            return Err(crate::config::Problem::OauthTokenElsewhere { agent });
        }
        Ok(Self { agent, mode })
    }

    /// The agent whose mode this is.
    pub fn agent(self) -> Agent {
        self.agent
    }

    /// The mode.
    pub fn mode(self) -> Mode {
        self.mode
    }

    /// Its word in the configuration.
    pub fn word(self) -> &'static str {
        self.mode.word()
    }
}

impl Key for AuthMode {
    const NAME: &'static str = "auth_forward";

    fn set_in(block: &AgentBlock) -> Option<Self> {
        block.auth_forward
    }

    fn default_of(agent: Agent) -> Self {
        Self::default_of(agent)
    }

    fn word(self) -> &'static str {
        self.word()
    }
}

/// The modes of the agent of that name, for a message.
pub fn words_for(agent: &str) -> String {
    let known = Mode::ALL
        .into_iter()
        .filter(|mode| *mode != Mode::OauthToken || agent == Agent::Claude.word())
        .map(Mode::word);
    known.collect::<Vec<_>>().join(", ")
}

/// A mode, and the scope that chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenMode {
    /// The mode.
    pub auth_mode: AuthMode,
    /// Who chose it; `None` when nobody did, and it is the default.
    pub scope: Option<Scope>,
}

impl From<Trace<AuthMode>> for ChosenMode {
    fn from(trace: Trace<AuthMode>) -> Self {
        Self {
            auth_mode: trace.decided,
            scope: trace.by,
        }
    }
}

/// The mode of `agent` in a container of this cell: what the first scope says
/// that sets `auth_forward`, else `sync`.
pub fn resolve(config: &Config, cell: Cell<'_>, agent: Agent) -> ChosenMode {
    trace(config, cell, agent).into()
}

/// How the mode of `agent` is chosen in a container of this cell.
pub fn trace(config: &Config, cell: Cell<'_>, agent: Agent) -> Trace<AuthMode> {
    choice::trace(config, cell, agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Workspace, WorkspaceRole};

    /// What a scope says: nothing, a block without a mode, or a mode.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Says {
        Nothing,
        SlotOnly,
        Sets(&'static str),
    }
    use Says::{Nothing, Sets, SlotOnly};

    fn block(agent: Agent, says: Says) -> crate::config::AgentBlocks {
        let mut blocks = crate::config::AgentBlocks::new();
        if says != Nothing {
            let auth_forward = match says {
                Sets(word) => Some(AuthMode::parse(agent, word).unwrap()),
                Nothing | SlotOnly => None,
            };
            let block = AgentBlock {
                auth_forward,
                ..AgentBlock::default()
            };
            blocks.insert(agent, block);
        }
        blocks
    }

    fn config(global: Says, workspace: Says, cell: Says) -> Config {
        let cell = WorkspaceRole {
            agents: block(Agent::Claude, cell),
            ..WorkspaceRole::default()
        };
        let workspace = Workspace {
            agents: block(Agent::Claude, workspace),
            roles: [("r".to_owned(), cell)].into(),
            ..Workspace::default()
        };
        Config {
            agents: block(Agent::Claude, global),
            workspaces: [("w".to_owned(), workspace)].into(),
            ..Config::default()
        }
    }

    /// `-`, `slot` or a mode.
    fn says(word: &'static str) -> Says {
        match word {
            "-" => Nothing,
            "slot" => SlotOnly,
            mode => Sets(mode),
        }
    }

    #[test]
    fn scenarios_1_to_7_and_10_the_nearest_scope_that_sets_a_mode_decides() {
        // scenario | global, workspace, cell | asked for | mode | by
        let table = "
            1  | -        -        -            | w r  | sync        | default
            2  | api_key  -        -            | w r  | api_key     | global
            3  | api_key  ignore   -            | w r  | ignore      | workspace w
            4  | api_key  ignore   oauth_token  | w r  | oauth_token | workspace w × role r
            5  | -        -        ignore       | w r  | ignore      | workspace w × role r
            6  | api_key  ignore   ignore       | x r  | api_key     | global
            6  | -        ignore   ignore       | - r  | sync        | default
            7  | api_key  ignore   sync         | w x  | ignore      | workspace w
            7  | api_key  -        sync         | w x  | api_key     | global
            10 | api_key  slot     slot         | w r  | api_key     | global
            10 | slot     slot     slot         | w r  | sync        | default";
        for row in table.lines().skip(1) {
            let cells: Vec<&'static str> = row.split('|').map(str::trim).collect();
            let scopes: Vec<_> = cells[1].split_whitespace().map(says).collect();
            let (workspace, role) = cells[2].split_once(' ').unwrap();
            let cell = Cell {
                workspace: Some(workspace).filter(|name| *name != "-"),
                role: Some(role),
            };
            let config = config(scopes[0], scopes[1], scopes[2]);
            let chosen = resolve(&config, cell, Agent::Claude);
            let by = chosen.scope.map(|scope| scope.to_string());
            let by = by.unwrap_or("default".to_owned());
            assert_eq!([chosen.auth_mode.word(), &by], cells[3..], "{row}");
        }
    }

    #[test]
    fn scenario_8_one_agents_setting_does_not_move_another() {
        let config = config(Sets("ignore"), Sets("api_key"), Sets("oauth_token"));
        let cell = Cell {
            workspace: Some("w"),
            role: Some("r"),
        };
        for agent in [Agent::Codex, Agent::Amp, Agent::Opencode] {
            let chosen = resolve(&config, cell, agent);
            assert_eq!((chosen.auth_mode.mode(), chosen.scope), (Mode::Sync, None));
        }
    }

    /// Over all fillings of the three scopes: adding a word to a scope that
    /// is less near than the deciding one changes nothing.
    #[test]
    fn scenario_4_a_farther_scope_never_outvotes_a_nearer_one() {
        let fillings = [
            Nothing,
            SlotOnly,
            Sets("sync"),
            Sets("api_key"),
            Sets("oauth_token"),
            Sets("ignore"),
        ];
        let cell = Cell {
            workspace: Some("w"),
            role: Some("r"),
        };
        for near in fillings {
            for middle in fillings {
                let chosen = |far| resolve(&config(far, middle, near), cell, Agent::Claude);
                let decided_near = [near, middle].iter().any(|says| matches!(says, Sets(_)));
                let all_same = fillings.iter().all(|far| chosen(*far) == chosen(Nothing));
                assert_eq!(all_same, decided_near, "{near:?} {middle:?}");
            }
        }
    }
}
