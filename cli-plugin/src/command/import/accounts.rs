//! Accounts, the newest form of logins: for each agent of a workspace the one
//! that jackin would take, and no login where there is none or more than one.

use std::collections::BTreeMap;

use super::planner::Planner;
use super::value::Ready;
use crate::agent::Agent;
use crate::auth::scope::Scope;
use crate::config::edit::table_of;
use crate::jackin::{Account, Credential, Format, Workspace};

/// Whose keys OpenCode takes under the same name that jackin has for them.
const OF_OPENCODE: [&str; 6] = [
    "anthropic",
    "openai",
    "google",
    "openrouter",
    "xai",
    "opencode",
];

/// What an agent is to use.
enum Choice<'a> {
    Account(&'a str),
    /// None, and why that is worth a word.
    Nothing(Option<String>),
}

impl<'a> Planner<'a> {
    /// Plans the workspaces that have accounts.
    pub(super) fn plan_accounts(&mut self) {
        let jackin = self.jackin;
        for (name, workspace) in &jackin.workspaces {
            if workspace.format != Format::Accounts {
                continue;
            }
            let scope = self.workspace(name);
            for agent in Agent::ALL {
                let binding = workspace.layer.bindings.get(agent.word());
                let choice = self.choice(workspace, agent, binding);
                self.plan_choice(&scope, agent, choice, name);
                for (role, layer) in &workspace.roles {
                    if let Some(binding) = layer.bindings.get(agent.word()) {
                        let cell = self.cell(name, role);
                        let choice = self.choice(workspace, agent, Some(binding));
                        self.plan_choice(&cell, agent, choice, name);
                    }
                }
            }
        }
        self.note_accounts();
    }

