//! `docker jackin doctor`.

use std::process::ExitCode;

use clap::Args;

use crate::failure::{Failure, Kind};
use crate::plugin::global_flags::GlobalFlags;

/// Check everything a launch depends on.
#[derive(Debug, Args)]
pub struct Arguments {}

/// Carries it out.
///
/// # Errors
/// It is not built yet.
pub fn run(_flags: &GlobalFlags, _arguments: Arguments) -> Result<ExitCode, Failure> {
    Err(Failure::new(Kind::Internal, "not built yet"))
}
