//! `docker jackin config auth unset`: a scope says nothing any more about an
//! agent's mode.

use std::process::ExitCode;

use clap::Args;

use super::told;
use crate::agent::Agent;
use crate::auth::mode;
use crate::command::agent_word::agent_word;
use crate::command::scope_flags::{ScopeFlags, cell_of, reach_of};
use crate::command::screen::say;
use crate::config::ConfigPlace;
use crate::config::edit::table_of;
use crate::failure::Failure;

/// The keys of an agent's block that are about a credential.
const SLOTS: [&str; 4] = ["oauth_token", "token", "api_key", "provider"];

/// Let a scope say nothing any more about an agent's mode
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
}

/// Takes it out, and says what now holds.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let agent = arguments.agent;
    let edited = place.edit(|draft| {
        let scope = arguments.scope.of_login(draft.config(), &place.host)?;
        let table = table_of(&scope, agent.word());
        draft.remove(&table, "auth_forward")?;
        if arguments.credential {
            for slot in SLOTS {
                draft.remove(&table, slot)?;
            }
        }
        Ok(scope)
    })?;
    let scope = edited.gave;
    let chosen = mode::resolve(&edited.config, cell_of(&scope), agent);
    let verb = if edited.changed { "now" } else { "as before" };
    say(&format_args!(
        "{agent} auth: {verb} {}, for {}",
        told(&chosen),
        reach_of(&scope)
    ));
    let block = super::block_of(&edited.config, &scope, agent);
    if block.is_some_and(|block| block.oauth_token.is_some() || block.api_key.is_some()) {
        say(&"  its credential is still in the configuration; --credential takes it out, too");
    }
    Ok(ExitCode::SUCCESS)
}
