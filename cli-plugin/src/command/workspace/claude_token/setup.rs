//! `docker jackin workspace claude-token setup`.

use std::process::ExitCode;

use clap::Args;

use crate::config::ConfigPlace;
use crate::failure::{Failure, Kind};

/// Mint a long-lived Claude token and wire it to a workspace
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The workspace.
    #[arg(value_name = "WORKSPACE")]
    workspace: String,
    /// The role, for a token of its own.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

/// Carries it out.
pub(super) fn run(_place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let _ = (&arguments.workspace, &arguments.role);
    Err(Failure::new(Kind::Internal, "not built yet"))
}
