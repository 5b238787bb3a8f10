//! Issuing a ticket, whoever starts its container: what decides about it, what
//! is written down of it, and the hand-off.

mod neighbours;
mod publish;
pub(super) mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use jackin_oci_hook::folder::candidates;
use jackin_oci_hook::ticket::TicketId;

use crate::agent::Agent;
use crate::auth::mode::{self, Mode};
use crate::auth::refresh::{self, Refresh};
use crate::auth::scope::Cell;
use crate::config::Config;
use crate::delivery::{Circumstances, Prepared, Provided};
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::handoff::{self, Staged, Terms, TicketFolder};
use crate::host::Host;
use crate::launch::{LaunchFolder, LaunchId, Login, Record};
use crate::live::{Attempt, Logins, Machine, Wanted, renew_in_time, watcher};
use crate::request::{Request, Subject};
use crate::source::Shell;
use crate::terminal;
pub(super) use publish::publish;

/// What decides about a container's logins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) host: &'a Host,
    pub(super) config: &'a Config,
    /// The container's role and workspace.
    pub(super) cell: Cell<'a>,
    /// Its agents, the default one first.
    pub(super) agents: &'a [Agent],
    /// The image it is to be created from; `None` for any.
    pub(super) image: Option<&'a str>,
    /// Variables that the user gives it by docker's flags.
    pub(super) given: &'a BTreeSet<String>,
}

impl Order<'_> {
    /// Does something with what decides about the logins.
    pub(super) fn with_circumstances<T>(
        &self,
        now: SystemTime,
        prepare: impl FnOnce(Circumstances<'_>) -> T,
    ) -> T {
        let nothing = BTreeMap::new();
        prepare(Circumstances {
            config: self.config,
            cell: self.cell,
            agents: self.agents,
            given: self.given,
            modes_at_launch: &nothing,
            logins_at_launch: &nothing,
            sources_at_launch: &nothing,
            host: self.host,
            shell: Shell::Live(self.host),
            now,
        })
    }

    /// Has the host's logins renewed that are due and would be followed. What
    /// comes of it is seen once they are read.
    pub(super) fn renew_what_is_due(&self) -> Vec<Attempt> {
        let agents = self.agents.iter().filter(|agent| self.follows(**agent));
        let now = SystemTime::now();
        let attempts = agents.filter_map(|agent| renew_in_time(*agent, self.host, now));
        attempts.collect()
    }

    /// Whether `agent` would follow the host's login.
    fn follows(&self, agent: Agent) -> bool {
        let mode = mode::resolve(self.config, self.cell, agent)
            .auth_mode
            .mode();
        let refresh = refresh::resolve(self.config, self.cell, agent).refresh;
        mode == Mode::Sync && refresh == Refresh::Live
    }

    /// What is needed to resolve it again when the container is started again,
    /// and to write down again what `record` says.
    pub(super) fn request(
        &self,
        prepared: &Prepared,
        id: &LaunchId,
        record: Option<&Record>,
    ) -> Request {
        let subject = match self.cell.role {
            Some(role) => Subject::Role(role.to_owned()),
            None => Subject::Image {
                image: self.image.map(str::to_owned),
                agents: self
                    .agents
                    .iter()
                    .map(|one| one.word().to_owned())
                    .collect(),
            },
        };
        let file = self.config.file.clone();
        let mut request = Request::new(subject, id.clone(), file, self.host);
        request.workspace = self.cell.workspace.map(str::to_owned);
        request.modes = prepared.mode_words();
        request.logins.clone_from(&prepared.logins);
        request.sources.clone_from(&prepared.sources);
        request.given.clone_from(self.given);
        request.socket = record.map(|record| record.socket.clone());
        request
    }

    /// What is written down of a launch on `engine`.
    pub(super) fn record(
        &self,
        prepared: &Prepared,
        id: &LaunchId,
        engine: &Engine,
        now: SystemTime,
    ) -> Record {
        let image = self.image.map(str::to_owned);
        let mut record = Record::new(id.clone(), image, engine.real_socket(), now);
        record.role = self.cell.role.map(str::to_owned);
        record.workspace = self.cell.workspace.map(str::to_owned);
        record.agents = prepared.provided.iter().map(Login::from).collect();
        record
    }
}

/// Starts what keeps published logins up to date, if it does not run. Without
/// it a container has its login for as long as that lasts.
pub(super) fn keep_up_to_date(host: &Host) {
    if let Err(failure) = watcher::ensure(host) {
        let Failure { message, hints, .. } = failure;
        let next = hints.iter().map(|hint| format!("; {hint}"));
        terminal::show_warning(&format!("{message}{}", next.collect::<String>()));
    }
}

