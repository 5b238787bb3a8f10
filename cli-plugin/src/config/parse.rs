//! The configuration's schema, read strictly: a key that means nothing is an
//! error with its line, since a misspelt one could deliver the wrong login.

mod reader;

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

use jackin_oci_hook::payload::VariableName;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Problem;
use super::{
    AgentBlock, AgentBlocks, Config, ConfigError, Mount, Role, Value, Variables, Workspace,
    WorkspaceRole,
};
use crate::agent::Agent;
use crate::auth::mode::AuthMode;
use crate::auth::refresh::Refresh;
use reader::{Item, Reader, Table, inner};

/// Variables with this beginning are docker-jackin's own.
const OWN_VARIABLES: &str = "DOCKER_JACKIN_";

/// Reads a whole configuration from `text`; the error is the first of all.
pub(super) fn parse(file: &Path, text: &str, home: &Path) -> Result<Config, ConfigError> {
    let (config, problems) = parse_all(file, text, home);
    match problems.into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(config),
    }
}

/// Reads what can be read from `text`, and gives all that is wrong with it in
/// the order of the lines.
pub(super) fn parse_all(file: &Path, text: &str, home: &Path) -> (Config, Vec<ConfigError>) {
    let reader = Reader {
        file,
        text,
        home,
        problems: RefCell::default(),
    };
    let config = match DeTable::parse(text) {
        Ok(document) => reader.config(document.get_ref()),
        Err(error) => {
            // The error's own rendering quotes the line, and with it perhaps a
            // secret; its message alone does not.
            let at = error.span().unwrap_or_default();
            let problem = reader.wrong(at, Problem::Syntax(error.message().to_owned()));
            reader.keep::<()>(Err(problem));
            Config::default()
        }
    };
    let mut problems = reader.problems.into_inner();
    problems.sort_by_key(ConfigError::line);
    (config, problems)
}

