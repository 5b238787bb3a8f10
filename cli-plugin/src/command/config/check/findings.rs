//! What is right in a configuration, and probably not meant.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::Remark;
use crate::agent::Agent;
use crate::auth::mode::{self, ChosenMode, Mode};
use crate::auth::refresh::{self, Refresh};
use crate::auth::scope::{Cell, Scope};
use crate::command::config::declared;
use crate::config::{AgentBlocks, Config, Role, Value, Variables, Workspace};
use crate::docker::given_flags::{GivenFlags, RUN};
use crate::host::Host;
use crate::source::Source;

/// All of them, by line where they have one.
pub(super) fn of(config: &Config, host: &Host) -> Vec<Remark> {
    let mut findings = Findings {
        config,
        used: used_values(config),
        remarks: Vec::new(),
    };
    for warning in &config.warnings {
        findings.remark(None, warning.clone(), "");
    }
    findings.scope(&Scope::Global, Some(&config.agents), &config.env);
    for (name, role) in &config.roles {
        findings.scope(&Scope::Role(name.clone()), None, &role.env);
        findings.role(name, role);
    }
    for (name, workspace) in &config.workspaces {
        let scope = Scope::Workspace(name.clone());
        findings.scope(&scope, Some(&workspace.agents), &workspace.env);
        findings.workspace(name, workspace, host);
        for (role, cell) in &workspace.roles {
            let scope = Scope::WorkspaceRole(name.clone(), role.clone());
            findings.scope(&scope, Some(&cell.agents), &cell.env);
        }
    }
    findings.missing_credentials();
    let mut remarks = findings.remarks;
    remarks.sort_by_key(|remark| remark.line);
    remarks
}

struct Findings<'a> {
    config: &'a Config,
    /// The values that some mode takes its credential from, by where they are.
    used: BTreeSet<*const Value>,
    remarks: Vec<Remark>,
}

