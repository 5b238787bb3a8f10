//! `docker jackin config env unset`: a scope names a variable no more.

use std::process::ExitCode;

use clap::Args;

use crate::auth::scope::{Cell, Scope};
use crate::command::scope_flags::{ScopeFlags, cell_of, reach_of};
use crate::command::screen::say;
use crate::config::edit::table_of;
use crate::config::{Config, ConfigPlace, nearest};
use crate::failure::{Failure, Kind};
use crate::source::Source;

/// Give containers a variable no more
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The variable's name.
    #[arg(value_name = "VARIABLE")]
    name: String,
    #[command(flatten)]
    scope: ScopeFlags,
}

/// Takes it out, and says what now holds.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let name = &arguments.name;
    let edited = place.edit(|draft| {
        let scope = arguments.scope.of_variable(draft.config())?;
        if draft.remove(&table_of(&scope, "env"), name)? {
            return Ok(scope);
        }
        Err(unknown(draft.config(), &scope, name))
    })?;
    let scope = edited.gave;
    let held = match effective(&edited.config, cell_of(&scope), name) {
        Some((other, source)) => format!("now {source} (from {other})"),
        None => "not set any more".to_owned(),
    };
    say(&format_args!("{name}: {held}, for {}", reach_of(&scope)));
    Ok(ExitCode::SUCCESS)
}

/// The scope that now names the variable, and its source.
fn effective(config: &Config, cell: Cell<'_>, name: &str) -> Option<(Scope, String)> {
    let mut layers = cell.variables(config).into_iter();
    layers.find_map(|(scope, variables)| {
        let mut variables = variables?.iter();
        let (_, value) = variables.find(|(variable, _)| variable.as_str() == name)?;
        Some((scope, Source::shown(&value.written)))
    })
}

fn unknown(config: &Config, scope: &Scope, name: &str) -> Failure {
    let message = format!("{name} is not set in {}", scope.table("env"));
    let failure = Failure::new(Kind::Usage, message);
    let layers = cell_of(scope).variables(config).into_iter();
    let own = layers.filter(|(layer, _)| layer == scope);
    let names = own.filter_map(|(_, variables)| variables).flatten();
    match nearest(name, names.map(|(name, _)| name.as_str())) {
        Some(meant) => failure.hint(format!("did you mean {meant:?}?")),
        None => failure.hint("what is set where: docker jackin config env list"),
    }
}
