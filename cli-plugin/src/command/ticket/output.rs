//! Where a ticket's handle goes: to standard output in one of its forms, or to
//! an env-file.

use std::collections::BTreeMap;

use jackin_oci_hook::ticket::Handle;
use jiff::Timestamp;
use serde::Serialize;

use super::Format;
use super::decided::Decided;
use super::env_file::EnvFile;
use super::flags;
use crate::command::channel::HandleBy;
use crate::command::issue::Counter;
use crate::docker::program;
use crate::engine::installation::RUNTIME_NAME;
use crate::engine::{Engine, here};
use crate::failure::{Failure, Kind};
use crate::handoff::Staged;
use crate::launch::LaunchId;
use crate::plugin::global_flags::GlobalFlags;

/// Where it goes, looked over before any value is read.
pub(super) enum Output {
    /// Flags for an engine that was asked how it takes a handle.
    FlagsFor(Engine, HandleBy),
    /// Flags for an engine that is not asked.
    Flags(HandleBy),
    /// For programs; with the engine, where there is one that answers.
    Json(Option<Engine>),
    /// The handle alone.
    Handle(Option<Engine>),
    /// A file.
    EnvFile(EnvFile, Option<Engine>),
}

impl Output {
    /// Finds out where it goes.
    ///
    /// # Errors
    /// The engine has to be asked and cannot be, or the file must be left alone.
    pub(super) fn find(flags: &GlobalFlags, decided: &Decided) -> Result<Self, Failure> {
        // Other containers are told of where they can be seen.
        let engine = || here::reach(flags, &decided.host).ok();
        if let Some(path) = &decided.env_file {
            let file = EnvFile::look_over(path, decided.host.uid())?;
            return Ok(Self::EnvFile(file, engine()));
        }
        Ok(match (decided.format, decided.by) {
            (Format::Text, Some(by)) => Self::Flags(by),
            (Format::Text, None) => ask(flags, decided).map_err(or_without_asking)?,
            (Format::Json, _) => Self::Json(engine()),
            (Format::Handle, _) => Self::Handle(engine()),
        })
    }

    /// The engine that answered.
    pub(super) fn engine(&self) -> Option<&Engine> {
        match self {
            Self::FlagsFor(engine, _) => Some(engine),
            Self::Flags(_) => None,
            Self::Json(engine) | Self::Handle(engine) | Self::EnvFile(_, engine) => engine.as_ref(),
        }
    }

    /// The engine whose container will have our labels, by which what is
    /// written down of it is found.
    pub(super) fn engine_to_be_labelled(&self) -> Option<&Engine> {
        match self {
            Self::FlagsFor(engine, _) => Some(engine),
            _ => None,
        }
    }

    /// Tells the handle: what is to be printed, or nothing where a file was
    /// written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn tell(
        &self,
        decided: &Decided,
        staged: &Staged,
        id: &LaunchId,
        modes: &BTreeMap<String, String>,
    ) -> Result<Option<String>, Failure> {
        let handle = &staged.handle;
        match self {
            Self::FlagsFor(_, by) => {
                let owner = decided.host.uid();
                let labels = flags::labels(decided.cell(), owner, id, &decided.agents);
                Ok(Some(flags::words(handle, *by, &labels).join(" ")))
            }
            Self::Flags(by) => Ok(Some(flags::words(handle, *by, &[]).join(" "))),
            Self::Json(_) => Report::new(decided, staged, modes).to_text().map(Some),
            Self::Handle(_) => Ok(Some(handle.expose())),
            Self::EnvFile(file, _) => {
                let ends = timestamp(staged.expires);
                file.write(handle, decided.containers, ends)?;
                Ok(None)
            }
        }
    }

    /// Takes back the ticket that the file named before, since nobody will
    /// come with that handle any more.
    ///
    /// # Errors
    /// It is there, and cannot be removed.
    pub(super) fn take_back_the_former(&self, counter: &Counter) -> Result<(), Failure> {
        let Self::EnvFile(file, _) = self else {
            return Ok(());
        };
        let former = file.former.as_ref();
        let tickets = &counter.tickets;
        if let Some(ours) = former.filter(|handle| handle.owner == tickets.owner()) {
            tickets.withdraw(&ours.id)?;
            counter.nobody_comes(&ours.id);
        }
        Ok(())
    }
}

/// Asks the engine and the client how a container is told its handle.
fn ask(flags: &GlobalFlags, decided: &Decided) -> Result<Output, Failure> {
    let engine = here::reach(flags, &decided.host)?;
    let docker = program::find(&decided.host)?;
    let by = HandleBy::known_to(&engine, &docker, &decided.host, None)?;
    Ok(Output::FlagsFor(engine, by))
}

fn or_without_asking(failure: Failure) -> Failure {
    if failure.kind != Kind::Engine {
        return failure;
    }
    failure.hint("--by annotation (Docker 24 and newer, Podman), --by variable, and --env-file ask no engine")
}

/// A ticket, for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    handle: String,
    runtime: &'static str,
    annotation: String,
    variable: String,
    role: Option<&'a str>,
    workspace: Option<&'a str>,
    agents: Vec<AgentReport<'a>>,
    image: Option<&'a str>,
    user: Option<String>,
    containers: u32,
    expires: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct AgentReport<'a> {
    agent: &'static str,
    mode: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn new(decided: &'a Decided, staged: &Staged, modes: &'a BTreeMap<String, String>) -> Self {
        let handle: &Handle = &staged.handle;
        let agents = decided.agents.iter().map(|agent| AgentReport {
            agent: agent.word(),
            mode: modes.get(agent.word()).map(String::as_str),
        });
        Self {
            handle: handle.expose(),
            runtime: RUNTIME_NAME,
            annotation: flags::annotation(handle),
            variable: flags::variable(handle),
            role: decided.role.as_deref(),
            workspace: decided.workspace.as_deref(),
            agents: agents.collect(),
            image: decided.image.as_deref(),
            user: decided.user.as_ref().map(ToString::to_string),
            containers: decided.containers,
            expires: timestamp(staged.expires),
        }
    }

    fn to_text(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self).map_err(|error| Failure::new(Kind::Internal, error))
    }
}

/// Seconds since 1970 as a point in time.
pub(super) fn timestamp(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}
