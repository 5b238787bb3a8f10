//! What holds for every configuration, whatever its scopes say.

use std::collections::{BTreeMap, BTreeSet};

use jackin_oci_hook::payload::VariableName;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::choice::Said;
use super::mode::{self, AuthMode, ChosenMode};
use super::refresh::{self, Refresh};
use super::scope::{Cell, Scope, effective_variables};
use crate::agent::Agent;
use crate::config::{
    AgentBlock, AgentBlocks, Config, Role, Value, Variables, Workspace, WorkspaceRole, Written,
};

const WORKSPACES: [&str; 2] = ["w", "x"];
const ROLES: [&str; 2] = ["r", "s"];
const NAMES: [&str; 3] = ["A", "B", "C"];

fn agents() -> impl Strategy<Value = Agent> {
    prop::sample::select(Agent::ALL.to_vec())
}

fn auth_mode(agent: Agent) -> impl Strategy<Value = AuthMode> {
    let words = ["sync", "api_key", "oauth_token", "ignore"];
    let modes: Vec<_> = words
        .into_iter()
        .filter_map(|word| AuthMode::parse(agent, word).ok())
        .collect();
    prop::sample::select(modes)
}

fn blocks() -> BoxedStrategy<AgentBlocks> {
    let block = |agent| {
        let refresh = prop::sample::select(vec![Refresh::Live, Refresh::Copy]);
        let keys = (option::of(auth_mode(agent)), option::of(refresh));
        option::of(keys).prop_map(move |block| {
            let block = block.map(|(auth_forward, sync_refresh)| AgentBlock {
                auth_forward,
                sync_refresh,
                ..AgentBlock::default()
            });
            block.map(|block| (agent, block))
        })
    };
    Agent::ALL
        .map(block)
        .prop_map(|blocks| blocks.into_iter().flatten().collect())
        .boxed()
}

/// Variables whose values say which scope they stand in.
fn variables(scope: String) -> BoxedStrategy<Variables> {
    vec(prop::sample::select(NAMES.to_vec()), 0..3)
        .prop_map(move |names| {
            let value = || Value {
                written: Written::Text(scope.as_str().into()),
                line: 1,
            };
            let names = names.into_iter();
            names
                .map(|name| (VariableName::try_from(name).unwrap(), value()))
                .collect()
        })
        .boxed()
}

fn role(name: &'static str) -> BoxedStrategy<(String, Role)> {
    variables(format!("role {name}"))
        .prop_map(move |env| {
            let role = Role {
                image: "i".into(),
                agents: Vec::new(),
                run: Vec::new(),
                env,
            };
            (name.to_owned(), role)
        })
        .boxed()
}

fn cell(workspace: &'static str, role: &'static str) -> BoxedStrategy<(String, WorkspaceRole)> {
    let env = variables(format!("workspace {workspace} × role {role}"));
    (blocks(), env)
        .prop_map(move |(agents, env)| (role.to_owned(), WorkspaceRole { agents, env }))
        .boxed()
}

fn workspace(name: &'static str) -> BoxedStrategy<(String, Workspace)> {
    let env = variables(format!("workspace {name}"));
    let roles = ROLES.map(|role| option::weighted(0.8, cell(name, role)));
    (blocks(), env, roles)
        .prop_map(move |(agents, env, roles)| {
            let workspace = Workspace {
                agents,
                env,
                roles: roles.into_iter().flatten().collect(),
                ..Workspace::default()
            };
            (name.to_owned(), workspace)
        })
        .boxed()
}

fn configurations() -> BoxedStrategy<Config> {
    let roles = ROLES.map(|name| option::of(role(name)));
    let workspaces = WORKSPACES.map(|name| option::weighted(0.8, workspace(name)));
    let env = variables("global".to_owned());
    (blocks(), env, roles, workspaces)
        .prop_map(|(agents, env, roles, workspaces)| Config {
            agents,
            env,
            roles: roles.into_iter().flatten().collect(),
            workspaces: workspaces.into_iter().flatten().collect(),
            ..Config::default()
        })
        .boxed()
}

/// A role and a workspace, known, unknown, or none.
fn cells() -> impl Strategy<Value = Cell<'static>> {
    let workspace = prop::sample::select(vec![None, Some("w"), Some("x"), Some("unknown")]);
    let role = prop::sample::select(vec![None, Some("r"), Some("s"), Some("unknown")]);
    (workspace, role).prop_map(|(workspace, role)| Cell { workspace, role })
}

