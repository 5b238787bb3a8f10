//! `docker jackin config auth show`: which mode holds, who chose it, and
//! whether there is a login to deliver.

mod report;
mod survey;

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use crate::agent::Agent;
use crate::command::agent_word::agent_word;
use crate::command::scope_flags::ScopeFlags;
use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::ConfigPlace;
use crate::failure::Failure;
use survey::Survey;

/// Show in which mode agents get their logins, and whether there are any
///
/// The workspace is the one around the current folder if none is named, as with
/// `docker jackin run`. Without --role, every role of the configuration is
/// shown, and what holds for a container of no role. A value is never shown.
///
/// With --format json: `config` (the file), `workspace`, and `cells`, each with
/// its `role` and `agents`; an agent has `agent`, `mode`, `chosen_by` (a scope,
/// or null for the default), `refresh` (in sync alone: a `word` with its
/// `chosen_by`), `login`, and `trace`: each `scope` with its `auth_forward` and
/// `sync_refresh`, the nearest first. A login has `source`, `scope`, `state`
/// (usable, expired, missing, unusable, failed, empty, `not_asked`), `detail`
/// and `expires` (RFC 3339); it is null where nothing is delivered. A scope has
/// `workspace` and `role`, both null for what is global.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// This agent alone.
    #[arg(long, value_name = "AGENT", value_parser = agent_word())]
    agent: Option<Agent>,
    #[command(flatten)]
    scope: ScopeFlags,
    /// Read op://, helper: and cmd: sources as well, which may ask you
    /// something.
    #[arg(long)]
    resolve: bool,
    /// Show what each scope says.
    #[arg(long)]
    trace: bool,
    /// How to show it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Shows it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let config = place.load()?;
    let scope = &arguments.scope;
    let survey = Survey {
        config: &config,
        host: &place.host,
        workspace: scope.workspace_here(&config, &place.host)?,
        role: scope.known_role(&config)?,
        agent: arguments.agent,
        resolve: arguments.resolve,
        now: SystemTime::now(),
    };
    let mut report = survey.report();
    report.with_trace = arguments.trace;
    show(&report, arguments.format)
}
