//! What the command line, the configuration and the folder decide about a
//! launch, before any value is read and the engine is asked.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Arguments;
use super::docker_line::DockerLine;
use super::given::{self, Given};
use super::subject::{Subject, Words, with_its_escape};
use crate::auth::scope::Cell;
use crate::command::channel::HandleBy;
use crate::command::issue::Order;
use crate::config::{self, Config};
use crate::docker::given_flags::{GivenFlags, RUN};
use crate::docker::program;
use crate::engine::{Endpoint, here};
use crate::failure::Failure;
use crate::host::Host;
use crate::launch::label;
use crate::plugin::global_flags::GlobalFlags;
use crate::terminal;

/// A launch that is decided on.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    flags: &'a GlobalFlags,
    pub(super) host: Host,
    pub(super) config: Config,
    pub(super) subject: Subject,
    pub(super) workspace: Option<String>,
    user: GivenFlags,
    pub(super) given: Given,
    pub(super) docker: PathBuf,
    pub(super) endpoint: Endpoint,
}

impl<'a> Launch<'a> {
    /// Decides on it.
    ///
    /// # Errors
    /// What is asked for cannot be, the configuration is refused, or there is
    /// no docker client or no engine on this machine.
    pub(super) fn decide(flags: &'a GlobalFlags, arguments: Arguments) -> Result<Self, Failure> {
        let host = Host::of_this_process()?;
        let mut config = config::load(&config::path_of(flags, &host), &host)?;
        config.follow_links();
        let line: Vec<OsString> = std::env::args_os().collect();
        let words = Words {
            image: arguments.image,
            agents: arguments.agents,
            rest: with_its_escape(arguments.rest, &line),
        };
        let (subject, rest) = Subject::find(words, &config)?;
        let workspace = match &arguments.workspace {
            Some(named) => Some(config.known_workspace(named)?),
            None => config.workspace_of(host.folder()),
        };
        let user = GivenFlags::parse(&RUN, rest)?;
        Ok(Self {
            flags,
            workspace: workspace.map(str::to_owned),
            given: given::look_over(&[&subject.flags, &user], &host)?,
            docker: program::find(&host)?,
            endpoint: here::endpoint(flags, &host)?,
            user,
            subject,
            config,
            host,
        })
    }

    /// Its role and workspace.
    pub(super) fn cell(&self) -> Cell<'_> {
        Cell {
            workspace: self.workspace.as_deref(),
            role: self.subject.role.as_deref(),
        }
    }

    /// What decides about its logins.
    pub(super) fn order(&self) -> Order<'_> {
        Order {
            host: &self.host,
            config: &self.config,
            cell: self.cell(),
            agents: &self.subject.agents,
            image: Some(&self.subject.image),
            given: &self.given.variables,
        }
    }

    /// Shows all warnings: of the configuration, of docker's flags, and more.
    pub(super) fn warn(&self, more: &[String]) {
        let warnings = self.config.warnings.iter().chain(&self.given.warnings);
        for warning in warnings.chain(more) {
            terminal::show_warning(warning);
        }
    }

    /// The container's labels, with the id of the launch.
    pub(super) fn labels(&self, id: &str) -> Vec<String> {
        label::all(self.cell(), self.host.uid(), id, &self.subject.agents)
    }

    /// The command line of docker.
    pub(super) fn docker_line<'b>(
        &'b self,
        handle: &'b str,
        handle_by: HandleBy,
        labels: &'b [String],
    ) -> DockerLine<'b> {
        let workspace = self.workspace.as_deref();
        DockerLine {
            flags: self.flags,
            handle,
            handle_by,
            runtime: self.given.runtime.is_none(),
            labels,
            workspace: workspace.and_then(|name| self.config.workspaces.get(name)),
            folder: self.host.folder(),
            role_flags: &self.subject.flags.flags,
            user_flags: &self.user.flags,
            image: &self.subject.image,
            command: self.user.command.as_deref(),
        }
    }
}