/// What the configuration says in one scope, read without any of the code
/// that is tested.
fn mode_in(config: &Config, scope: &Scope, agent: Agent) -> Option<AuthMode> {
    block_in(config, scope, agent)?.auth_forward
}

fn block_in<'a>(config: &'a Config, scope: &Scope, agent: Agent) -> Option<&'a AgentBlock> {
    let blocks = match scope {
        Scope::Global => &config.agents,
        Scope::Workspace(name) => &config.workspaces.get(name)?.agents,
        Scope::WorkspaceRole(name, role) => &config.workspaces.get(name)?.roles.get(role)?.agents,
        Scope::Role(_) => return None,
    };
    blocks.get(&agent)
}

/// The same of `sync_refresh`.
fn refresh_in(config: &Config, scope: &Scope, agent: Agent) -> Option<Refresh> {
    block_in(config, scope, agent)?.sync_refresh
}

/// The scopes of a mode, the nearest first, as the design lists them.
fn scopes_of_modes(cell: Cell<'_>) -> Vec<Scope> {
    let own = |name: &str| name.to_owned();
    let mut scopes = Vec::new();
    if let (Some(workspace), Some(role)) = (cell.workspace, cell.role) {
        scopes.push(Scope::WorkspaceRole(own(workspace), own(role)));
    }
    scopes.extend(cell.workspace.map(|name| Scope::Workspace(own(name))));
    scopes.push(Scope::Global);
    scopes
}

/// The layers of variables, the one that wins first, as the design lists them.
fn scopes_of_variables(cell: Cell<'_>) -> Vec<Scope> {
    let mut scopes = scopes_of_modes(cell);
    let global = scopes.len() - 1;
    if let Some(role) = cell.role {
        scopes.insert(global, Scope::Role(role.to_owned()));
    }
    scopes
}

fn variables_in<'a>(config: &'a Config, scope: &Scope) -> Option<&'a Variables> {
    Some(match scope {
        Scope::Global => &config.env,
        Scope::Role(role) => &config.roles.get(role)?.env,
        Scope::Workspace(name) => &config.workspaces.get(name)?.env,
        Scope::WorkspaceRole(name, role) => &config.workspaces.get(name)?.roles.get(role)?.env,
    })
}

fn text(value: &Value) -> &str {
    match &value.written {
        Written::Text(text) => text.expose_secret(),
        _ => unreachable!("all values here are texts"),
    }
}

