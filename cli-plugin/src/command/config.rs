//! `docker jackin config`: who gets which login, and from where.

mod auth;
mod check;
mod declared;
mod env;
pub(super) mod given_value;
mod path;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::ConfigPlace;
use crate::failure::Failure;
use crate::plugin::global_flags::GlobalFlags;

/// Show and change who gets which login, and from where.
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
    Auth(auth::Arguments),
    Env(env::Arguments),
    Check(check::Arguments),
    /// Show where the configuration is.
    Path,
}

/// Carries it out.
///
/// # Errors
/// What is asked for cannot be, or the configuration is refused.
pub fn run(flags: &GlobalFlags, arguments: Arguments) -> Result<ExitCode, Failure> {
    let place = ConfigPlace::of_this_process(flags)?;
    match arguments.verb {
        Verb::Auth(arguments) => auth::run(&place, arguments),
        Verb::Env(arguments) => env::run(&place, arguments),
        Verb::Check(arguments) => check::run(&place, &arguments),
        Verb::Path => Ok(path::run(&place)),
    }
}
