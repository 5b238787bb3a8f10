//! What one layer says about logins and variables: the top level, a role, a
//! workspace, or a role in a workspace.

use std::collections::BTreeMap;

use super::node::{Reader, Table};
use super::{AGENTS, EnvValue};

/// One layer.
#[derive(Debug, Default)]
pub struct Layer {
    /// The agents' blocks, by jackin's words for them.
    pub blocks: BTreeMap<String, Block>,
    /// What it says about GitHub.
    pub github: Option<Github>,
    /// Its variables.
    pub env: BTreeMap<String, EnvValue>,
    /// The account of an agent, by its word.
    pub bindings: BTreeMap<String, String>,
}

/// `[claude]` and the like.
#[derive(Debug, Default)]
pub struct Block {
    /// `auth_forward`.
    pub mode: Option<String>,
    /// `sync_source_dir`: the agent's folder that the login is taken from.
    pub source_folder: Option<String>,
    /// `oauth_token`, which stood here for a while.
    pub oauth_token: Option<EnvValue>,
    /// Where it stands.
    pub place: String,
}

/// `[github]`.
#[derive(Debug, Default)]
pub struct Github {
    /// `auth_forward`.
    pub mode: Option<String>,
    /// `[github.env]`.
    pub env: BTreeMap<String, EnvValue>,
}

impl Layer {
    /// Takes out of a table what a layer has.
    pub(super) fn read(reader: &mut Reader, table: &mut Table) -> Self {
        let mut layer = Self {
            env: env(reader, table),
            ..Self::default()
        };
        for agent in AGENTS {
            let Some(node) = table.take(agent) else {
                continue;
            };
            let line = node.line;
            if let Some(mut inner) = reader.as_table(agent, node) {
                let block = Block::read(reader, &mut inner, agent, line);
                layer.blocks.insert(agent.to_owned(), block);
            }
        }
        if let Some(mut github) = reader.table(table, "github") {
            layer.github = Some(Github {
                mode: reader.text(&mut github, "auth_forward"),
                env: env(reader, &mut github),
            });
        }
        let mut bindings = reader.table(table, "account_bindings").unwrap_or_default();
        let agents: Vec<String> = bindings.keys().map(str::to_owned).collect();
        for agent in agents {
            if let Some(account) = reader.text(&mut bindings, &agent) {
                layer.bindings.insert(agent, account);
            }
        }
        layer
    }

    /// Every value in it.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut EnvValue> {
        let github = self.github.iter_mut().flat_map(|one| one.env.values_mut());
        self.env.values_mut().chain(github)
    }
}

impl Block {
    fn read(reader: &mut Reader, table: &mut Table, agent: &str, line: usize) -> Self {
        let mut oauth_token = None;
        for slot in ["oauth_token", "token"] {
            if let Some(node) = table.take(slot) {
                oauth_token = EnvValue::read(reader, slot, node);
            }
        }
        let block = Self {
            mode: reader.text(table, "auth_forward"),
            source_folder: reader.text(table, "sync_source_dir"),
            oauth_token,
            place: reader.place(line),
        };
        for (key, node) in table.take_all() {
            reader.remark(node.line, format!("{key} means nothing in [{agent}]"));
        }
        block
    }
}

fn env(reader: &mut Reader, table: &mut Table) -> BTreeMap<String, EnvValue> {
    let mut inner = reader.table(table, "env").unwrap_or_default();
    let entries = inner.take_all().into_iter();
    entries
        .filter_map(|(name, node)| {
            let value = EnvValue::read(reader, &name, node)?;
            Some((name, value))
        })
        .collect()
}
