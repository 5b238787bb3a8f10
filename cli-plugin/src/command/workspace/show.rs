//! `docker jackin workspace show`.

use std::process::ExitCode;

use clap::Args;

use super::report::WorkspaceReport;
use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::ConfigPlace;
use crate::failure::Failure;

/// Show a workspace, without any value
///
/// With --format json: `name`, `workdir`, `mounts` (each with `src`, `dst` and
/// `readonly`), `trust`, `auth_forward` (the mode of each agent that has one
/// here), `sync_refresh` (the same of how a login of the host's keeps up), `env`
/// (the source of each variable), and `roles`, each of which has those three of
/// its own.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Its name.
    #[arg(value_name = "WORKSPACE")]
    name: String,
    /// How to show it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Shows it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let config = place.load()?;
    let name = config.known_workspace(&arguments.name)?;
    let report = WorkspaceReport::new(name, &config.workspaces[name]);
    show(&report, arguments.format)
}
