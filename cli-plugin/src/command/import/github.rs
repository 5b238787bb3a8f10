//! `[github]`: jackin's own login for `gh`, as the variables that it comes to.

use std::collections::BTreeMap;

use super::planner::Planner;
use super::value::Ready;
use crate::auth::scope::Scope;
use crate::jackin::{EnvValue, Github};

/// What holds in one scope.
#[derive(Debug, Clone)]
struct Held<'a> {
    mode: &'a str,
    /// Each variable with the scope that names it.
    env: BTreeMap<&'a str, (Scope, &'a EnvValue)>,
}

impl<'a> Held<'a> {
    fn inner(&self, scope: &Scope, github: Option<&'a Github>) -> Self {
        let mut held = self.clone();
        if let Some(github) = github {
            held.mode = github.mode.as_deref().unwrap_or(held.mode);
            let env = github.env.iter();
            held.env
                .extend(env.map(|(name, value)| (name.as_str(), (scope.clone(), value))));
        }
        held
    }

    /// What a container is given.
    fn given(&self) -> BTreeMap<&'a str, (Scope, &'a EnvValue)> {
        if self.mode == "token" {
            self.env.clone()
        } else {
            BTreeMap::new()
        }
    }
}

impl<'a> Planner<'a> {
    /// Takes the tokens over as variables. A scope that is to have none gets
    /// none from a wider one.
    pub(super) fn plan_github(&mut self) {
        let jackin = self.jackin;
        let nothing = Held {
            mode: "sync",
            env: BTreeMap::new(),
        };
        let top = jackin.global.github.as_ref();
        let global = nothing.inner(&Scope::Global, top);
        self.plan_github_of(&Scope::Global, top, &nothing, &global);
        for (name, workspace) in &jackin.workspaces {
            let scope = self.workspace(name);
            let github = workspace.layer.github.as_ref();
            let held = global.inner(&scope, github);
            self.plan_github_of(&scope, github, &global, &held);
            for (role, layer) in &workspace.roles {
                let scope = self.cell(name, role);
                let github = layer.github.as_ref();
                let cell = held.inner(&scope, github);
                self.plan_github_of(&scope, github, &held, &cell);
            }
        }
    }

    fn plan_github_of(
        &mut self,
        scope: &Scope,
        github: Option<&Github>,
        outer: &Held<'a>,
        held: &Held<'a>,
    ) {
        let Some(github) = github else { return };
        let table = scope.table("github");
        if github.mode.as_deref() == Some("sync") {
            let why = "the host's login of gh is not forwarded here; \
                       give a token: docker jackin config env set GH_TOKEN SOURCE";
            self.plan.left(table.clone(), why);
        }
        let (inherited, given) = (outer.given(), held.given());
        for (name, (origin, value)) in &given {
            if inherited.get(name).is_none_or(|(from, _)| from != origin) {
                let ready = self.ready(scope, name, value);
                self.put(scope, name, ready);
                self.plan.converted(
                    format!("{} {name}", scope.table("github.env")),
                    format!("is a variable of {} here", scope.table("env")),
                );
            }
        }
        for name in inherited.keys().filter(|name| !given.contains_key(**name)) {
            self.put(scope, name, None);
        }
    }

    /// A variable of `[env]` in the same scope stays, where there is one.
    fn put(&mut self, scope: &Scope, name: &str, ready: Option<Ready>) {
        let env = self.env.entry(scope.clone()).or_default();
        env.entry(name.to_owned()).or_insert(ready);
    }
}
