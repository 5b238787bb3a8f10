//! `docker jackin role`: the kinds of containers there are.

mod add;
mod list;
mod remove;
mod report;
mod run_flags;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::ConfigPlace;
use crate::failure::Failure;
use crate::plugin::global_flags::GlobalFlags;

/// Show and change the kinds of containers that can be started.
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands",
    disable_help_subcommand = true
)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(add::Arguments),
    List(list::Arguments),
    Show(show::Arguments),
    Remove(remove::Arguments),
}

/// Carries it out.
///
/// # Errors
/// What is asked for cannot be, or the configuration is refused.
pub fn run(flags: &GlobalFlags, arguments: Arguments) -> Result<ExitCode, Failure> {
    let place = ConfigPlace::of_this_process(flags)?;
    match arguments.verb {
        Verb::Add(arguments) => add::run(&place, &arguments),
        Verb::List(arguments) => list::run(&place, &arguments),
        Verb::Show(arguments) => show::run(&place, &arguments),
        Verb::Remove(arguments) => remove::run(&place, &arguments),
    }
}
