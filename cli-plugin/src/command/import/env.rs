//! Variables: each in the scope that it had.

use super::planner::{Env, Planner};
use super::value::Ready;
use crate::agent::Agent;
use crate::auth::scope::Scope;
use crate::config::edit::table_of;
use crate::jackin::EnvValue;

/// Variables that jackin itself sets, and refuses in a configuration.
const RESERVED: [&str; 11] = [
    "JACKIN",
    "JACKIN_AGENT",
    "JACKIN_ROLE",
    "JACKIN_WORKDIR",
    "JACKIN_DIND_HOSTNAME",
    "JACKIN_GIT_COAUTHOR_TRAILER",
    "JACKIN_GIT_DCO",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "TESTCONTAINERS_HOST_OVERRIDE",
];

impl Planner<'_> {
    /// Reads the variables of every layer.
    pub(super) fn read_variables(&mut self) {
        for (scope, layer) in self.layers() {
            let env = layer.env.iter().map(|(name, value)| {
                let ready = self.ready(&scope, name, value);
                (name.clone(), ready)
            });
            let env: Env = env.collect();
            if !env.is_empty() {
                self.env.insert(scope, env);
            }
        }
    }

    /// A variable as one of ours; `None`, with a note, where there is none.
    pub(super) fn ready(&mut self, scope: &Scope, name: &str, value: &EnvValue) -> Option<Ready> {
        let about = format!("{} {name}", scope.table("env"));
        if RESERVED.contains(&name) {
            self.plan.left(about, "is set by jackin itself");
            return None;
        }
        match Ready::of(value) {
            Ok(ready) => {
                if let Some(why) = ready.changed {
                    self.plan.converted(about, why);
                }
                Some(ready)
            }
            Err(why) => {
                self.plan.left(about, why);
                None
            }
        }
    }

    /// Whether a wider scope would give a container this variable.
    fn comes_from_outside(&self, scope: &Scope, name: &str) -> bool {
        self.env.iter().any(|(outer, env)| {
            is_wider(outer, scope) && env.get(name).is_some_and(Option::is_some)
        })
    }

    /// Puts the variables into the plan.
    pub(super) fn plan_variables(&mut self) {
        for (scope, env) in self.env.clone() {
            for (name, ready) in env {
                let ready = match ready {
                    Some(ready) => ready,
                    None if self.comes_from_outside(&scope, &name) => {
                        let about = format!("{} {name}", scope.table("env"));
                        let why =
                            "is set to nothing, so that a wider scope's does not take its place";
                        self.plan.converted(about, why);
                        Ready::nothing()
                    }
                    None => continue,
                };
                if let Some(agent) = Agent::of_variable(&name) {
                    let about = format!("{} {name}", scope.table("env"));
                    let why = format!(
                        "stays where it is; it is {agent}'s credential, delivered where {agent}'s \
                         mode asks for it and nowhere else"
                    );
                    self.plan.converted(about, why);
                }
                let table = table_of(&scope, "env");
                self.plan.set(table, &name, ready.value, ready.shown);
            }
        }
    }
}

/// Whether `outer` speaks about all that `scope` speaks about, with less say.
fn is_wider(outer: &Scope, scope: &Scope) -> bool {
    match (outer, scope) {
        (Scope::Global, scope) => *scope != Scope::Global,
        (Scope::Role(_), Scope::Workspace(_)) => true,
        (Scope::Role(one), Scope::WorkspaceRole(_, role)) => one == role,
        (Scope::Workspace(one), Scope::WorkspaceRole(workspace, _)) => one == workspace,
        _ => false,
    }
}