    /// The account that jackin would take: the one that is bound, else the
    /// only one that there is.
    fn choice(
        &self,
        workspace: &'a Workspace,
        agent: Agent,
        binding: Option<&'a String>,
    ) -> Choice<'a> {
        let allowed = workspace.accounts.as_deref().unwrap_or_default();
        let usable = |id: &&'a String| {
            let account = self.jackin.accounts.get(*id);
            account.is_some_and(|account| account.enabled)
        };
        let allowed: Vec<&String> = allowed.iter().filter(usable).collect();
        if let Some(bound) = binding {
            return match allowed.iter().find(|id| **id == bound) {
                Some(id) => Choice::Account(id),
                None => Choice::Nothing(Some(format!(
                    "account {bound} is none that may be used there"
                ))),
            };
        }
        let global = self.jackin.global.bindings.get(agent.word());
        if let Some(id) = allowed.iter().find(|id| Some(**id) == global) {
            return Choice::Account(id);
        }
        let fits = |id: &&&'a String| fits(agent, &self.jackin.accounts[**id]);
        let fitting: Vec<_> = allowed.iter().filter(fits).collect();
        match fitting.as_slice() {
            [] => Choice::Nothing(None),
            [only] => Choice::Account(only),
            _ => Choice::Nothing(Some("several accounts could be meant".to_owned())),
        }
    }

    fn plan_choice(&mut self, scope: &Scope, agent: Agent, choice: Choice<'a>, workspace: &str) {
        let why = match choice {
            Choice::Nothing(why) => why,
            Choice::Account(id) => match self.give(scope, agent, id) {
                Ok(mode) => {
                    self.plan.set_mode(scope, agent.word(), mode);
                    let about = format!("account {id}");
                    let why = format!("is {mode} in {} here", scope.table(agent.word()));
                    self.plan.converted(about, why);
                    if mode == "oauth_token" {
                        self.note_stamp(workspace);
                    }
                    return;
                }
                Err(why) => Some(format!("account {id}: {why}")),
            },
        };
        // Without a word the host's own login would be forwarded.
        self.plan.set_mode(scope, agent.word(), "ignore");
        if let Some(why) = why {
            let about = scope.table(agent.word());
            self.plan.left(about, format!("{why}; ignore instead"));
        }
    }

    /// Puts an account's credential into the agent's block, and gives the mode.
    fn give(&mut self, scope: &Scope, agent: Agent, id: &str) -> Result<&'static str, String> {
        let account = &self.jackin.accounts[id];
        match &account.credential {
            Credential::Profile { agent: of, folder } if of == agent.word() => {
                if self.is_own_folder(agent, folder) {
                    return Ok("sync");
                }
                let variable = agent.description().credential_file.variable;
                Err(format!(
                    "its login lies in {folder}, and another one is synced here; that one would \
                     be it with {variable} set at the launch"
                ))
            }
            Credential::OauthToken(value) if agent == Agent::Claude => {
                let ready = Ready::of(value)?;
                self.put_in_slot(scope, agent, "oauth_token", ready);
                Ok("oauth_token")
            }
            Credential::ApiKey(_) if account.base_url && !is_native(agent, account) => Err(
                format!("{agent} is given no key of {} here", account.provider),
            ),
            Credential::ApiKey(_) if account.base_url => Err(
                "its key is for an address of its own, and would go to the provider's here"
                    .to_owned(),
            ),
            Credential::ApiKey(value) => {
                let of_opencode = OF_OPENCODE.contains(&account.provider.as_str());
                if !(is_native(agent, account) || agent == Agent::Opencode && of_opencode) {
                    let provider = &account.provider;
                    return Err(format!("{agent} is given no key of {provider} here"));
                }
                let ready = Ready::of(value)?;
                self.put_in_slot(scope, agent, "api_key", ready);
                if agent == Agent::Opencode {
                    let table = table_of(scope, agent.word());
                    self.plan.set_word(table, "provider", &account.provider);
                }
                Ok("api_key")
            }
            _ => Err(format!("it is no login of {agent}'s")),
        }
    }

    /// Modes beside accounts, which jackin itself refuses.
    fn note_modes(&mut self) {
        let jackin = self.jackin;
        let mut layers = Vec::new();
        if jackin.has_accounts {
            layers.push((Scope::Global, &jackin.global));
        }
        for (name, workspace) in &jackin.workspaces {
            if workspace.format == Format::Accounts {
                layers.push((self.workspace(name), &workspace.layer));
                let roles = workspace.roles.iter();
                layers.extend(roles.map(|(role, layer)| (self.cell(name, role), layer)));
            }
        }
        for (scope, layer) in layers {
            for agent in layer.blocks.keys() {
                let about = scope.table(agent);
                self.plan.left(about, "has no say where accounts are used");
            }
        }
    }

    fn note_accounts(&mut self) {
        self.note_modes();
        let mut used: BTreeMap<&str, bool> = BTreeMap::new();
        for workspace in self.jackin.workspaces.values() {
            for id in workspace.accounts.iter().flatten() {
                used.insert(id, true);
            }
        }
        for (id, account) in &self.jackin.accounts {
            if !account.enabled {
                self.plan.left(format!("account {id}"), "is switched off");
            } else if !used.contains_key(id.as_str()) {
                let why = "no workspace may use it, and it is for nothing else";
                self.plan.left(format!("account {id}"), why);
            }
        }
        if self.jackin.has_accounts && !self.jackin.workspaces.is_empty() {
            self.plan.converted(
                "accounts",
                "are what each workspace says about its agents here; outside of workspaces \
                 nothing is set, and the host's logins are forwarded: \
                 docker jackin config auth set ignore",
            );
        }
    }
}

/// Whether an account's key is of the agent's own provider.
fn is_native(agent: Agent, account: &Account) -> bool {
    let provider = match agent {
        Agent::Claude => "anthropic",
        Agent::Codex => "openai",
        Agent::Amp => "amp",
        Agent::Opencode => "opencode",
    };
    account.provider == provider
}

/// Whether jackin could give an account to this agent.
fn fits(agent: Agent, account: &Account) -> bool {
    match &account.credential {
        Credential::Profile { agent: of, .. } => of == agent.word(),
        Credential::OauthToken(_) => agent == Agent::Claude,
        Credential::ApiKey(_) => {
            let for_many = ["zai", "moonshot", "minimax"].contains(&account.provider.as_str());
            is_native(agent, account)
                || match agent {
                    Agent::Opencode => true,
                    Agent::Claude | Agent::Codex => for_many,
                    Agent::Amp => false,
                }
        }
        Credential::Unknown => false,
    }
}
