//! `docker jackin role show`.

use std::process::ExitCode;

use clap::Args;

use super::report::RoleReport;
use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::ConfigPlace;
use crate::failure::Failure;

/// Show a role, without any value
///
/// With --format json: `name`, `image`, `agents`, `run` (without the values of
/// variables), `env` (the source of each variable), and `workspaces`, the names
/// of those that say something about the role.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Its name.
    #[arg(value_name = "ROLE")]
    name: String,
    /// How to show it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Shows it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let config = place.load()?;
    let name = config.known_role(&arguments.name)?;
    let report = RoleReport::new(&config, name, &config.roles[name]);
    show(&report, arguments.format)
}