proptest! {
    #[test]
    fn scenarios_1_to_8_the_nearest_scope_that_sets_a_mode_chooses_it(
        config in configurations(), cell in cells(), agent in agents()
    ) {
        let scopes = scopes_of_modes(cell).into_iter();
        let nearest = scopes
            .clone()
            .find_map(|scope| Some((mode_in(&config, &scope, agent)?, scope)));
        let trace = mode::trace(&config, cell, agent);
        prop_assert_eq!(trace.decided.agent(), agent);
        let (mode, scope) = match nearest {
            Some((mode, scope)) => (mode, Some(scope)),
            None => (AuthMode::default_of(agent), None),
        };
        prop_assert_eq!((trace.decided, &trace.by), (mode, &scope));
        prop_assert_eq!(ChosenMode::from(trace), mode::resolve(&config, cell, agent));
    }

    #[test]
    fn the_nearest_scope_that_sets_a_refresh_chooses_it_whatever_the_modes(
        config in configurations(), mut other in configurations(), cell in cells(), agent in agents()
    ) {
        let scopes = scopes_of_modes(cell).into_iter();
        let nearest = scopes
            .clone()
            .find_map(|scope| Some((refresh_in(&config, &scope, agent)?, scope)));
        let chosen = refresh::resolve(&config, cell, agent);
        let default = agent.description().refresh;
        let expected = nearest.map_or((default, None), |(refresh, scope)| (refresh, Some(scope)));
        prop_assert_eq!((chosen.refresh, chosen.scope), expected);
        // Nor does it move the mode: each is decided on its own.
        let mode = mode::resolve(&other, cell, agent);
        let no_refresh = |blocks: &mut AgentBlocks| {
            for block in blocks.values_mut() {
                block.sync_refresh = None;
            }
        };
        no_refresh(&mut other.agents);
        for workspace in other.workspaces.values_mut() {
            no_refresh(&mut workspace.agents);
            workspace.roles.values_mut().for_each(|cell| no_refresh(&mut cell.agents));
        }
        prop_assert_eq!(mode::resolve(&other, cell, agent), mode);
        prop_assert_eq!(refresh::resolve(&other, cell, agent).scope, None);
    }

    #[test]
    fn the_trace_says_of_every_scope_what_it_says(
        config in configurations(), cell in cells(), agent in agents()
    ) {
        let trace = mode::trace(&config, cell, agent);
        let asked: Vec<_> = trace.said.iter().map(|(scope, _)| scope.clone()).collect();
        prop_assert_eq!(asked, scopes_of_modes(cell));
        for (scope, said) in &trace.said {
            let expected = mode_in(&config, scope, agent);
            prop_assert_eq!(said.set(), expected);
            let decides = matches!(said, Said::Decides(_));
            prop_assert_eq!(decides, trace.by.as_ref() == Some(scope));
        }
    }

    #[test]
    fn scenario_8_what_is_said_about_other_agents_changes_nothing(
        mut config in configurations(), other in configurations(), cell in cells(), agent in agents()
    ) {
        let chosen = mode::resolve(&config, cell, agent);
        let replace = |mine: &mut AgentBlocks, theirs: &AgentBlocks| {
            mine.retain(|one, _| *one == agent);
            for (one, block) in theirs.iter().filter(|(one, _)| **one != agent) {
                let auth_forward = block.auth_forward;
                mine.insert(*one, AgentBlock { auth_forward, ..AgentBlock::default() });
            }
        };
        replace(&mut config.agents, &other.agents);
        for (name, workspace) in &mut config.workspaces {
            if let Some(theirs) = other.workspaces.get(name) {
                replace(&mut workspace.agents, &theirs.agents);
            }
        }
        prop_assert_eq!(mode::resolve(&config, cell, agent), chosen);
    }

    #[test]
    fn scenario_13_of_every_variable_the_nearest_layer_wins(
        config in configurations(), cell in cells()
    ) {
        let mut expected = BTreeMap::new();
        for scope in scopes_of_variables(cell) {
            for (name, value) in variables_in(&config, &scope).into_iter().flatten() {
                let scope = scope.to_string();
                expected.entry(name.as_str()).or_insert((text(value), scope));
            }
        }
        let found = effective_variables(&config, cell).into_iter();
        let found: BTreeMap<_, _> = found
            .map(|one| (one.name.as_str(), (text(one.value), one.scope.to_string())))
            .collect();
        prop_assert_eq!(&found, &expected);
        // The value says where it stands: the scope that is told is its own.
        for (value, scope) in found.values() {
            prop_assert_eq!(*value, scope.as_str());
        }
    }

    #[test]
    fn scenario_14_nothing_of_another_role_or_workspace_gets_in(
        config in configurations(), cell in cells()
    ) {
        let own: BTreeSet<_> = scopes_of_variables(cell)
            .iter()
            .map(ToString::to_string)
            .collect();
        for one in effective_variables(&config, cell) {
            prop_assert!(own.contains(text(one.value)));
        }
    }
}

/// The strategies reach what they are for: else the properties hold of nothing.
#[test]
fn the_configurations_are_worth_testing() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut deciders = BTreeSet::new();
    let mut layers = BTreeSet::new();
    for _ in 0..1000 {
        let tree = (configurations(), cells()).new_tree(&mut runner).unwrap();
        let (config, cell) = tree.current();
        let scope = mode::resolve(&config, cell, Agent::Claude).scope;
        deciders.insert(scope.map(|scope| scope.to_string()));
        layers.extend(
            effective_variables(&config, cell)
                .iter()
                .map(|one| one.scope.to_string()),
        );
    }
    // None, global, two workspaces, four cells.
    assert_eq!(deciders.len(), 1 + 1 + 2 + 4, "{deciders:?}");
    // Global, two roles, two workspaces, four cells.
    assert_eq!(layers.len(), 1 + 2 + 2 + 4, "{layers:?}");
}
