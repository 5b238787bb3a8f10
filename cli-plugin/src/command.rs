//! One file a verb.

use std::process::ExitCode;

/// Parses the command line and carries it out.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
