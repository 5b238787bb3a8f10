//! `docker jackin config check`: all that is wrong with the configuration, and
//! what in it is probably not what was meant.

mod findings;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::AnsiColor;
use clap::Args;
use serde::Serialize;

use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::{ConfigPlace, Problems, check};
use crate::failure::Failure;

/// Check the configuration
///
/// Ends with 1 when it is wrong, and nothing starts with it. Warnings are about
/// what is right and probably not meant.
///
/// With --format json: `config` (the file), `there`, and `errors` and
/// `warnings`, each with `line` (null where there is none), `message` and
/// `hints`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How to show it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Checks it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (warnings, errors) = match check(&place.file, &place.host) {
        Ok(config) => (findings::of(&config, &place.host), Vec::new()),
        Err(Problems(problems)) => (
            Vec::new(),
            problems
                .into_iter()
                .map(|problem| Remark {
                    line: problem.line(),
                    ..Remark::from(Failure::from(problem))
                })
                .collect(),
        ),
    };
    let report = Report {
        config: place.file.clone(),
        there: place.file.exists(),
        errors,
        warnings,
    };
    show(&report, arguments.format)?;
    Ok(ExitCode::from(u8::from(!report.errors.is_empty())))
}

/// What a check says.
#[derive(Debug, Serialize)]
struct Report {
    config: PathBuf,
    there: bool,
    errors: Vec<Remark>,
    warnings: Vec<Remark>,
}

/// Something to know about the configuration.
#[derive(Debug, Serialize)]
struct Remark {
    line: Option<usize>,
    message: String,
    hints: Vec<String>,
}

impl From<Failure> for Remark {
    fn from(failure: Failure) -> Self {
        Self {
            line: None,
            message: failure.message,
            hints: failure.hints,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (error, warning) = (
            AnsiColor::Red.on_default().bold(),
            AnsiColor::Yellow.on_default(),
        );
        for remark in &self.errors {
            write!(f, "{error}error:{error:#} {remark}")?;
        }
        for remark in &self.warnings {
            write!(f, "{warning}warning:{warning:#} {remark}")?;
        }
        let file = self.config.display();
        match (self.there, self.errors.len(), self.warnings.len()) {
            (false, 0, _) => writeln!(f, "{file} is not there: every default holds"),
            (_, 0, 0) => writeln!(f, "{file} is in order"),
            (_, 0, warnings) => writeln!(f, "{file}: {}", counted(warnings, "warning")),
            (_, errors, _) => writeln!(f, "{file}: {}", counted(errors, "error")),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.message)?;
        for hint in &self.hints {
            writeln!(f, "  {hint}")?;
        }
        Ok(())
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
