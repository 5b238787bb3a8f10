//! `docker jackin ticket`: a login for a container that somebody else starts.

mod decided;
mod env_file;
mod flags;
mod lifetime;
mod list;
mod output;
mod revoke;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use jackin_oci_hook::container_user::ContainerUser;
use jackin_oci_hook::ticket::MAX_CONTAINERS;

use crate::agent::Agent;
use crate::command::agent_word::agent_word;
use crate::command::channel::HandleBy;
use crate::command::image_word::image_word;
use crate::command::issue::token::{self, TokenWatch};
use crate::command::issue::{Counter, launch_id};
use crate::command::screen;
use crate::delivery;
use crate::failure::Failure;
use crate::host::keep_out_of_dumps;
use crate::plugin::global_flags::GlobalFlags;
use crate::terminal;
use decided::Decided;
use output::Output;

const EXAMPLES: &str = "\
Examples:
  docker run --rm -it $(docker jackin ticket --role web) acme/web-agent:1
  docker jackin ticket --role web --containers 2 --ttl 1h --env-file ~/.cache/docker-jackin/web.env
  podman run --rm -it $(docker jackin ticket --agent codex --by annotation) acme/agent:1
  docker jackin ticket list
  docker jackin ticket revoke --all

Without --image any image can redeem the ticket, also with --role: an image that compose or a
devcontainer builds has another name.

The json format has handle, runtime, annotation and variable (as `name=value`), role, workspace,
agents (agent, mode), image, user, containers and expires (RFC 3339); null where there is none.";

/// Prepare a login for a container that you start yourself
///
/// Prints the flags for `docker run` or `podman run`, or writes an env-file for
/// a compose file or a devcontainer. The handle in them is no login: it lets a
/// container redeem the ticket, which lies in memory. Until that has happened
/// whoever may start containers here can use it, so it is short-lived.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands",
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
pub struct Arguments {
    #[command(flatten)]
    make: Make,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What a ticket is to be.
#[derive(Debug, Args)]
struct Make {
    /// The workspace; by default the one whose workdir holds the current
    /// folder.
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// The role, whose agents are logged in.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// An agent to log in without a role; may be given more than once, and is
    /// claude by default.
    #[arg(long = "agent", value_name = "NAME", value_parser = agent_word(), conflicts_with = "role")]
    agents: Vec<Agent>,
    /// The only image that may redeem it, as the container will be given it;
    /// any image by default.
    #[arg(long, value_name = "IMAGE", value_parser = image_word)]
    image: Option<String>,
    /// The user in the container who is to be logged in: a name, a uid, or
    /// uid:gid. By default the user of the container's process; for a
    /// devcontainer give its `remoteUser`.
    #[arg(long, value_name = "USER", value_parser = user)]
    user: Option<ContainerUser>,
    /// Until when it can be redeemed, from now: 1s to 24h.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = lifetime::parse)]
    ttl: Duration,
    /// How many containers may redeem it. A restart of one is not counted.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CONTAINERS)))]
    containers: u32,
    /// Write the handle to this file for `--env-file`, and print nothing.
    /// Written again, the ticket that it named is taken back.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with = "format")]
    env_file: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How the flags tell the container its handle. By default the engine and
    /// the docker client are asked; with this flag neither is.
    #[arg(long, value_enum, conflicts_with = "env_file")]
    by: Option<HandleBy>,
}

/// How a ticket is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The flags for `docker run`, on one line.
    Text,
    /// For programs.
    Json,
    /// The handle alone.
    Handle,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::Arguments),
    Revoke(revoke::Arguments),
}

/// Carries it out.
///
/// # Errors
/// The ticket cannot be made as asked, or the engine cannot be.
pub fn run(flags: &GlobalFlags, arguments: Arguments) -> Result<ExitCode, Failure> {
    keep_out_of_dumps();
    match arguments.verb {
        Some(Verb::List(arguments)) => list::run(&arguments),
        Some(Verb::Revoke(arguments)) => revoke::run(&arguments),
        None => make(flags, arguments.make),
    }
}

fn make(flags: &GlobalFlags, asked: Make) -> Result<ExitCode, Failure> {
    let decided = Decided::decide(flags, asked)?;
    let output = Output::find(flags, &decided)?;
    let order = decided.order();
    let attempts = order.renew_what_is_due();
    let now = SystemTime::now();
    let mut prepared = order.with_circumstances(now, delivery::prepare)?;
    let watch = token::watch(&decided.config, &decided.host, &mut prepared, now);
    for warning in decided.config.warnings.iter().chain(&prepared.warnings) {
        terminal::show_warning(warning);
    }
    terminal::show_lines(&prepared.lines);
    watch.map_or(Ok(()), TokenWatch::conclude_for_later)?;

    let counter = Counter::open(decided.host.uid())?;
    if let Some(engine) = output.engine() {
        counter.warn_of_neighbours(engine, &prepared.provided, now);
    }
    let id = launch_id()?;
    let reserved = counter.reserve(
        &mut prepared,
        &attempts,
        &decided.host,
        decided.terms(),
        now,
    )?;
    let modes = prepared.mode_words();
    let record = output.engine_to_be_labelled().map(|engine| {
        let mut record = order.record(&prepared, &id, engine, now);
        record.ticket_ends = Some(decided.ends(now));
        record
    });
    let request = order.request(&prepared, &id, record.as_ref());
    let staged = counter.stage(reserved, prepared, &request, &decided.host)?;
    if let Some(record) = record {
        counter.write_down(&record);
    }
    let told = match output.tell(&decided, &staged, &id, &modes) {
        Ok(Some(text)) => screen::write(&text),
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = told {
        // Nobody knows its handle.
        counter.take_back(staged);
        counter.forget(&id);
        return Err(failure);
    }
    output.take_back_the_former(&counter)?;
    Ok(ExitCode::SUCCESS)
}

fn user(text: &str) -> Result<ContainerUser, String> {
    ContainerUser::try_from(text.to_owned()).map_err(|error| error.to_string())
}
