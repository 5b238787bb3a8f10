//! `docker jackin import`: takes over a configuration of jackin's.

use std::process::ExitCode;

use clap::Args;

use crate::failure::{Failure, Kind};
use crate::plugin::global_flags::GlobalFlags;

/// Take over an existing jackin configuration
#[derive(Debug, Args)]
pub struct Arguments {}

/// Carries it out.
///
/// # Errors
/// There is none, or ours is refused.
pub fn run(_flags: &GlobalFlags, _arguments: &Arguments) -> Result<ExitCode, Failure> {
    Err(Failure::new(Kind::Internal, "not built yet"))
}
