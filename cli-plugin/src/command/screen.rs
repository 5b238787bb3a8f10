//! What a verb shows on standard output: for people or for programs.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::status::Format;
use crate::failure::{Failure, Kind};

/// Shows it in the form that was asked for.
///
/// # Errors
/// It cannot be told as JSON, or not be written as a whole.
pub(super) fn show(
    shown: &(impl Display + Serialize),
    format: Format,
) -> Result<ExitCode, Failure> {
    let text = match format {
        Format::Text => shown.to_string(),
        Format::Json => serde_json::to_string_pretty(shown)
            .map_err(|error| Failure::new(Kind::Internal, error))?,
    };
    write(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes text that somebody waits for.
///
/// # Errors
/// It cannot be written as a whole.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    match print(text) {
        // A reader that has gone is no trouble of ours.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let message = format!("failed to write to standard output: {error}");
            Err(Failure::new(Kind::Internal, message))
        }
        _ => Ok(()),
    }
}

/// Says what has been done. That it cannot be said undoes nothing.
pub(super) fn say(text: &impl Display) {
    let _ = print(&text.to_string());
}

/// Prints text, in colour on a terminal only.
fn print(text: &str) -> io::Result<()> {
    let mut screen = anstream::stdout();
    writeln!(screen, "{}", text.trim_end_matches('\n'))?;
    screen.flush()
}
