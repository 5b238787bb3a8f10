//! `docker jackin workspace claude-token`: the life of a workspace's token.

mod doctor;
mod machine;
mod report;
mod revoke;
mod rotate;
mod setup;
mod setup_all;
mod store_flags;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::ConfigPlace;
use crate::failure::Failure;

/// Mint, replace, take back and check a workspace's long-lived Claude token
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
    Setup(setup::Arguments),
    Rotate(rotate::Arguments),
    Revoke(revoke::Arguments),
    Doctor(doctor::Arguments),
}

/// Carries it out.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.verb {
        Verb::Setup(arguments) => setup::run(place, arguments),
        Verb::Rotate(arguments) => rotate::run(place, arguments),
        Verb::Revoke(arguments) => revoke::run(place, arguments),
        Verb::Doctor(arguments) => doctor::run(place, arguments),
    }
}
