//! `docker jackin ticket list`: the tickets that wait for their containers.

use std::fmt::{self, Display};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use jackin_oci_hook::folder::candidates;
use jiff::Timestamp;
use serde::Serialize;

use super::output::timestamp;
use crate::command::columns::Columns;
use crate::command::screen;
use crate::command::status::Format;
use crate::failure::Failure;
use crate::handoff::{TicketFolder, Waiting};
use crate::host::Host;
use crate::span;

/// What stands where there is nothing.
const NOTHING: &str = "-";

/// List your tickets that wait for a container
///
/// Those of `docker jackin run` too, while it waits for an image. A handle is
/// shown by its first digits, which `docker jackin ticket revoke` takes, too:
/// whoever has all of it can redeem it. CONTAINERS is for how many a ticket was
/// made; how many of them have come already only the engine's side knows.
#[derive(Debug, Args)]
#[command(after_help = "\
The json format is an array of objects: handle (how it begins), role, workspace, agents (agent,
mode), image, user, containers, issued and expires (RFC 3339); null where there is none.")]
pub(super) struct Arguments {
    /// How to show them.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Shows them.
///
/// # Errors
/// There is no folder in memory for tickets that is the user's alone.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let uid = Host::of_this_process()?.uid();
    let now = SystemTime::now();
    let waiting = TicketFolder::open(&candidates(uid), uid)?.waiting(now);
    let listing = Listing {
        entries: waiting.into_iter().map(Entry::from).collect(),
        now,
    };
    screen::show(&listing, arguments.format)
}

/// The list, as it is at a time.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Listing {
    entries: Vec<Entry>,
    #[serde(skip)]
    now: SystemTime,
}

/// A ticket in the list.
#[derive(Debug, Serialize)]
struct Entry {
    handle: String,
    role: Option<String>,
    workspace: Option<String>,
    agents: Vec<EntryAgent>,
    image: Option<String>,
    user: Option<String>,
    containers: u32,
    issued: Option<Timestamp>,
    expires: Option<Timestamp>,
    #[serde(skip)]
    ends: u64,
}

/// An agent of a ticket in the list.
#[derive(Debug, Serialize)]
struct EntryAgent {
    agent: String,
    mode: String,
}

impl From<Waiting> for Entry {
    fn from(waiting: Waiting) -> Self {
        let request = waiting.request.as_ref();
        let role = request.and_then(|request| request.subject.role());
        let modes = request.into_iter().flat_map(|request| &request.modes);
        let agents = modes.map(|(agent, mode)| EntryAgent {
            agent: agent.clone(),
            mode: mode.clone(),
        });
        Self {
            handle: waiting.handle.to_string(),
            role: role.map(str::to_owned),
            workspace: request.and_then(|request| request.workspace.clone()),
            agents: agents.collect(),
            image: waiting.limits.image,
            user: waiting.user.as_ref().map(ToString::to_string),
            containers: waiting.limits.containers,
            issued: timestamp(waiting.issued),
            expires: timestamp(waiting.expires),
            ends: waiting.expires,
        }
    }
}

impl Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = [
            "HANDLE",
            "ROLE",
            "WORKSPACE",
            "AGENTS",
            "IMAGE",
            "USER",
            "CONTAINERS",
            "EXPIRES",
        ];
        let mut columns = Columns::new(&heading);
        for entry in &self.entries {
            columns.push(cells(entry, self.now));
        }
        columns.fmt(f)
    }
}

fn cells(entry: &Entry, now: SystemTime) -> [String; 8] {
    let or_nothing = |text: Option<&String>| text.map_or(NOTHING, String::as_str).to_owned();
    let agents = entry.agents.iter();
    let agents: Vec<_> = agents
        .map(|one| format!("{}={}", one.agent, one.mode))
        .collect();
    let agents = Some(agents.join(" ")).filter(|agents| !agents.is_empty());
    let ends = UNIX_EPOCH + Duration::from_secs(entry.ends);
    [
        entry.handle.clone(),
        or_nothing(entry.role.as_ref()),
        or_nothing(entry.workspace.as_ref()),
        or_nothing(agents.as_ref()),
        or_nothing(entry.image.as_ref()),
        or_nothing(entry.user.as_ref()),
        entry.containers.to_string(),
        span::from_now(ends, now),
    ]
}
