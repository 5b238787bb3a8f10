//! `docker jackin workspace claude-token doctor`.

mod answers;
mod examine;
mod report;
mod rivals;

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::ConfigPlace;
use crate::failure::Failure;
use crate::token::TokenScope;
use examine::Examination;

/// Show what a workspace's Claude token is, and whether the vendor takes it
///
/// Its source is read, which may ask you something, and the vendor is asked
/// through its own program, `claude`, without a turn of any model. Without
/// WORKSPACE, every scope that has a token or a record of one is examined. The
/// token is never shown.
///
/// The exit code is 1 when a token cannot be read, is refused or has expired.
///
/// With --format json: `config` (the file), `well`, and `tokens`, each with its
/// `scope`, `mode`, `chosen_by` (a scope, or null for the default), `state`
/// (unused, unresolved, malformed or resolved), `detail`, `source`,
/// `declared_by` (a scope), `account`, `fingerprint`, `issued`, `expires`,
/// `days_left`, `vendor` (`verdict`, which is accepted, refused, unreachable or
/// unknown, `at` and `why`; null when it was never asked), `no_answer`,
/// `warnings`, `orphans`, each a `place` with its `removal`, and `next`, what to
/// do next. A scope has `workspace` and `role`, both null for what is global.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The workspace; every scope with a token if none is named.
    #[arg(value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// The role in it, for its own token.
    #[arg(long, value_name = "ROLE", requires = "workspace")]
    role: Option<String>,
    /// Ask the vendor nothing, and show what it said last.
    #[arg(long)]
    offline: bool,
    /// How to show it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Shows it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let config = place.load()?;
    let named = arguments.workspace.as_deref();
    let named = named.map(|name| TokenScope::known(&config, name, arguments.role.as_deref()));
    let examination = Examination {
        config: &config,
        host: &place.host,
        offline: arguments.offline,
        now: SystemTime::now(),
    };
    let report = match named.transpose()? {
        Some(scope) => examination.report(&[scope.scope()]),
        None => examination.report(&examination.scopes()),
    };
    let well = report.well;
    show(&report, arguments.format)?;
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
