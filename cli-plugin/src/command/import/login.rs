//! Modes of logins and their credentials, in the scopes in which jackin has
//! them. Whatever cannot be the same here becomes `ignore`: no login goes
//! where jackin gave another one.

use std::collections::BTreeSet;
use std::path::Path;

use super::planner::Planner;
use super::value::Ready;
use crate::agent::{Agent, claude};
use crate::auth::scope::Scope;
use crate::config::edit::table_of;
use crate::jackin::{AGENTS, Block, Format, Workspace, stamp};

/// What holds in one scope.
#[derive(Debug, Clone)]
struct Login {
    mode: &'static str,
    /// The folder that a login is synced from; `None` for the agent's own.
    folder: Option<String>,
}

impl Login {
    fn inner(&self, agent: Agent, block: Option<&Block>) -> Self {
        let mut login = self.clone();
        if let Some(block) = block {
            login.mode = block
                .mode
                .as_deref()
                .map_or(login.mode, |word| mode(agent, word).0);
            login.folder = block.source_folder.clone().or(login.folder);
        }
        login
    }
}

/// Our word for one of jackin's, and what is to be said of that.
fn mode(agent: Agent, word: &str) -> (&'static str, Option<&'static str>) {
    match word {
        "sync" => ("sync", None),
        "copy" => ("sync", Some("was called copy once, and is sync today")),
        "api_key" => ("api_key", None),
        "ignore" => ("ignore", None),
        "oauth_token" if agent == Agent::Claude => ("oauth_token", None),
        "token" if agent == Agent::Claude => (
            "oauth_token",
            Some("was called token once, and is oauth_token today"),
        ),
        _ => ("ignore", Some("is no mode of this agent's: ignore instead")),
    }
}

/// The slots of an agent, each with the variable that jackin has in its place.
fn slots(agent: Agent) -> Vec<(&'static str, &'static str)> {
    let mut slots = vec![("api_key", agent.description().key_variable)];
    if agent == Agent::Claude {
        slots.push(("oauth_token", claude::OAUTH_TOKEN));
    }
    slots
}

impl<'a> Planner<'a> {
    /// Plans the modes of all that has modes.
    pub(super) fn plan_logins(&mut self) {
        for agent in Agent::ALL {
            self.plan_login(agent);
        }
        self.note_unknown_agents();
    }

    fn plan_login(&mut self, agent: Agent) {
        let jackin = self.jackin;
        let top = jackin.global.blocks.get(agent.word());
        let start = Login {
            mode: "sync",
            folder: None,
        };
        let global = start.inner(agent, top);
        if !jackin.has_accounts {
            self.plan_block(&Scope::Global, agent, top, &global);
        }
        let mut asked: BTreeSet<&str> = BTreeSet::from([self.effective(agent, &global)]);
        let mut moved_everywhere: BTreeSet<&str> =
            slots(agent).into_iter().map(|(slot, _)| slot).collect();
        for (name, workspace) in &jackin.workspaces {
            if workspace.format == Format::Accounts {
                moved_everywhere.clear();
                continue;
            }
            let modes = self.plan_workspace_login(agent, name, workspace, &global);
            for (slot, variable) in slots(agent) {
                let wanted = modes.contains(slot);
                if !self.move_in_workspace(agent, name, workspace, slot, variable, wanted) {
                    moved_everywhere.remove(slot);
                }
            }
            asked.extend(modes);
        }
        for (slot, variable) in slots(agent) {
            if asked.contains(slot) && moved_everywhere.contains(slot) {
                self.move_to_top(agent, slot, variable);
            }
        }
        self.note_roles_with_modes(agent, self.effective(agent, &global));
    }

