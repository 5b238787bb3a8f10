//! From jackin's configuration to a plan: nothing is asked and nothing is
//! changed here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::names::Names;
use super::plan::Plan;
use super::value::Ready;
use crate::auth::scope::Scope;
use crate::host::Host;
use crate::jackin::{Jackin, Layer, Manifest};

/// The variables of one scope; `None` for one that is left out.
pub(super) type Env = BTreeMap<String, Option<Ready>>;

/// A plan in the making.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    pub(super) jackin: &'a Jackin,
    pub(super) host: &'a Host,
    /// What jackin keeps beside its configuration.
    pub(super) state: &'a Path,
    /// What is known of each role's repository.
    pub(super) manifests: BTreeMap<&'a str, Manifest>,
    pub(super) roles: Names,
    pub(super) workspaces: Names,
    pub(super) env: BTreeMap<Scope, Env>,
    pub(super) plan: Plan,
}

/// What an import of `jackin` comes to.
pub(super) fn plan(jackin: &Jackin, state: &Path, host: &Host) -> Plan {
    let roles = all_roles(jackin);
    let manifests = roles
        .iter()
        .filter_map(|role| Some((*role, Manifest::of_role(state, role)?)));
    let mut planner = Planner {
        jackin,
        host,
        state,
        manifests: manifests.collect(),
        roles: Names::new("role", roles),
        workspaces: Names::new("workspace", jackin.workspaces.keys().map(String::as_str)),
        env: BTreeMap::new(),
        plan: Plan::default(),
    };
    planner.note_names();
    planner.read_variables();
    planner.plan_github();
    planner.plan_roles();
    planner.plan_workspaces();
    planner.plan_logins();
    planner.plan_accounts();
    planner.plan_variables();
    planner.note_rest();
    planner.plan
}

/// Every role that is named anywhere.
fn all_roles(jackin: &Jackin) -> BTreeSet<&str> {
    let of_workspaces = jackin.workspaces.values().flat_map(|workspace| {
        let named = workspace.roles.keys();
        let default = workspace.default_role.iter();
        named.chain(&workspace.allowed_roles).chain(default)
    });
    let roles = jackin.roles.keys().chain(of_workspaces);
    roles.map(String::as_str).collect()
}

impl<'a> Planner<'a> {
    pub(super) fn workspace(&self, name: &str) -> Scope {
        Scope::Workspace(self.workspaces.of(name).to_owned())
    }

    pub(super) fn cell(&self, workspace: &str, role: &str) -> Scope {
        Scope::WorkspaceRole(
            self.workspaces.of(workspace).to_owned(),
            self.roles.of(role).to_owned(),
        )
    }

    /// Every layer with its scope, the wider ones first.
    pub(super) fn layers(&self) -> Vec<(Scope, &'a Layer)> {
        let jackin = self.jackin;
        let mut layers = vec![(Scope::Global, &jackin.global)];
        for (name, role) in &jackin.roles {
            layers.push((Scope::Role(self.roles.of(name).to_owned()), &role.layer));
        }
        for (name, workspace) in &jackin.workspaces {
            layers.push((self.workspace(name), &workspace.layer));
            for (role, layer) in &workspace.roles {
                layers.push((self.cell(name, role), layer));
            }
        }
        layers
    }

    fn note_names(&mut self) {
        for (kind, names) in [("role", &self.roles), ("workspace", &self.workspaces)] {
            for (theirs, ours) in names.changed() {
                self.plan.converted(
                    format!("{kind} {theirs}"),
                    format!("is called {ours} here: a name has letters, digits, `_`, `.` and `-`"),
                );
            }
        }
    }
}
