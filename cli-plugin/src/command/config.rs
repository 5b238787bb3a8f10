//! `docker jackin config`.

use std::process::ExitCode;

use clap::Args;

use crate::failure::{Failure, Kind};
use crate::plugin::global_flags::GlobalFlags;

/// Show and change who gets which login, and from where.
#[derive(Debug, Args)]
pub struct Arguments {}

/// Carries it out.
///
/// # Errors
/// It is not built yet.
pub fn run(_flags: &GlobalFlags, _arguments: Arguments) -> Result<ExitCode, Failure> {
    Err(Failure::new(Kind::Internal, "not built yet"))
}
