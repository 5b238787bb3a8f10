//! `docker jackin workspace claude-token rotate`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::machine::Machine;
use super::report::DoneReport;
use super::store_flags::StoreFlags;
use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::ConfigPlace;
use crate::failure::{Failure, Kind};
use crate::token::TokenScope;
use crate::token::life::{Fate, Life, OldPlace, REVOKED_AT};

/// Replace a workspace's Claude token by a new one
///
/// The new token is minted, stored, read back and wired before the old one is
/// removed, which happens only if we had made it and nothing else uses it.
/// Where nothing is said about the store, it is the present one.
///
/// With --format json: `workspace`, `role`, `store`, `why`, `source`,
/// `fingerprint`, `issued`, `expires` and `notes`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The workspace.
    #[arg(value_name = "WORKSPACE")]
    workspace: String,
    /// The role in it, for its own token.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// How long to wait for the consent, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// How to show what came of it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    store: StoreFlags,
}

/// Carries it out.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let config = place.load()?;
    let scope = TokenScope::known(&config, &arguments.workspace, arguments.role.as_deref())?;
    let given = arguments.store.given();
    let machine = Machine::new(&place.host, Duration::from_secs(arguments.timeout));
    let rotated = machine.came_to(Life::new(place, &machine).rotate(&scope, &given))?;
    let report = DoneReport::new(&place.load()?, &scope, &rotated.new, "a new token is wired");
    let report = report.note(words(&rotated.old)).note(format!(
        "the old token holds until it ends, or is revoked at {REVOKED_AT}"
    ));
    show(&report, arguments.format)?;
    machine.came_to(stays(&rotated.old))?;
    Ok(ExitCode::SUCCESS)
}

/// What became of the old place.
fn words(old: &OldPlace) -> String {
    match old {
        OldPlace::Ours(kept, Fate::Removed) => format!("the old {kept} is removed"),
        OldPlace::Ours(kept, Fate::InUse(by)) => {
            format!("the old {kept} stays: {by} uses it, too")
        }
        OldPlace::Ours(kept, Fate::Stays(_)) => format!("the old {kept} could not be removed"),
        OldPlace::Configuration => "the old one is gone from the configuration".to_owned(),
        OldPlace::Same => "the old one is overwritten".to_owned(),
        OldPlace::Users(source) => format!("the old {source} is yours, and was left alone"),
    }
}

/// What was to go and did not is a failure, though the new token is wired.
fn stays(old: &OldPlace) -> Result<(), Failure> {
    let OldPlace::Ours(kept, Fate::Stays(why)) = old else {
        return Ok(());
    };
    let message = format!(
        "the new token is wired, and the old one's place stays: {}",
        why.message
    );
    let failure = Failure::new(Kind::Configuration, message);
    Err(match kept.removal_command() {
        Some(command) => failure.hint(format!("remove it yourself: {command}")),
        None => failure,
    })
}
