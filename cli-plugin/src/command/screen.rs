//! What a verb shows on standard output: for people or for programs.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::status::Format;
use crate::failure::{Failure, Kind};

/// Shows it in the form that was asked for.
///
/// # Errors
/// It cannot be told as JSON.
pub(super) fn show(
    shown: &(impl Display + Serialize),
    format: Format,
) -> Result<ExitCode, Failure> {
    match format {
        Format::Text => say(shown),
        Format::Json => {
            let json = serde_json::to_string_pretty(shown)
                .map_err(|error| Failure::new(Kind::Internal, error))?;
            say(&json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows text, in colour on a terminal only. A reader that has gone is no
/// trouble of ours.
pub(super) fn say(text: &impl Display) {
    let text = text.to_string();
    let _ = writeln!(anstream::stdout(), "{}", text.trim_end_matches('\n'));
}
