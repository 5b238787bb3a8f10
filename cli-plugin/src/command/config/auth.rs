//! `docker jackin config auth`: in which mode an agent gets its login.

mod set;
mod show;
mod unset;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::agent::Agent;
use crate::auth::mode::ChosenMode;
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
    let mode = chosen.auth_mode.word();
    match &chosen.scope {
        Some(scope) => format!("{mode} (from {scope})"),
        None => format!("{mode} (the default)"),
    }
}
