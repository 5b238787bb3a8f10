//! `docker jackin config auth`: in which mode an agent gets its login.

mod set;
mod show;
mod unset;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::agent::Agent;
use crate::auth::mode::{ChosenMode, Mode};
use crate::auth::refresh::ChosenRefresh;
use crate::auth::scope::Scope;
use crate::config::{AgentBlock, Config, ConfigPlace};
use crate::failure::Failure;

/// Show and change in which mode agents get their logins
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands",
    disable_help_subcommand = true
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Set(set::Arguments),
    Unset(unset::Arguments),
    Show(show::Arguments),
}

/// Carries it out.
pub(super) fn run(place: &ConfigPlace, arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.verb {
        Verb::Set(arguments) => set::run(place, &arguments),
        Verb::Unset(arguments) => unset::run(place, &arguments),
        Verb::Show(arguments) => show::run(place, &arguments),
    }
}

/// What one scope says about an agent.
fn block_of<'a>(config: &'a Config, scope: &Scope, agent: Agent) -> Option<&'a AgentBlock> {
    match scope {
        Scope::Global => config.agents.get(&agent),
        Scope::Role(_) => None,
        Scope::Workspace(workspace) => config.workspaces.get(workspace)?.agents.get(&agent),
        Scope::WorkspaceRole(workspace, role) => {
            let workspace = config.workspaces.get(workspace)?;
            workspace.roles.get(role)?.agents.get(&agent)
        }
    }
}

/// `oauth_token (from workspace my-app)`.
fn told(chosen: &ChosenMode) -> String {
    told_by(chosen.auth_mode.word(), chosen.scope.as_ref())
}

/// `, refresh copy (from workspace my-app)`; nothing where no login of the
/// host's is forwarded, or where nobody says how it keeps up.
fn told_refresh(chosen: &ChosenMode, refresh: &ChosenRefresh) -> String {
    let by = refresh.scope.as_ref();
    match chosen.auth_mode.mode() {
        Mode::Sync if by.is_some() => {
            format!(", refresh {}", told_by(refresh.refresh.word(), by))
        }
        _ => String::new(),
    }
}

fn told_by(word: &str, scope: Option<&Scope>) -> String {
    match scope {
        Some(scope) => format!("{word} (from {scope})"),
        None => format!("{word} (the default)"),
    }
}
