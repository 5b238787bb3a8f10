//! A workspace as data and as people read it, without any value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::config::{AgentBlocks, Variables, Workspace};
use crate::source::Source;

/// What the configuration says about a workspace.
#[derive(Debug, Serialize)]
pub(super) struct WorkspaceReport {
    name: String,
    workdir: Option<PathBuf>,
    mounts: Vec<MountReport>,
    trust: bool,
    #[serde(flatten)]
    block: Block,
    roles: BTreeMap<String, Block>,
}

#[derive(Debug, Serialize)]
struct MountReport {
    src: PathBuf,
    dst: String,
    readonly: bool,
}

/// What is said about agents and variables, for all roles or for one.
#[derive(Debug, Serialize)]
struct Block {
    /// The mode of each agent that has one here.
    auth_forward: BTreeMap<&'static str, &'static str>,
    /// How the host's login of each agent keeps up, where that is said here.
    sync_refresh: BTreeMap<&'static str, &'static str>,
    /// The source of each variable.
    env: BTreeMap<String, String>,
}

impl WorkspaceReport {
    pub(super) fn new(name: &str, workspace: &Workspace) -> Self {
        let mounts = workspace.mounts.iter().map(|mount| MountReport {
            src: mount.src.clone(),
            dst: mount.dst.clone(),
            readonly: mount.readonly,
        });
        let roles = workspace.roles.iter();
        Self {
            name: name.to_owned(),
            workdir: workspace.workdir.clone(),
            mounts: mounts.collect(),
            trust: workspace.trust,
            block: Block::new(&workspace.agents, &workspace.env),
            roles: roles
                .map(|(role, cell)| (role.clone(), Block::new(&cell.agents, &cell.env)))
                .collect(),
        }
    }

    /// Its folder, for a list.
    pub(super) fn folder(&self) -> String {
        let workdir = self.workdir.as_ref();
        workdir.map_or("-".to_owned(), |workdir| workdir.display().to_string())
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many mounts it has.
    pub(super) fn mounts(&self) -> usize {
        self.mounts.len()
    }
}

impl Block {
    fn new(agents: &AgentBlocks, env: &Variables) -> Self {
        let modes = agents.iter().filter_map(|(agent, block)| {
            let mode = block.auth_forward?;
            Some((agent.word(), mode.word()))
        });
        let refreshes = agents.iter().filter_map(|(agent, block)| {
            let refresh = block.sync_refresh?;
            Some((agent.word(), refresh.word()))
        });
        let env = env.iter();
        Self {
            auth_forward: modes.collect(),
            sync_refresh: refreshes.collect(),
            env: env
                .map(|(name, value)| (name.as_str().to_owned(), Source::shown(&value.written)))
                .collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let modes = self.auth_forward.iter();
        let modes = modes.map(|(agent, mode)| format!("{agent} auth: {mode}"));
        let env = self
            .env
            .iter()
            .map(|(name, source)| format!("{name}: {source}"));
        let refreshes = self.sync_refresh.iter();
        let refreshes = refreshes.map(|(agent, word)| format!("{agent} refresh: {word}"));
        modes.chain(refreshes).chain(env).collect()
    }
}

impl fmt::Display for WorkspaceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "workspace {}", self.name)?;
        writeln!(f, "  workdir: {}", self.folder())?;
        for mount in &self.mounts {
            let readonly = if mount.readonly { " (read-only)" } else { "" };
            writeln!(
                f,
                "  mount: {} at {}{readonly}",
                mount.src.display(),
                mount.dst
            )?;
        }
        if self.trust {
            writeln!(f, "  trusted without asking")?;
        }
        for line in self.block.lines() {
            writeln!(f, "  {line}")?;
        }
        for (role, block) in &self.roles {
            writeln!(f, "  role {role}:")?;
            for line in block.lines() {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}
