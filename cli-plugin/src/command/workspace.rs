//! `docker jackin workspace`: the projects that agents work on.

mod add;
mod claude_token;
mod list;
mod mount;
mod remove;
mod report;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::ConfigPlace;
use crate::failure::Failure;
use crate::plugin::global_flags::GlobalFlags;

/// Show and change the projects that agents work on.
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
    ClaudeToken(claude_token::Arguments),
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
        Verb::ClaudeToken(arguments) => claude_token::run(&place, &arguments),
    }
}
