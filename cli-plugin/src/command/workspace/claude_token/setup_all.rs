//! What `setup --all` came to, in a table.

use std::fmt;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::report::date;
use crate::command::columns::Columns;
use crate::command::screen::show;
use crate::command::status::Format;
use crate::failure::Failure;
use crate::token::life::{All, Row, RowResult};

/// Shows what came of each, and says by the exit code whether any failed.
pub(super) fn report(all: All, format: Format) -> Result<ExitCode, Failure> {
    let failed = |row: &Row| matches!(row.result, RowResult::Failed(_));
    let any = all.rows.iter().any(failed);
    let shown = show(&Table::new(&all.rows), format)?;
    match all.ended {
        Some(ended) => Err(ended),
        None if any => Ok(ExitCode::FAILURE),
        None => Ok(shown),
    }
}

#[derive(Debug, Serialize)]
struct Table {
    workspaces: Vec<Line>,
}

#[derive(Debug, Default, Serialize)]
struct Line {
    workspace: String,
    result: &'static str,
    source: Option<String>,
    fingerprint: Option<String>,
    issued: Option<Timestamp>,
    expires: Option<Timestamp>,
    problem: Option<String>,
}

impl Table {
    fn new(rows: &[Row]) -> Self {
        Self {
            workspaces: rows.iter().map(Line::new).collect(),
        }
    }
}

impl Line {
    fn new(row: &Row) -> Self {
        let workspace = row.workspace.clone();
        match &row.result {
            RowResult::Done(done) => Self {
                workspace,
                result: "done",
                source: Some(done.source.clone()),
                fingerprint: Some(done.fingerprint.to_string()),
                issued: done.issued,
                expires: done.expires,
                problem: None,
            },
            RowResult::Had(source) => Self {
                workspace,
                result: "had",
                source: Some(source.clone()),
                ..Self::default()
            },
            RowResult::Failed(failure) => Self {
                workspace,
                result: "failed",
                problem: Some(failure.message.clone()),
                ..Self::default()
            },
            RowResult::NotBegun => Self {
                workspace,
                result: "not_begun",
                ..Self::default()
            },
        }
    }

    fn words(&self) -> &'static str {
        match self.result {
            "done" => "new token",
            "had" => "had a token",
            "failed" => "failed",
            _ => "not begun",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.workspaces.is_empty() {
            return f.write_str("no workspaces; add one: docker jackin workspace add NAME");
        }
        let mut columns = Columns::new(&["WORKSPACE", "RESULT", "SOURCE", "EXPIRES"]);
        for line in &self.workspaces {
            let source = line.source.as_ref().or(line.problem.as_ref());
            let source = source.map_or("-", |text| text.lines().next().unwrap_or_default());
            let expires = line.expires.map_or_else(|| "-".to_owned(), date);
            columns.push([
                line.workspace.clone(),
                line.words().to_owned(),
                source.to_owned(),
                expires,
            ]);
        }
        columns.fmt(f)
    }
}
