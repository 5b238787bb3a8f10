//! `docker jackin workspace list`.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::report::WorkspaceReport;
use crate::command::columns::Columns;
use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::ConfigPlace;
use crate::failure::Failure;

/// List the workspaces
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
    let workspaces = config.workspaces.iter();
    let workspaces = workspaces.map(|(name, workspace)| WorkspaceReport::new(name, workspace));
    show(&Listing(workspaces.collect()), arguments.format)
}

#[derive(Debug, Serialize)]
struct Listing(Vec<WorkspaceReport>);

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no workspaces; add one: docker jackin workspace add NAME");
        }
        let mut columns = Columns::new(&["NAME", "WORKDIR", "MOUNTS"]);
        for one in &self.0 {
            let mounts = one.mounts().to_string();
            columns.push([one.name().to_owned(), one.folder(), mounts]);
        }
        columns.fmt(f)
    }
}
