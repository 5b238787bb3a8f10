//! `docker jackin ps`: the containers that our launches started, and until
//! when their logins hold.

mod keeping_up;
mod listing;

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use crate::command::screen;
use crate::command::status::Format;
use crate::engine::here;
use crate::failure::Failure;
use crate::host::Host;
use crate::launch::containers_of;
use crate::live::Logins;
use crate::plugin::global_flags::GlobalFlags;
use listing::{Entry, Listing};

/// List the containers that docker-jackin started for you
///
/// And those that were started with the flags that `docker jackin ticket`
/// prints; not those of an env-file or a handle alone, which leave no label.
/// With each agent's mode, and when its login ends: `live` is one that follows
/// the host's login, and `copy` one that does not. A last good one is followed
/// where the host's cannot be used. A copy of some time ago was
/// to follow and does not any more; `docker jackin doctor` says why. What is not
/// known, such as the end of a key, is shown as `-`.
#[derive(Debug, Args)]
#[command(after_help = "\
The json format is an array of objects: name, id, role, workspace, image, state, status,
created (RFC 3339), launch, and agents with agent, mode, scope, source, ends (RFC 3339) and, for
a login of the host's, sync: its state (live, last_good, logged_out, left_behind or copy), since (RFC 3339)
and other_account. What is not known is null.")]
pub struct Arguments {
    /// Show those that do not run, too.
    #[arg(short, long)]
    all: bool,
    /// How to show them.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Shows them.
///
/// # Errors
/// The engine cannot be asked.
pub fn run(flags: &GlobalFlags, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let host = Host::of_this_process()?;
    let engine = here::reach(flags, &host)?;
    let now = SystemTime::now();
    let containers = containers_of(&engine, host.uid(), now)?.into_iter();
    let logins = Logins::of_user(host.uid()).ok();
    let shown = containers.filter(|one| arguments.all || one.is_running());
    let listing = Listing {
        entries: shown.map(|one| Entry::new(one, logins.as_ref())).collect(),
        now,
    };
    screen::show(&listing, arguments.format)
}
