//! `docker jackin role list`.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::report::RoleReport;
use crate::command::columns::Columns;
use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::ConfigPlace;
use crate::failure::Failure;

/// List the roles
///
/// With --format json: a list of what `show` gives for each.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How to show it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Lists them.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let config = place.load()?;
    let roles = config.roles.iter();
    let roles = roles.map(|(name, role)| RoleReport::new(&config, name, role));
    show(&Listing(roles.collect()), arguments.format)
}

#[derive(Debug, Serialize)]
struct Listing(Vec<RoleReport>);

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no roles; add one: docker jackin role add NAME --image IMAGE");
        }
        let mut columns = Columns::new(&["NAME", "IMAGE", "AGENTS"]);
        for one in &self.0 {
            columns.push([one.name.clone(), one.image.clone(), one.agents.join(", ")]);
        }
        columns.fmt(f)
    }
}