impl Reader<'_> {
    fn config(&self, entries: &DeTable<'_>) -> Config {
        let top = Table {
            entries,
            span: 0..0,
            named: "the file".into(),
        };
        self.check_keys(&top, &["env", "roles", "workspaces"], true);
        let mut config = Config {
            file: self.file.to_owned(),
            agents: self.agents(&top),
            env: self.variables(&top),
            ..Config::default()
        };
        for (name, item) in self.named_tables(&top, "roles") {
            if let Some(role) = self.keep(self.role(&item)) {
                config.roles.insert(name, role);
            }
        }
        for (name, item) in self.named_tables(&top, "workspaces") {
            config.workspaces.insert(name, self.workspace(&item));
        }
        config
    }

    fn role(&self, table: &Table<'_>) -> Result<Role, ConfigError> {
        self.check_keys(table, &["image", "agents", "run", "env"], false);
        let env = self.variables(table);
        let image = self
            .text(table, "image")?
            .ok_or_else(|| self.missing(table, "image"))?;
        let agents = table
            .get("agents")
            .ok_or_else(|| self.missing(table, "agents"))?;
        Ok(Role {
            image,
            agents: self.agent_names(agents)?,
            run: self.texts(table, "run")?,
            env,
        })
    }

    fn workspace(&self, table: &Table<'_>) -> Workspace {
        self.check_keys(table, &["workdir", "mounts", "trust", "env", "roles"], true);
        let mut workspace = Workspace {
            workdir: self.keep(self.workdir(table)).flatten(),
            mounts: self.keep(self.mounts(table)).unwrap_or_default(),
            trust: self.keep(self.switch(table, "trust")).unwrap_or_default(),
            agents: self.agents(table),
            env: self.variables(table),
            ..Workspace::default()
        };
        for (name, cell) in self.named_tables(table, "roles") {
            self.check_keys(&cell, &["env"], true);
            let agents = self.agents(&cell);
            let env = self.variables(&cell);
            workspace.roles.insert(name, WorkspaceRole { agents, env });
        }
        workspace
    }

    fn agents(&self, table: &Table<'_>) -> AgentBlocks {
        let mut blocks = AgentBlocks::new();
        for agent in Agent::ALL {
            if let Some(item) = table.get(agent.word()) {
                let block = self
                    .table(item, inner(&table.named, agent.word()))
                    .and_then(|block| self.agent_block(agent, &block));
                blocks.extend(self.keep(block).map(|block| (agent, block)));
            }
        }
        blocks
    }

    fn agent_block(&self, agent: Agent, table: &Table<'_>) -> Result<AgentBlock, ConfigError> {
        let mut known = vec![
            "auth_forward",
            "sync_refresh",
            "oauth_token",
            "token",
            "api_key",
        ];
        known.extend((agent == Agent::Opencode).then_some("provider"));
        self.check_keys(table, &known, false);
        let auth_forward = match table.get("auth_forward") {
            Some(item) => Some(self.mode(agent, item)?),
            None => None,
        };
        let sync_refresh = match table.get("sync_refresh") {
            Some(item) => Some(self.refresh(item)?),
            None => None,
        };
        let mut oauth_token = None;
        for spelling in ["oauth_token", "token"] {
            let Some(item) = table.get(spelling) else {
                continue;
            };
            if agent != Agent::Claude {
                let agent = agent.word();
                return Err(self.wrong(item.span(), Problem::OauthTokenElsewhere { agent }));
            }
            let value = self.value(spelling, item)?;
            if oauth_token.replace(value).is_some() {
                let table = table.named.clone();
                return Err(self.wrong(item.span(), Problem::BothSpellings { table }));
            }
        }
        let api_key = match table.get("api_key") {
            Some(item) => Some(self.value("api_key", item)?),
            None => None,
        };
        Ok(AgentBlock {
            auth_forward,
            sync_refresh,
            oauth_token,
            api_key,
            provider: self.text(table, "provider")?,
        })
    }

    fn mode(&self, agent: Agent, item: &Item<'_>) -> Result<AuthMode, ConfigError> {
        let word = self.string("auth_forward", item)?;
        AuthMode::parse(agent, word).map_err(|problem| self.wrong(item.span(), problem))
    }

    fn refresh(&self, item: &Item<'_>) -> Result<Refresh, ConfigError> {
        let word = self.string("sync_refresh", item)?;
        Refresh::parse(word).map_err(|problem| self.wrong(item.span(), problem))
    }

    fn agent_names(&self, item: &Item<'_>) -> Result<Vec<Agent>, ConfigError> {
        let expected = "a list of agents: claude, codex, amp, opencode";
        let DeValue::Array(names) = item.get_ref() else {
            return Err(self.form(item, "agents", expected));
        };
        let mut agents = Vec::new();
        for name in names {
            let agent = Agent::from_word(self.string("agents", name)?)
                .ok_or_else(|| self.form(name, "agents", expected))?;
            if !agents.contains(&agent) {
                agents.push(agent);
            }
        }
        Ok(agents)
    }

    fn variables(&self, table: &Table<'_>) -> Variables {
        let Some(item) = table.get("env") else {
            return Variables::new();
        };
        let Some(env) = self.keep(self.table(item, inner(&table.named, "env"))) else {
            return Variables::new();
        };
        let variables = env.entries.iter();
        variables
            .filter_map(|(key, item)| self.keep(self.variable(key, item)))
            .collect()
    }

    fn variable(
        &self,
        key: &Spanned<Cow<'_, str>>,
        item: &Item<'_>,
    ) -> Result<(VariableName, Value), ConfigError> {
        let mistaken = |letter: char| letter.is_whitespace() || letter.is_control();
        let name = VariableName::try_from(key.get_ref().as_ref())
            .ok()
            .filter(|name| !name.as_str().contains(mistaken))
            .ok_or_else(|| self.wrong(key.span(), Problem::VariableName))?;
        if name.as_str().starts_with(OWN_VARIABLES) {
            let name = name.into();
            return Err(self.wrong(key.span(), Problem::ReservedName { name }));
        }
        let value = self.value(key.get_ref(), item)?;
        Ok((name, value))
    }

    fn workdir(&self, table: &Table<'_>) -> Result<Option<PathBuf>, ConfigError> {
        let Some(item) = table.get("workdir") else {
            return Ok(None);
        };
        let written = self.string("workdir", item)?;
        let workdir = match written.strip_prefix("~/") {
            Some(below) => self.home.join(below),
            None => PathBuf::from(written),
        };
        if !workdir.is_absolute() {
            return Err(self.form(
                item,
                "workdir",
                "an absolute path, or one that begins with ~/",
            ));
        }
        // Components only: no trailing slash, no `.`.
        Ok(Some(workdir.components().collect()))
    }

    fn mounts(&self, table: &Table<'_>) -> Result<Vec<Mount>, ConfigError> {
        let Some(item) = table.get("mounts") else {
            return Ok(Vec::new());
        };
        let DeValue::Array(items) = item.get_ref() else {
            return Err(self.form(item, "mounts", "a list of { src = …, dst = … }"));
        };
        let mut mounts: Vec<Mount> = Vec::new();
        for item in items {
            let mount = self.mount(table, item)?;
            if mounts.iter().any(|one| one.dst == mount.dst) {
                let expected = "another one than that of the mount before: docker takes each once";
                return Err(self.form(item, "dst", expected));
            }
            mounts.push(mount);
        }
        Ok(mounts)
    }

    fn mount(&self, workspace: &Table<'_>, item: &Item<'_>) -> Result<Mount, ConfigError> {
        let table = self.table(item, inner(&workspace.named, "mounts"))?;
        self.check_keys(&table, &["src", "dst", "readonly"], false);
        let src: PathBuf = self
            .text(&table, "src")?
            .ok_or_else(|| self.missing(&table, "src"))?
            .into();
        if src.is_relative() && workspace.get("workdir").is_none() {
            let expected = "an absolute path in a workspace that has no `workdir`";
            return Err(self.form(item, "src", expected));
        }
        let dst = self
            .text(&table, "dst")?
            .ok_or_else(|| self.missing(&table, "dst"))?;
        if !dst.starts_with('/') || dst.trim_matches('/').is_empty() {
            let expected = "an absolute path in the container, and not its root";
            return Err(self.form(item, "dst", expected));
        }
        let readonly = self.switch(&table, "readonly")?;
        Ok(Mount { src, dst, readonly })
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