    /// Plans one workspace, and gives the modes that hold in it.
    fn plan_workspace_login(
        &mut self,
        agent: Agent,
        name: &str,
        workspace: &'a Workspace,
        global: &Login,
    ) -> BTreeSet<&'static str> {
        let word = agent.word();
        let scope = self.workspace(name);
        let block = workspace.layer.blocks.get(word);
        let mut login = global.inner(agent, block);
        if self.jackin.has_accounts && block.is_none_or(|block| block.mode.is_none()) {
            // The top level has accounts, and this workspace may use none.
            login.mode = "ignore";
            self.plan.set_mode(&scope, word, "ignore");
        }
        self.plan_block(&scope, agent, block, &login);
        let mut modes = BTreeSet::from([self.effective(agent, &login)]);
        for role in self.roles_of(workspace) {
            let layer = workspace.roles.get(role);
            let cell = layer.and_then(|layer| layer.blocks.get(word));
            let of_role = self.jackin.roles.get(role);
            let of_role = of_role.and_then(|role| role.layer.blocks.get(word));
            let said = cell.or(of_role.filter(|_| block.is_none()));
            let held = login.inner(agent, said);
            let scope = self.cell(name, role);
            self.plan_block(&scope, agent, said, &held);
            let mode = self.effective(agent, &held);
            modes.insert(mode);
            if cell.is_none() && said.is_some() {
                self.copy_from_role(agent, name, role, mode);
            }
        }
        if agent == Agent::Claude && modes.contains("oauth_token") {
            self.note_stamp(name);
        }
        modes
    }

    /// The roles that a workspace, or jackin for it, says something about.
    fn roles_of(&self, workspace: &'a Workspace) -> BTreeSet<&'a str> {
        let all = self.jackin.roles.keys();
        let allowed = all.filter(|role| workspace.allows(role));
        let named = workspace.roles.keys();
        allowed.chain(named).map(String::as_str).collect()
    }

    /// The mode that can be had here.
    fn effective(&self, agent: Agent, login: &Login) -> &'static str {
        match &login.folder {
            Some(folder) if login.mode == "sync" && !self.is_own_folder(agent, folder) => "ignore",
            _ => login.mode,
        }
    }

    /// Whether a login in this folder is the one that is synced here.
    pub(super) fn is_own_folder(&self, agent: Agent, folder: &str) -> bool {
        let named = match folder.strip_prefix("~/") {
            Some(below) => self.host.home().join(below),
            None => Path::new(folder).to_owned(),
        };
        let file = agent.description().credential_file.on(self.host);
        file.parent() == Some(&named.components().collect::<std::path::PathBuf>())
    }

    fn plan_block(&mut self, scope: &Scope, agent: Agent, block: Option<&Block>, login: &Login) {
        let Some(block) = block else { return };
        let table = scope.table(agent.word());
        let effective = self.effective(agent, login);
        if block.mode.is_some() || (block.source_folder.is_some() && login.mode == "sync") {
            self.plan.set_mode(scope, agent.word(), effective);
        }
        if let Some(why) = block.mode.as_deref().and_then(|word| mode(agent, word).1) {
            self.plan
                .converted(format!("{table} auth_forward ({})", block.place), why);
        }
        if effective != login.mode {
            self.note_folder(&table, agent, login.folder.as_deref().unwrap_or_default());
        }
        if agent != Agent::Claude {
            return;
        }
        if let Some(value) = &block.oauth_token {
            match Ready::of(value) {
                Ok(ready) => {
                    let table = table_of(scope, agent.word());
                    self.plan
                        .set(table, "oauth_token", ready.value, ready.shown);
                }
                Err(why) => self.plan.left(format!("{table} oauth_token"), why),
            }
        }
    }

    pub(super) fn note_folder(&mut self, about: &str, agent: Agent, folder: &str) {
        let variable = agent.description().credential_file.variable;
        self.plan.converted(
            format!("{about} login in {folder}"),
            format!(
                "ignore, since it is another login than the one that is synced here; that one \
                 would be it with {variable} set at the launch"
            ),
        );
    }

    /// Moves a workspace's credential from its variable to its slot: in all of
    /// its layers or in none, since a slot comes before every variable.
    /// Gives whether none is left as a variable.
    fn move_in_workspace(
        &mut self,
        agent: Agent,
        name: &str,
        workspace: &Workspace,
        slot: &str,
        variable: &str,
        wanted: bool,
    ) -> bool {
        let cells = workspace.roles.keys().map(|role| self.cell(name, role));
        let scopes: Vec<Scope> = std::iter::once(self.workspace(name))
            .chain(cells)
            .filter(|scope| self.names(scope, variable))
            .collect();
        let movable = |scope: &Scope| self.env[scope][variable].is_some();
        if !wanted || !scopes.iter().all(movable) {
            return scopes.is_empty();
        }
        for scope in scopes {
            self.move_to_slot(&scope, agent, slot, variable);
        }
        true
    }

    /// The same at the top level, unless a role has a variable of that name,
    /// which comes before that of the top level.
    fn move_to_top(&mut self, agent: Agent, slot: &str, variable: &str) {
        let roles = self
            .env
            .keys()
            .filter(|scope| matches!(scope, Scope::Role(_)));
        let in_role = roles.into_iter().any(|scope| self.names(scope, variable));
        if !in_role && self.names(&Scope::Global, variable) {
            self.move_to_slot(&Scope::Global, agent, slot, variable);
        }
    }

    fn names(&self, scope: &Scope, variable: &str) -> bool {
        let env = self.env.get(scope);
        env.is_some_and(|env| env.contains_key(variable))
    }

    fn move_to_slot(&mut self, scope: &Scope, agent: Agent, slot: &str, variable: &str) {
        let Some(env) = self.env.get_mut(scope) else {
            return;
        };
        if !env.get(variable).is_some_and(Option::is_some) {
            return;
        }
        if let Some(Some(ready)) = env.remove(variable) {
            self.put_in_slot(scope, agent, slot, ready);
            let about = format!("{} {variable}", scope.table("env"));
            let why = format!("is {slot} of {} here", scope.table(agent.word()));
            self.plan.converted(about, why);
        }
    }

    pub(super) fn put_in_slot(&mut self, scope: &Scope, agent: Agent, slot: &str, ready: Ready) {
        let table = table_of(scope, agent.word());
        self.plan.set(table, slot, ready.value, ready.shown);
    }

    /// A role's own mode, which stands in a workspace here, takes the role's
    /// own credential with it, unless the workspace has one.
    fn copy_from_role(&mut self, agent: Agent, workspace: &str, role: &str, mode: &str) {
        let (near, cell) = (self.workspace(workspace), self.cell(workspace, role));
        let of_role = Scope::Role(self.roles.of(role).to_owned());
        for (slot, variable) in slots(agent) {
            if slot != mode || self.names(&near, variable) || self.names(&cell, variable) {
                continue;
            }
            let env = self.env.get(&of_role);
            if let Some(Some(ready)) = env.and_then(|env| env.get(variable)).cloned() {
                self.put_in_slot(&cell, agent, slot, ready);
            }
        }
    }

    /// What stands in the slots of a role's workspaces is no variable of the
    /// role's any more, unless it is used outside of them.
    fn forget_copied(&mut self, agent: Agent, role: &str, outside: &str) {
        let scope = Scope::Role(self.roles.of(role).to_owned());
        let Some(env) = self.env.get_mut(&scope) else {
            return;
        };
        for (slot, variable) in slots(agent) {
            let copied = self.plan.tables.iter().any(|(table, settings)| {
                let cell = [self.roles.of(role), agent.word()];
                table.ends_with(&cell.map(str::to_owned))
                    && settings.iter().any(|setting| setting.key == slot)
            });
            if slot != outside && copied {
                env.remove(variable);
            }
        }
    }

    fn note_roles_with_modes(&mut self, agent: Agent, outside: &str) {
        for (name, role) in &self.jackin.roles {
            if !role.layer.blocks.contains_key(agent.word()) {
                continue;
            }
            let about = format!("[roles] {name} {agent}");
            let allows = |workspace: &Workspace| workspace.allows(name);
            if self.jackin.workspaces.values().any(allows) {
                self.plan.converted_with_care(
                    about,
                    format!(
                        "stands in each workspace of the role; outside of them the general mode \
                         holds, which is {outside}"
                    ),
                );
                self.forget_copied(agent, name, outside);
            } else {
                self.plan.unprotected(
                    about,
                    format!(
                        "a role has no mode of its own outside of workspaces; the general mode \
                         holds, which is {outside}"
                    ),
                );
            }
        }
    }

    fn note_unknown_agents(&mut self) {
        for (scope, layer) in self.layers() {
            for agent in layer.blocks.keys() {
                if Agent::from_word(agent).is_none() && AGENTS.contains(&agent.as_str()) {
                    let about = scope.table(agent);
                    self.plan
                        .left(about, "is an agent that docker-jackin does not know");
                }
            }
        }
    }

    pub(super) fn note_stamp(&mut self, workspace: &str) {
        if let Some(date) = stamp(self.state, workspace) {
            let ours = self.workspaces.of(workspace);
            self.plan.left(
                format!("expiry of the token of workspace {workspace}"),
                format!(
                    "jackin expects it on {date}; see docker jackin workspace claude-token doctor {ours}"
                ),
            );
        }
    }
}
