//! The checks as data, and as people read them.

use std::fmt;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;

/// All that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    checks: Vec<Check>,
    /// How many checks are failures.
    pub(super) failures: usize,
    /// How many checks are warnings.
    warnings: usize,
}

/// What one check found.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// The part of the examination that it belongs to.
    about: &'static str,
    verdict: Verdict,
    says: String,
    /// What to do next.
    next: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and probably not as it is meant, or not for long.
    Warning,
    /// Something will not work.
    Failure,
}

/// What a part of the examination found, before it is known which part it is.
#[derive(Debug)]
pub(super) struct Finding {
    verdict: Verdict,
    says: String,
    next: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub(super) fn ok(says: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            says: says.into(),
            next: None,
        }
    }

    /// Something that is probably not as it is meant.
    pub(super) fn warning(says: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warning,
            says: says.into(),
            next: Some(next.into()),
        }
    }

    /// Something that will not work.
    pub(super) fn failure(says: impl Into<String>, next: Option<String>) -> Self {
        Self {
            verdict: Verdict::Failure,
            says: says.into(),
            next,
        }
    }

    /// The same, as a warning at most where nothing depends on it.
    pub(super) fn milder_unless(mut self, needed: bool) -> Self {
        if !needed && self.verdict == Verdict::Failure {
            self.verdict = Verdict::Warning;
        }
        self
    }

    /// The same with what to do next.
    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The same as part of the examination.
    pub(super) fn about(self, about: &'static str) -> Check {
        Check {
            about,
            verdict: self.verdict,
            says: self.says,
            next: self.next,
        }
    }
}

impl From<Failure> for Finding {
    fn from(failure: Failure) -> Self {
        let next = failure.hints.join("\n");
        Self::failure(failure.message, Some(next).filter(|next| !next.is_empty()))
    }
}

impl Report {
    /// Counts them.
    pub(super) fn new(checks: Vec<Check>) -> Self {
        let count = |verdict| checks.iter().filter(|one| one.verdict == verdict).count();
        Self {
            failures: count(Verdict::Failure),
            warnings: count(Verdict::Warning),
            checks,
        }
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Ok => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Failure => AnsiColor::Red.on_default().bold(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut about = "";
        for check in &self.checks {
            if check.about != about {
                about = check.about;
                writeln!(f, "{about}")?;
            }
            write!(f, "{check}")?;
        }
        writeln!(
            f,
            "\n{}, {}",
            counted(self.failures, "failure"),
            counted(self.warnings, "warning")
        )
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, style) = (self.verdict.word(), self.verdict.style());
        let gap = " ".repeat("failure".len() - word.len());
        writeln!(f, "  {style}{word}{style:#}{gap}  {}", self.says)?;
        let next = self.next.iter().flat_map(|next| next.lines());
        for line in next {
            writeln!(f, "             {line}")?;
        }
        Ok(())
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
