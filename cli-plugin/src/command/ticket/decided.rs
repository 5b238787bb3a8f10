//! What the command line, the configuration and the folder decide about a
//! ticket.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jackin_oci_hook::container_user::ContainerUser;
use jackin_oci_hook::ticket::Limits;

use super::{Format, Make};
use crate::agent::Agent;
use crate::auth::scope::Cell;
use crate::command::channel::HandleBy;
use crate::command::issue::Order;
use crate::config::{self, Config};
use crate::failure::{Failure, Kind};
use crate::handoff::Terms;
use crate::host::Host;
use crate::plugin::global_flags::GlobalFlags;

/// A ticket that is decided on.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) host: Host,
    pub(super) config: Config,
    pub(super) role: Option<String>,
    pub(super) workspace: Option<String>,
    pub(super) agents: Vec<Agent>,
    pub(super) image: Option<String>,
    pub(super) user: Option<ContainerUser>,
    pub(super) lifetime: Duration,
    pub(super) containers: u32,
    pub(super) env_file: Option<PathBuf>,
    pub(super) format: Format,
    pub(super) by: Option<HandleBy>,
    given: BTreeSet<String>,
}

impl Decided {
    /// Decides on it.
    ///
    /// # Errors
    /// The configuration is refused, or knows no such name.
    pub(super) fn decide(flags: &GlobalFlags, asked: Make) -> Result<Self, Failure> {
        if asked.by.is_some() && asked.format != Format::Text {
            let message = "--by is about the flags that --format text prints";
            return Err(Failure::new(Kind::Usage, message).hint("leave one of the two out"));
        }
        let host = Host::of_this_process()?;
        let mut config = config::load(&config::path_of(flags, &host), &host)?;
        config.follow_links();
        let workspace = match &asked.workspace {
            Some(named) => Some(config.known_workspace(named)?),
            None => config.workspace_of(host.folder()),
        };
        let workspace = workspace.map(str::to_owned);
        let agents = match &asked.role {
            Some(role) => config.roles[config.known_role(role)?].agents.clone(),
            None => Agent::each_once_or_claude(&asked.agents),
        };
        Ok(Self {
            env_file: asked.env_file.map(|path| host.folder().join(path)),
            role: asked.role,
            workspace,
            agents,
            image: asked.image,
            user: asked.user,
            lifetime: asked.ttl,
            containers: asked.containers,
            format: asked.format,
            by: asked.by,
            given: BTreeSet::new(),
            config,
            host,
        })
    }

    /// The container's role and workspace.
    pub(super) fn cell(&self) -> Cell<'_> {
        Cell {
            workspace: self.workspace.as_deref(),
            role: self.role.as_deref(),
        }
    }

    /// What decides about its logins.
    pub(super) fn order(&self) -> Order<'_> {
        Order {
            host: &self.host,
            config: &self.config,
            cell: self.cell(),
            agents: &self.agents,
            image: self.image.as_deref(),
            given: &self.given,
        }
    }

    /// For whom it is, and for how long.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            limits: Limits {
                containers: self.containers,
                image: self.image.clone(),
            },
            user: self.user.clone(),
            lifetime: self.lifetime,
        }
    }

    /// When it ends at the latest, in seconds since 1970.
    pub(super) fn ends(&self, now: SystemTime) -> u64 {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        (since + self.lifetime).as_secs() + 1
    }
}
