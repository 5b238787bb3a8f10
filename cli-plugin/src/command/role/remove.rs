//! `docker jackin role remove`.

use std::process::ExitCode;

use clap::Args;

use crate::command::screen::say;
use crate::config::ConfigPlace;
use crate::failure::Failure;

/// Remove a role from the configuration, in all workspaces
///
/// Its containers stay; `docker jackin eject` stops and removes them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Its name.
    #[arg(value_name = "ROLE")]
    name: String,
}

/// Removes it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let name = &arguments.name;
    let edited = place.edit(|draft| {
        draft.config().known_role(name)?;
        let workspaces: Vec<String> = draft.config().workspaces.keys().cloned().collect();
        draft.remove(&["roles".to_owned()], name)?;
        let mut about_it = Vec::new();
        for workspace in workspaces {
            let roles = [
                "workspaces".to_owned(),
                workspace.clone(),
                "roles".to_owned(),
            ];
            if draft.remove(&roles, name)? {
                about_it.push(workspace);
            }
        }
        Ok(about_it)
    })?;
    say(&format_args!("role {name} removed"));
    for workspace in edited.gave {
        say(&format_args!(
            "  with what workspace {workspace} said about it"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