/// A launch's id.
///
/// # Errors
/// The system gives no random bits.
pub(super) fn launch_id() -> Result<LaunchId, Failure> {
    LaunchId::random().map_err(|error| {
        let message = format!("failed to draw a launch's id: {error}");
        Failure::new(Kind::Internal, message)
    })
}

/// Where one user's tickets are issued, their logins published, and launches
/// written down.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) tickets: TicketFolder,
    launches: Result<LaunchFolder, Failure>,
    logins: Result<Logins, Failure>,
}

/// A ticket that is to be issued: what its containers follow is published.
#[derive(Debug)]
pub(super) struct Reserved {
    id: TicketId,
    terms: Terms,
}

impl Counter {
    /// Opens it.
    ///
    /// # Errors
    /// There is no folder in memory for tickets that is the user's alone.
    pub(super) fn open(uid: u32) -> Result<Self, Failure> {
        let tickets = TicketFolder::open(&candidates(uid), uid)?;
        Ok(Self {
            launches: LaunchFolder::beside(&tickets),
            logins: Logins::beside(&tickets),
            tickets,
        })
    }

    /// Warns of other containers on `engine` with the same logins.
    pub(super) fn warn_of_neighbours(
        &self,
        engine: &Engine,
        provided: &[Provided],
        now: SystemTime,
    ) {
        let Ok(launches) = &self.launches else { return };
        let owner = self.tickets.owner();
        for warning in neighbours::warnings(engine, launches, owner, provided, now) {
            terminal::show_warning(&warning);
        }
    }

    /// Writes a launch down. Other verbs show what is written there: no launch
    /// fails for it.
    pub(super) fn write_down(&self, record: &Record) {
        let trouble = match &self.launches {
            Ok(launches) => launches.write(record).err().map(|error| error.to_string()),
            Err(failure) => Some(failure.to_string()),
        };
        if let Some(trouble) = trouble {
            terminal::show_warning(&format!("this launch is not written down: {trouble}"));
        }
    }

    /// Forgets a launch that did not take place.
    pub(super) fn forget(&self, id: &LaunchId) {
        if let Ok(launches) = &self.launches {
            launches.remove(id);
        }
    }

    /// Publishes what the ticket's containers follow, which was read on `host`
    /// at `read` or later. What cannot be published is given as a copy.
    ///
    /// # Errors
    /// The system gives no random bits.
    pub(super) fn reserve(
        &self,
        prepared: &mut Prepared,
        attempts: &[Attempt],
        host: &Host,
        terms: Terms,
        read: SystemTime,
    ) -> Result<Reserved, Failure> {
        let id = handoff::draw_id()?;
        let expires = SystemTime::now() + terms.lifetime;
        let wanted = Wanted::of_ticket(id.as_str(), expires);
        let logins = self.logins.as_ref();
        for warning in publish(logins, prepared, &Machine::of(host), &wanted, read) {
            terminal::show_warning(&warning);
        }
        if let Ok(logins) = logins {
            for attempt in attempts {
                logins.note(attempt);
            }
        }
        Ok(Reserved { id, terms })
    }

    /// Stages the ticket, and sees to it that what its containers follow is
    /// kept up to date.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn stage(
        &self,
        reserved: Reserved,
        prepared: Prepared,
        request: &Request,
        host: &Host,
    ) -> Result<Staged, Failure> {
        let followed = !prepared.live.is_empty();
        let Reserved { id, terms } = reserved;
        let raw = request.to_raw().map_err(|error| {
            let message = format!("failed to write down the request: {error}");
            Failure::new(Kind::Configuration, message)
        });
        let now = SystemTime::now();
        let (tickets, name) = (&self.tickets, id.clone());
        let staged = raw.and_then(|request| {
            handoff::stage(tickets, id, prepared.payload, Some(request), terms, now)
        });
        let staged = staged.inspect_err(|_| self.nobody_comes(&name))?;
        if followed {
            keep_up_to_date(host);
        }
        Ok(staged)
    }

    /// Takes a ticket back with which no container will come.
    pub(super) fn take_back(&self, staged: Staged) {
        let id = staged.handle.id.clone();
        staged.withdraw();
        self.nobody_comes(&id);
    }

    /// No container comes with a ticket any more.
    pub(super) fn nobody_comes(&self, ticket: &TicketId) {
        if let Ok(logins) = &self.logins {
            logins.drop_wanted(ticket.as_str());
        }
    }
}
