//! `docker jackin config env set`: a variable of a scope, and its source.

use std::process::ExitCode;

use clap::Args;

use super::super::given_value::{ASK, GivenValue};
use super::secret_like;
use crate::agent::Agent;
use crate::command::scope_flags::{ScopeFlags, reach_of};
use crate::command::screen::say;
use crate::config::ConfigPlace;
use crate::config::edit::table_of;
use crate::failure::{Failure, Kind};
use crate::source::FORMS;

const EXAMPLES: &str = "\
Examples:
  docker jackin config env set GIT_AUTHOR_NAME agent
  docker jackin config env set NPM_TOKEN '$NPM_TOKEN' --role web
  docker jackin config env set DATABASE_URL op://Work/db/url --workspace my-app
  docker jackin config env set NPM_TOKEN -";

const SOURCE: &str = "Where its value comes from: '$NAME', file:PATH, age:PATH, \
    op://VAULT/ITEM/FIELD, helper:NAME/URL, secret-service:SERVICE/ACCOUNT, \
    keychain:SERVICE/ACCOUNT, cmd:COMMAND, or the value itself if it is no secret (with `$$` for a \
    `$` at its beginning); `-` asks for a secret, or reads it from a pipe";

/// Give containers a variable
///
/// Without flags every container has it, with --role those of the role, with
/// --workspace those of the workspace, with both those of the role in the
/// workspace. The narrowest scope that names a variable counts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The variable's name.
    #[arg(value_name = "NAME")]
    name: String,
    #[arg(value_name = "SOURCE", allow_hyphen_values = true, help = SOURCE)]
    source: String,
    #[command(flatten)]
    scope: ScopeFlags,
    /// The 1Password account of an op:// reference.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

/// Sets it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    // Names are looked up before a secret is asked for.
    arguments.scope.of_variable(&place.load()?)?;
    let name = &arguments.name;
    require_name(name)?;
    let value = arguments.value()?;
    let edited = place.edit(|draft| {
        let scope = arguments.scope.of_variable(draft.config())?;
        draft.set(&table_of(&scope, "env"), name, value.to_toml())?;
        Ok(scope)
    })?;
    say(&format_args!(
        "{name}: {}, for {}",
        value.shown(),
        reach_of(&edited.gave)
    ));
    if value.is_plain() && arguments.source == ASK {
        say(&format_args!(
            "  the secret stands as plain text in {}, which only its owner can read",
            place.file.display()
        ));
    }
    if let Some(agent) = Agent::of_variable(name) {
        say(&format_args!(
            "  {name} is {agent}'s credential: it is delivered where {agent}'s mode asks for it"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn value(&self) -> Result<GivenValue, Failure> {
        let what = format!("the value of {}", self.name);
        let value = GivenValue::from_argument(&self.source, self.account.as_deref(), &what)?;
        if value.is_plain()
            && self.source != ASK
            && let Some(reason) = secret_like::reason(&self.name, &self.source)
        {
            let message = format!(
                "{} looks like a secret, since {reason}; a secret does not belong on a command line",
                self.name
            );
            return Err(Failure::new(Kind::Usage, message)
                .hint(format!(
                    "type or pipe the value: docker jackin config env set {} -",
                    self.name
                ))
                .hint(format!("or give a reference: {FORMS}")));
        }
        Ok(value)
    }
}

/// A pair given as one word is a mistake that a reader of variables' names
/// would repeat, with the value in it.
fn require_name(name: &str) -> Result<(), Failure> {
    if let Some((name, _)) = name.split_once('=') {
        let message = "the name and the source are two words";
        return Err(Failure::new(Kind::Usage, message)
            .hint(format!("docker jackin config env set {name} SOURCE")));
    }
    Ok(())
}
