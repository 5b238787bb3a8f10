//! `docker jackin workspace remove`.

use std::process::ExitCode;

use clap::Args;

use crate::command::screen::say;
use crate::config::{Config, ConfigPlace};
use crate::failure::Failure;
use crate::token::TokenScope;
use crate::token::life::unused_places;
use crate::token::record::Records;

/// Remove a workspace from the configuration
///
/// Its folder stays, and its running containers keep what they were given.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Its name.
    #[arg(value_name = "WORKSPACE")]
    name: String,
}

/// Removes it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let name = &arguments.name;
    let edited = place.edit(|draft| {
        draft.config().known_workspace(name)?;
        let roles: Vec<String> = draft.config().workspaces[name]
            .roles
            .keys()
            .cloned()
            .collect();
        draft.remove(&["workspaces".to_owned()], name)?;
        Ok(roles)
    })?;
    say(&format_args!("workspace {name} removed"));
    for role in &edited.gave {
        say(&format_args!("  with what it said about role {role}"));
    }
    say_tokens(&edited.config, name, edited.gave);
    Ok(ExitCode::SUCCESS)
}

/// Says where tokens of it are still kept: nobody else knows from now on.
fn say_tokens(config: &Config, workspace: &str, roles: Vec<String>) {
    let records = Records::beside(&config.file);
    for role in std::iter::once(None).chain(roles.into_iter().map(Some)) {
        let workspace = workspace.to_owned();
        let Ok(record) = records.read(&TokenScope { workspace, role }) else {
            continue;
        };
        for kept in unused_places(config, &record) {
            say(&format_args!("  its Claude token stays in {kept}"));
            if let Some(command) = kept.removal_command() {
                say(&format_args!("    remove it: {command}"));
            }
        }
    }
}