impl Findings<'_> {
    fn remark(&mut self, line: Option<usize>, what: String, hint: &str) {
        let message = match line {
            Some(line) => format!("{}:{line}: {what}", self.config.file.display()),
            None => what,
        };
        let hints = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        self.remarks.push(Remark {
            line,
            message,
            hints: hints.into_iter().collect(),
        });
    }

    fn scope(&mut self, scope: &Scope, agents: Option<&AgentBlocks>, env: &Variables) {
        for (agent, block) in agents.into_iter().flatten() {
            let table = scope.table(agent.word());
            if let Some(refresh) = block.sync_refresh {
                self.idle_refresh(scope, *agent, refresh);
            }
            for (slot, value) in [
                ("oauth_token", &block.oauth_token),
                ("api_key", &block.api_key),
            ] {
                if let Some(value) = value {
                    self.value(&format!("{slot} of {table}"), value);
                    self.unused(&format!("{slot} of {table}"), slot, value);
                }
            }
        }
        for (name, value) in env {
            let named = format!("{name} of {}", scope.table("env"));
            self.value(&named, value);
            if let Some(agent) = Agent::of_variable(name.as_str()) {
                self.left_to_mode(&named, agent, value);
            }
        }
    }

    fn value(&mut self, named: &str, value: &Value) {
        if let Err(error) = Source::parse(&value.written) {
            let what = format!("{named} cannot be read: {error}");
            self.remark(Some(value.line), what, "nothing starts that needs it");
        }
    }

    fn unused(&mut self, named: &str, slot: &str, value: &Value) {
        if !self.used.contains(&std::ptr::from_ref(value)) {
            let what = format!("{named} is used by no mode");
            let hint = format!("it is read where auth_forward is \"{slot}\"");
            self.remark(Some(value.line), what, &hint);
        }
    }

    /// A refresh that counts in no kind of container: another mode holds
    /// wherever it is the nearest.
    fn idle_refresh(&mut self, scope: &Scope, agent: Agent, refresh: Refresh) {
        let config = self.config;
        let counts = cells(config).into_iter().any(|cell| {
            let chosen = refresh::resolve(config, cell, agent);
            let mode = mode::resolve(config, cell, agent).auth_mode.mode();
            chosen.scope.as_ref() == Some(scope) && mode == Mode::Sync
        });
        if !counts {
            let (word, table) = (refresh.word(), scope.table(agent.word()));
            let what = format!("sync_refresh = \"{word}\" of {table} counts for no container");
            let hint = "it is read where auth_forward is \"sync\"";
            self.remark(None, what, hint);
        }
    }

    fn left_to_mode(&mut self, named: &str, agent: Agent, value: &Value) {
        if !self.used.contains(&std::ptr::from_ref(value)) {
            let what = format!("{named} is {agent}'s credential, and no mode of {agent} takes it");
            let hint = format!("docker jackin config auth show --agent {agent} --trace");
            self.remark(Some(value.line), what, &hint);
        }
    }

    /// What a launch would end for, unless a docker flag gives it.
    fn missing_credentials(&mut self) {
        let config = self.config;
        let mut told = Vec::new();
        for cell in cells(config) {
            // Without a role the agents are named at the start.
            let role = cell.role.and_then(|name| config.roles.get(name));
            for agent in role.iter().flat_map(|role| &role.agents) {
                let chosen = mode::resolve(config, cell, *agent);
                let search = declared::search(config, cell, &chosen);
                let missing = search.is_some_and(|search| search.deciding().is_none());
                if missing && !told.contains(&chosen) {
                    self.missing_credential(&chosen, cell);
                    told.push(chosen);
                }
            }
        }
    }

    fn missing_credential(&mut self, chosen: &ChosenMode, cell: Cell<'_>) {
        let (word, agent) = (chosen.auth_mode.word(), chosen.auth_mode.agent());
        let scope = chosen.scope.clone().unwrap_or(Scope::Global);
        let role = cell.role.unwrap_or_default();
        let within = match cell.workspace {
            Some(workspace) => format!("in workspace {workspace}"),
            None => "outside of workspaces".to_owned(),
        };
        let what = format!(
            "{agent}'s mode {word}, from {scope}, finds no credential for role {role} {within}"
        );
        let flags = scope.flags();
        let hint =
            format!("docker jackin config auth set {word} --agent {agent}{flags} --from SOURCE");
        self.remark(None, what, &hint);
    }

    fn role(&mut self, name: &str, role: &Role) {
        if role.agents.is_empty() {
            let what = format!("[roles.{name}] has no agents, and so its containers no logins");
            self.remark(None, what, "");
        }
        let flags = role.run.iter().map(OsString::from).collect();
        match GivenFlags::parse(&RUN, flags) {
            Err(failure) => {
                let what = format!("`run` of [roles.{name}] is refused: {}", failure.message);
                self.remark(None, what, "each word is an entry of its own");
            }
            Ok(flags) if flags.command.is_some() => {
                let what = format!("`run` of [roles.{name}] holds a `--`");
                self.remark(None, what, "a command is given to `docker jackin run`");
            }
            Ok(_) => {}
        }
    }

    fn workspace(&mut self, name: &str, workspace: &Workspace, host: &Host) {
        let table = format!("[workspaces.{name}]");
        if let Some(workdir) = &workspace.workdir
            && !is_folder(workdir)
        {
            let what = format!("workdir of {table} is no folder: {}", workdir.display());
            self.remark(None, what, "");
        }
        let below = workspace.workdir.as_deref().unwrap_or(host.home());
        for mount in &workspace.mounts {
            let source = below.join(&mount.src);
            if fs::symlink_metadata(&source).is_err() {
                let what = format!("a mount of {table} is not there: {}", source.display());
                self.remark(None, what, "docker refuses to start with it");
            }
        }
        for role in workspace.roles.keys() {
            if !self.config.roles.contains_key(role) {
                let what = format!("{table} speaks about a role that is none: {role}");
                self.remark(
                    None,
                    what,
                    &format!("add it: docker jackin role add {role} --image IMAGE"),
                );
            }
        }
    }
}

fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Every kind of container there can be.
fn cells(config: &Config) -> Vec<Cell<'_>> {
    let workspaces = config.workspaces.keys().map(|name| Some(name.as_str()));
    let cells = workspaces.chain([None]).flat_map(|workspace| {
        let roles = config.roles.keys().map(|name| Some(name.as_str()));
        roles
            .chain([None])
            .map(move |role| Cell { workspace, role })
    });
    cells.collect()
}

/// The values that decide in any kind of container there can be.
fn used_values(config: &Config) -> BTreeSet<*const Value> {
    let cells = cells(config).into_iter();
    cells.flat_map(|cell| used_in(config, cell)).collect()
}

fn used_in(config: &Config, cell: Cell<'_>) -> Vec<*const Value> {
    let agents = Agent::ALL.into_iter();
    agents
        .filter_map(|agent| {
            let chosen = mode::resolve(config, cell, agent);
            let search = declared::search(config, cell, &chosen)?;
            let (_, value) = search.deciding()?;
            Some(std::ptr::from_ref(value))
        })
        .collect()
}
