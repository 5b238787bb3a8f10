//! A workspace: a file of its own, or a table of the one file for all.

use std::collections::BTreeMap;

use super::node::{Reader, Table};
use super::version::{self, Format};
use super::{AGENTS, Layer, Mount, Rest, mount};

/// A workspace.
#[derive(Debug)]
pub struct Workspace {
    /// The form it is written in.
    pub format: Format,
    /// Its `version`.
    pub version: Option<String>,
    /// The container's folder.
    pub workdir: Option<String>,
    /// What the container sees.
    pub mounts: Vec<Mount>,
    /// The roles that may be started in it; empty for any.
    pub allowed_roles: Vec<String>,
    /// The role that is started by default.
    pub default_role: Option<String>,
    /// The agent that is started by default.
    pub default_agent: Option<String>,
    /// The accounts it may use; `None` where it says nothing of them.
    pub accounts: Option<Vec<String>>,
    /// What it says about variables and logins.
    pub layer: Layer,
    /// What it says about single roles.
    pub roles: BTreeMap<String, Layer>,
}

impl Workspace {
    pub(super) fn read(reader: &mut Reader, table: &mut Table, rest: &mut Vec<Rest>) -> Self {
        let version = super::read::version(reader, table, true);
        let number = version.as_deref().and_then(version::number);
        let format = Format::of_workspace(number, table);
        let mut allowed_roles = Vec::new();
        for key in ["allowed_roles", "allowed_agents"] {
            allowed_roles.extend(reader.texts(table, key).unwrap_or_default());
        }
        for key in ["last_role", "last_agent"] {
            // What was started last is for jackin's own screen.
            table.take(key);
        }
        let mut default_role = reader.text(table, "default_role");
        let mut default_agent = reader.text(table, "default_agent");
        let is_agent = |word: &String| AGENTS.contains(&word.as_str());
        if format == Format::Agents || !default_agent.as_ref().is_none_or(is_agent) {
            // What is a role today was called an agent once.
            default_role = default_agent.take().or(default_role);
        }
        let account = reader.text(table, "op_account");
        let mut workspace = Self {
            format,
            version,
            workdir: reader.text(table, "workdir"),
            mounts: mount::of_workspace(reader, table),
            allowed_roles,
            default_role,
            default_agent,
            accounts: reader.texts(table, "accounts"),
            layer: Layer::read(reader, table),
            roles: BTreeMap::new(),
        };
        for (name, mut inner) in reader.tables(table, "roles") {
            let layer = Layer::read(reader, &mut inner);
            reader.rest(&mut inner, &format!("roles.{name}"), rest);
            workspace.roles.insert(name, layer);
        }
        if let Some(account) = account {
            workspace.set_account(&account);
        }
        reader.rest(table, "", rest);
        workspace
    }

    fn set_account(&mut self, account: &str) {
        let layers = std::iter::once(&mut self.layer).chain(self.roles.values_mut());
        for value in layers.flat_map(Layer::values_mut) {
            value.set_account(account);
        }
    }

    /// Whether containers of this role are started in it.
    pub fn allows(&self, role: &str) -> bool {
        self.allowed_roles.is_empty() || self.allowed_roles.iter().any(|one| one == role)
    }
}
