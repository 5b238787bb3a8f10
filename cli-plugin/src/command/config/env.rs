//! `docker jackin config env`: variables that containers are given.

mod list;
mod secret_like;
mod set;
mod unset;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::ConfigPlace;
use crate::failure::Failure;

/// Show and change the variables that containers are given
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
    List(list::Arguments),
}

/// Carries it out.
pub(super) fn run(place: &ConfigPlace, arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.verb {
        Verb::Set(arguments) => set::run(place, &arguments),
        Verb::Unset(arguments) => unset::run(place, &arguments),
        Verb::List(arguments) => list::run(place, &arguments),
    }
}
