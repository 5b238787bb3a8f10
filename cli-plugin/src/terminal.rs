//! What the user sees on stderr: colour on a terminal only, never a value.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use crate::delivery::{AuthLine, Outlook};
use crate::failure::Failure;

/// Shows one line an agent, before the container starts.
pub fn show_lines(lines: &[AuthLine]) {
    let names = lines.iter().map(|line| line.agent.word().len());
    let width = names.max().unwrap_or_default() + " auth:".len();
    for line in lines {
        let subject = format!("{} auth:", line.agent.word());
        let style = match line.outlook {
            Outlook::LoggedIn => AnsiColor::Green.on_default(),
            Outlook::Doubtful => AnsiColor::Yellow.on_default(),
            Outlook::Urgent => AnsiColor::Red.on_default(),
            Outlook::LeftAlone => Style::new().dimmed(),
        };
        anstream::eprintln!("{subject:<width$} {style}{}{style:#}", line.text);
    }
}

/// Shows a warning.
pub fn show_warning(warning: &str) {
    let style = AnsiColor::Yellow.on_default();
    anstream::eprintln!("{style}warning:{style:#} {warning}");
}

/// Shows a failure with its hints.
pub fn show_failure(failure: &Failure) {
    let style = AnsiColor::Red.on_default().bold();
    // Whose terminal is gone is told by the exit code alone.
    let _ = writeln!(
        anstream::stderr(),
        "{style}docker-jackin:{style:#} {failure}"
    );
}
