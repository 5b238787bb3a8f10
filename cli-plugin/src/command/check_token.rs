//! The hidden verb that asks the vendor about a token behind a launch's back.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::failure::Failure;
use crate::host::keep_out_of_dumps;
use crate::token::check;

/// Its name.
pub(super) const VERB: &str = check::VERB;

/// What it takes beside the token on its standard input.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration beside which the answer is kept.
    config_file: PathBuf,
    /// Whether this is the process that stays.
    #[arg(long)]
    stays: bool,
}

/// Asks, and keeps the answer.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    keep_out_of_dumps();
    if arguments.stays {
        check::answer_in_background(&arguments.config_file)?;
    } else {
        check::stay_behind(&arguments.config_file)?;
    }
    Ok(ExitCode::SUCCESS)
}
