//! The scopes of a configuration that speak about one container.

use std::collections::BTreeMap;
use std::fmt;

use jackin_oci_hook::payload::VariableName;

use crate::agent::Agent;
use crate::config::{AgentBlock, AgentBlocks, Config, Value, Variables};

/// The role and workspace of one container.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// The workspace, if the container belongs to one.
    pub workspace: Option<&'a str>,
    /// The role; `None` for an image that was named outright.
    pub role: Option<&'a str>,
}

/// Where in the configuration something was said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The top level.
    Global,
    /// `[roles.R]`.
    Role(String),
    /// `[workspaces.W]`.
    Workspace(String),
    /// `[workspaces.W.roles.R]`.
    WorkspaceRole(String, String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Role(role) => write!(f, "role {role}"),
            Self::Workspace(workspace) => write!(f, "workspace {workspace}"),
            Self::WorkspaceRole(workspace, role) => {
                write!(f, "workspace {workspace} × role {role}")
            }
        }
    }
}

impl Scope {
    /// The flags by which the commands name this scope, with a space before
    /// each.
    pub fn flags(&self) -> String {
        let flag = |name: &str, value: &str| format!(" --{name} {}", shell_words::quote(value));
        match self {
            Self::Global => String::new(),
            Self::Role(role) => flag("role", role),
            Self::Workspace(workspace) => flag("workspace", workspace),
            Self::WorkspaceRole(workspace, role) => {
                flag("workspace", workspace) + &flag("role", role)
            }
        }
    }

    /// The table of the configuration that this scope's `key` stands in.
    pub fn table(&self, key: &str) -> String {
        match self {
            Self::Global => format!("[{key}]"),
            Self::Role(role) => format!("[roles.{role}.{key}]"),
            Self::Workspace(workspace) => format!("[workspaces.{workspace}.{key}]"),
            Self::WorkspaceRole(workspace, role) => {
                format!("[workspaces.{workspace}.roles.{role}.{key}]")
            }
        }
    }
}

impl<'a> Cell<'a> {
    /// What each scope says about `agent`, the one that decides first.
    pub fn agent_blocks(
        self,
        config: &'a Config,
        agent: Agent,
    ) -> Vec<(Scope, Option<&'a AgentBlock>)> {
        let block = |blocks: Option<&'a AgentBlocks>| blocks?.get(&agent);
        let mut scopes = Vec::new();
        if let Some(name) = self.workspace {
            let workspace = config.workspaces.get(name);
            if let Some(role) = self.role {
                let cell = workspace.and_then(|workspace| workspace.roles.get(role));
                scopes.push((cell_scope(name, role), block(cell.map(|cell| &cell.agents))));
            }
            let blocks = workspace.map(|workspace| &workspace.agents);
            scopes.push((Scope::Workspace(name.to_owned()), block(blocks)));
        }
        scopes.push((Scope::Global, block(Some(&config.agents))));
        scopes
    }

    /// The operator variables of each scope, the one that wins first.
    pub fn variables(self, config: &'a Config) -> Vec<(Scope, Option<&'a Variables>)> {
        let mut scopes = Vec::new();
        if let Some(name) = self.workspace {
            let workspace = config.workspaces.get(name);
            if let Some(role) = self.role {
                let cell = workspace.and_then(|workspace| workspace.roles.get(role));
                scopes.push((cell_scope(name, role), cell.map(|cell| &cell.env)));
            }
            let env = workspace.map(|workspace| &workspace.env);
            scopes.push((Scope::Workspace(name.to_owned()), env));
        }
        if let Some(name) = self.role {
            let role = config.roles.get(name).map(|role| &role.env);
            scopes.push((Scope::Role(name.to_owned()), role));
        }
        scopes.push((Scope::Global, Some(&config.env)));
        scopes
    }
}

fn cell_scope(workspace: &str, role: &str) -> Scope {
    Scope::WorkspaceRole(workspace.to_owned(), role.to_owned())
}

/// An operator variable of a container, by the scope that wins.
#[derive(Debug, Clone)]
pub struct Effective<'a> {
    /// The variable.
    pub name: &'a VariableName,
    /// Where its value comes from.
    pub value: &'a Value,
    /// Who says so.
    pub scope: Scope,
}

/// The operator variables of a container, by their names: of each the source
/// that wins.
pub fn effective_variables<'a>(config: &'a Config, cell: Cell<'a>) -> Vec<Effective<'a>> {
    let mut effective = BTreeMap::new();
    for (scope, variables) in cell.variables(config) {
        for (name, value) in variables.into_iter().flatten() {
            effective.entry(name).or_insert_with(|| Effective {
                name,
                value,
                scope: scope.clone(),
            });
        }
    }
    effective.into_values().collect()
}
