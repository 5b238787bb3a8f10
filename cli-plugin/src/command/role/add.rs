//! `docker jackin role add`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use toml_edit::{Array, Value};

use crate::agent::Agent;
use crate::command::agent_word::agent_word;
use crate::command::image_word::image_word;
use crate::command::new_name::{require_free, require_name};
use crate::command::screen::say;
use crate::config::ConfigPlace;
use crate::docker::given_flags::{GivenFlags, RUN};
use crate::failure::{Failure, Kind};

const EXAMPLES: &str = "\
Examples:
  docker jackin role add web --image acme/web-agent:1
  docker jackin role add api --image acme/api:2 --agent claude --agent codex --run --memory=4g";

/// Add a role: an image, and the agents that run in it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// The image, as `docker run` takes it.
    #[arg(long, value_name = "IMAGE", value_parser = image_word)]
    image: String,
    /// An agent that runs in it; claude if none is named.
    #[arg(long = "agent", value_name = "AGENT", value_parser = agent_word())]
    agents: Vec<Agent>,
    /// A flag for `docker run`; one with a value as --flag=value, or as two.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    run: Vec<String>,
}

/// Adds it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let name = &arguments.name;
    require_name("role", name)?;
    arguments.require_flags()?;
    let words: Array = Agent::each_once_or_claude(&arguments.agents)
        .into_iter()
        .map(Agent::word)
        .collect();
    place.edit(|draft| {
        require_free("role", name, draft.config().roles.contains_key(name))?;
        let table = ["roles".to_owned(), name.clone()];
        draft.set(&table, "image", arguments.image.as_str().into())?;
        draft.set(&table, "agents", Value::Array(words.clone()))?;
        if !arguments.run.is_empty() {
            let run: Array = arguments.run.iter().map(String::as_str).collect();
            draft.set(&table, "run", Value::Array(run))?;
        }
        Ok(())
    })?;
    say(&format_args!(
        "role {name} added; start it: docker jackin run {name}"
    ));
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// Refuses what a launch would refuse.
    fn require_flags(&self) -> Result<(), Failure> {
        let flags = self.run.iter().map(OsString::from).collect();
        let flags = GivenFlags::parse(&RUN, flags).map_err(|failure| {
            Failure::new(Kind::Usage, failure.message)
                .hint("give a flag with its value as --run=--flag=value")
        })?;
        if flags.command.is_some() {
            let message = "--run takes flags of `docker run`, and no `--`";
            return Err(Failure::new(Kind::Usage, message)
                .hint("a command is given to `docker jackin run`"));
        }
        Ok(())
    }
}
