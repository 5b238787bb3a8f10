//! The hidden verb that asks the vendor about a token behind a launch's back.

use std::process::ExitCode;

use crate::failure::{Failure, Kind};
use crate::plugin::global_flags::GlobalFlags;

/// Its name.
pub(super) const VERB: &str = "check-token";

/// Asks, and keeps the answer.
pub(super) fn run(_flags: &GlobalFlags) -> Result<ExitCode, Failure> {
    Err(Failure::new(Kind::Internal, "not built yet"))
}
