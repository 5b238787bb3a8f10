//! `docker jackin workspace add`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use toml_edit::{Array, Value};

use super::mount::GivenMount;
use crate::command::new_name::{require_free, require_name};
use crate::command::screen::say;
use crate::config::ConfigPlace;
use crate::failure::{Failure, Kind};

const EXAMPLES: &str = "\
Examples:
  docker jackin workspace add my-app --mount .:/workspace
  docker jackin workspace add shop --workdir ~/src/shop --mount .:/shop --mount ~/notes:/notes:ro";

/// Add a workspace: a folder, and what of it containers see
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Its folder; by default the current one.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    workdir: Option<PathBuf>,
    /// What its containers see, and where; a relative SRC lies in the
    /// workspace's folder.
    #[arg(long = "mount", value_name = "SRC:DST[:ro]", value_parser = GivenMount::parse,
          value_hint = ValueHint::DirPath)]
    mounts: Vec<GivenMount>,
    /// Let agents take what is mounted for trusted, without asking.
    #[arg(long)]
    trust: bool,
}

/// Adds it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let name = &arguments.name;
    require_name("workspace", name)?;
    let workdir = arguments.workdir(place)?;
    let mounts: Array = arguments
        .mounts
        .iter()
        .map(|mount| Value::InlineTable(mount.to_toml()))
        .collect();
    place.edit(|draft| {
        let taken = draft.config().workspaces.contains_key(name);
        require_free("workspace", name, taken)?;
        let table = ["workspaces".to_owned(), name.clone()];
        draft.set(&table, "workdir", workdir.as_str().into())?;
        if !mounts.is_empty() {
            draft.set(&table, "mounts", Value::Array(mounts.clone()))?;
        }
        if arguments.trust {
            draft.set(&table, "trust", true.into())?;
        }
        Ok(())
    })?;
    say(&format_args!(
        "workspace {name} added, for {workdir} and what is below it"
    ));
    if arguments.mounts.is_empty() {
        say(&"  its containers see nothing of it: --mount .:/workspace would show it to them");
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// The folder, absolute: the configuration is read from anywhere.
    fn workdir(&self, place: &ConfigPlace) -> Result<String, Failure> {
        let given = self.workdir.as_deref();
        let folder = place.host.folder();
        let folder = given.map_or_else(|| folder.to_owned(), |given| folder.join(given));
        let refuse = |why: String| {
            let message = format!("{} cannot be a workspace: {why}", folder.display());
            Err(Failure::new(Kind::Usage, message))
        };
        match folder.canonicalize() {
            Ok(real) if !real.is_dir() => refuse("it is no folder".to_owned()),
            Ok(real) => match real.to_str() {
                Some(text) => Ok(text.to_owned()),
                None => refuse("its path is no UTF-8".to_owned()),
            },
            Err(error) => refuse(error.to_string()),
        }
    }
}
