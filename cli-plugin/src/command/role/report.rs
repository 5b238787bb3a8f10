//! A role as data and as people read it, without any value.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::run_flags;
use crate::config::{Config, Role};
use crate::source::Source;

/// What the configuration says about a role.
#[derive(Debug, Serialize)]
pub(super) struct RoleReport {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) agents: Vec<&'static str>,
    /// Its `docker run` flags, without the values of variables.
    run: Vec<String>,
    /// The source of each variable.
    env: BTreeMap<String, String>,
    /// The workspaces that say something about this role.
    workspaces: Vec<String>,
}

impl RoleReport {
    pub(super) fn new(config: &Config, name: &str, role: &Role) -> Self {
        let env = role.env.iter();
        let workspaces = config.workspaces.iter();
        let about_it = workspaces.filter(|(_, workspace)| workspace.roles.contains_key(name));
        Self {
            name: name.to_owned(),
            image: role.image.clone(),
            agents: role.agents.iter().map(|agent| agent.word()).collect(),
            run: run_flags::shown(&role.run),
            env: env
                .map(|(name, value)| (name.as_str().to_owned(), Source::shown(&value.written)))
                .collect(),
            workspaces: about_it.map(|(workspace, _)| workspace.clone()).collect(),
        }
    }
}

impl fmt::Display for RoleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "role {}", self.name)?;
        writeln!(f, "  image: {}", self.image)?;
        writeln!(f, "  agents: {}", self.agents.join(", "))?;
        if !self.run.is_empty() {
            let flags = self.run.iter().map(String::as_str);
            writeln!(f, "  docker run: {}", shell_words::join(flags))?;
        }
        for (name, source) in &self.env {
            writeln!(f, "  {name}: {source}")?;
        }
        for workspace in &self.workspaces {
            writeln!(f, "  more in workspace {workspace}")?;
        }
        Ok(())
    }
}
