//! `docker jackin config auth unset`: a scope says nothing any more about an
//! agent's mode.

use std::process::ExitCode;

use clap::Args;

use super::{told, told_refresh};
use crate::agent::Agent;
use crate::auth::choice::Key;
use crate::auth::mode::{self, AuthMode};
use crate::auth::refresh::{self, Refresh};
use crate::command::agent_word::agent_word;
use crate::command::scope_flags::{ScopeFlags, cell_of, reach_of};
use crate::command::screen::say;
use crate::config::ConfigPlace;
use crate::config::edit::table_of;
use crate::failure::Failure;

/// The keys of an agent's block that are about a credential.
const SLOTS: [&str; 4] = ["oauth_token", "token", "api_key", "provider"];

/// Let a scope say nothing any more about an agent's mode
///
/// Nor about how a login of the host's keeps up.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The agent.
    #[arg(long, value_name = "AGENT", default_value = "claude", value_parser = agent_word())]
    agent: Agent,
    #[command(flatten)]
    scope: ScopeFlags,
    /// Take out the credentials of this scope as well.
    #[arg(long)]
    credential: bool,
    /// Take out how a login of the host's keeps up, and leave the mode.
    #[arg(long, conflicts_with = "credential")]
    refresh: bool,
}

/// Takes it out, and says what now holds.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let agent = arguments.agent;
    let edited = place.edit(|draft| {
        let scope = arguments.scope.of_login(draft.config(), &place.host)?;
        let table = table_of(&scope, agent.word());
        if !arguments.refresh {
            draft.remove(&table, AuthMode::NAME)?;
        }
        draft.remove(&table, Refresh::NAME)?;
        if arguments.credential {
            for slot in SLOTS {
                draft.remove(&table, slot)?;
            }
        }
        Ok(scope)
    })?;
    let scope = edited.gave;
    let cell = cell_of(&scope);
    let chosen = mode::resolve(&edited.config, cell, agent);
    let refresh = refresh::resolve(&edited.config, cell, agent);
    let verb = if edited.changed { "now" } else { "as before" };
    say(&format_args!(
        "{agent} auth: {verb} {}{}, for {}",
        told(&chosen),
        told_refresh(&chosen, &refresh),
        reach_of(&scope)
    ));
    let block = super::block_of(&edited.config, &scope, agent);
    if block.is_some_and(|block| block.oauth_token.is_some() || block.api_key.is_some()) {
        say(&"  its credential is still in the configuration; --credential takes it out, too");
    }
    Ok(ExitCode::SUCCESS)
}
