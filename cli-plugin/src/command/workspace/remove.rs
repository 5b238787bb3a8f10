//! `docker jackin workspace remove`.

use std::process::ExitCode;

use clap::Args;

use crate::command::screen::say;
use crate::config::ConfigPlace;
use crate::failure::Failure;

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
    for role in edited.gave {
        say(&format_args!("  with what it said about role {role}"));
    }
    Ok(ExitCode::SUCCESS)
}
