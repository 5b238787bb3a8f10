//! `docker jackin config env list`: the variables of all scopes, or of those
//! that speak about one kind of container, and which of them win.

use std::collections::BTreeSet;
use std::fmt;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::agent::Agent;
use crate::auth::scope::{Cell, Scope};
use crate::command::columns::Columns;
use crate::command::scope_flags::{ScopeFlags, ShownScope};
use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::{Config, ConfigPlace, Variables};
use crate::failure::Failure;
use crate::source::Source;

/// List the variables that containers are given
///
/// Without flags, those of every scope. With --workspace or --role, those of
/// the scopes that speak about such a container, the narrowest first, and
/// which of them it gets. A plain value is never shown.
///
/// With --format json: `variables`, each with `name`, `source`, `scope` (with
/// `workspace` and `role`, both null for what is global), `agent` (the one
/// whose mode decides about it, or null) and `wins` (null without flags).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeFlags,
    /// How to show it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Lists them.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let config = place.load()?;
    let scope = &arguments.scope;
    let variables = if scope.workspace.is_none() && scope.role.is_none() {
        everywhere(&config)
    } else {
        let cell = Cell {
            workspace: scope.workspace_here(&config, &place.host)?,
            role: scope.known_role(&config)?,
        };
        of_cell(&config, cell)
    };
    show(&Listing { variables }, arguments.format)
}

/// The variables in the order in which they are shown.
#[derive(Debug, Serialize)]
struct Listing {
    variables: Vec<Row>,
}

/// One variable of one scope.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    source: String,
    scope: ShownScope,
    /// The agent whose mode decides whether it is delivered.
    agent: Option<&'static str>,
    /// Whether the container that was asked for gets this one.
    wins: Option<bool>,
}

fn rows<'a>(scope: &'a Scope, variables: &'a Variables) -> impl Iterator<Item = Row> + 'a {
    variables.iter().map(move |(name, value)| Row {
        name: name.as_str().to_owned(),
        source: Source::shown(&value.written),
        scope: ShownScope(scope.clone()),
        agent: Agent::of_variable(name.as_str()).map(Agent::word),
        wins: None,
    })
}

fn everywhere(config: &Config) -> Vec<Row> {
    let mut all: Vec<Row> = rows(&Scope::Global, &config.env).collect();
    for (role, block) in &config.roles {
        all.extend(rows(&Scope::Role(role.clone()), &block.env));
    }
    for (workspace, block) in &config.workspaces {
        all.extend(rows(&Scope::Workspace(workspace.clone()), &block.env));
        for (role, cell) in &block.roles {
            let scope = Scope::WorkspaceRole(workspace.clone(), role.clone());
            all.extend(rows(&scope, &cell.env));
        }
    }
    all
}

fn of_cell(config: &Config, cell: Cell<'_>) -> Vec<Row> {
    let mut named = BTreeSet::new();
    let mut all = Vec::new();
    for (scope, variables) in cell.variables(config) {
        for mut row in variables.into_iter().flat_map(|these| rows(&scope, these)) {
            row.wins = Some(named.insert(row.name.clone()));
            all.push(row);
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.variables.is_empty() {
            return f.write_str("no variables; set one: docker jackin config env set NAME SOURCE");
        }
        let mut columns = Columns::new(&["NAME", "SOURCE", "FROM", ""]);
        for row in &self.variables {
            let note = match (row.wins, row.agent) {
                (Some(false), _) => "outranked".to_owned(),
                (_, Some(agent)) => format!("if {agent}'s mode asks for it"),
                _ => String::new(),
            };
            columns.push([
                row.name.clone(),
                row.source.clone(),
                row.scope.to_string(),
                note,
            ]);
        }
        columns.fmt(f)
    }
}
