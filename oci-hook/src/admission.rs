//! Admission: whether a container is served, on what grounds, and with what.
//!
//! The wrapper goes by it, and the hook where that serves a container alone.

mod by_rule;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub use by_rule::{ByRule, RuleError};

use crate::container::{self, Container, ContainerId, Marker};
use crate::engine_record::{Doubt, EngineRecord};
use crate::payload::Payload;
use crate::policy;
use crate::record::{Origin, Record};
use crate::redeem::{self, Bearer};
use crate::runtime::log::Log;
use crate::runtime::{keep, resolver};
use crate::spec::{self, Spec};
use crate::store::Store;
use crate::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE, Handle};

/// Why a container is not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is kept for the container cannot be reached.
    #[error(transparent)]
    Container(#[from] container::Error),
    /// Its `config.json` is not valid.
    #[error("{path} cannot be used: {source}")]
    Spec {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: spec::Invalid,
    },
    /// What should be a handle is none.
    #[error("the container's ticket cannot be used: {0}")]
    Handle(#[from] crate::ticket::InvalidHandle),
    /// The image asks for a delivery, or may have, and only the engine's user
    /// may.
    #[error("ticket {handle} {}", in_words(*.doubt))]
    Doubted {
        /// The handle, cut short.
        handle: String,
        /// Why it may not be the user's wish.
        doubt: Doubt,
    },
    /// The ticket is not redeemed.
    #[error("ticket {handle} cannot be used: {source}")]
    Redeem {
        /// The handle, cut short.
        handle: String,
        /// Why not.
        source: redeem::Error,
    },
    /// What a rule of the policy gives cannot be had.
    #[error("rule {rule} of the policy, whose owner is {owner}, gives no login: {source}")]
    Rule {
        /// The rule's name.
        rule: String,
        /// The owner, as the policy names them.
        owner: String,
        /// Why not.
        source: RuleError,
    },
    /// The clock stands before 1970.
    #[error("the system's clock stands before 1970; set it")]
    Clock,
}

fn in_words(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::ImagesVariable => {
            "is named by the image's own ENV, and not by who starts the container; take \
             DOCKER_JACKIN_TICKET out of the image, or start with -e DOCKER_JACKIN_TICKET="
        }
        Doubt::UnknownVariable => {
            "is named by the variable DOCKER_JACKIN_TICKET, and whether that is the image's own \
             cannot be told here; name it with --annotation dev.jackin.ticket= instead"
        }
        Doubt::ImagesAnnotation => {
            "is named by an annotation of the image, and not by who starts the container; take \
             dev.jackin.ticket out of the image's manifest"
        }
        Doubt::UnknownAnnotation => {
            "is named by an annotation, and whether that is the image's own, which this Podman \
             copies, cannot be told; use Podman 4.7 or newer"
        }
    }
}

/// A quick look that spares most containers the reading of their
/// `config.json`; a text that only happens to hold the word costs that.
pub fn may_be_served(config: &[u8]) -> bool {
    let text = String::from_utf8_lossy(config);
    let names_a_ticket = [HANDLE_ANNOTATION, HANDLE_VARIABLE]
        .iter()
        .any(|name| text.contains(name));
    names_a_ticket || policy::is_there()
}

/// A container that is about to start, as its engine describes it.
#[derive(Debug)]
pub struct Applicant<'a> {
    /// Its id.
    pub id: &'a ContainerId,
    /// What its id is unique in: the low-level runtime's state folder, or, where
    /// that is not known, its bundle.
    pub root: &'a Path,
    /// The engine's bundle.
    pub bundle: &'a Path,
    /// The path of its `config.json`.
    pub config: &'a Path,
    /// Its `config.json`.
    pub spec: &'a Spec<'a>,
    /// What the engine knows of it.
    pub engine: &'a EngineRecord,
    /// Why a payload cannot be delivered to it, if so: a ticket that holds it
    /// is left for a container that is started another way.
    pub fits: fn(&Spec<'_>, &Payload) -> Result<(), String>,
}

/// On what grounds a container asks to be served.
#[derive(Debug, PartialEq, Eq)]
pub enum Grounds {
    /// It names a ticket.
    Ticket {
        /// The ticket's handle.
        handle: Handle,
        /// Whether it came by the variable, which an image can set too.
        by_variable: bool,
    },
    /// It names none, and a rule of the policy matches it.
    Rule(ByRule),
}

impl Grounds {
    /// Finds them; `None` when the container is none of our business. A ticket
    /// counts before the policy, whose troubles go to the log.
    pub fn of(applicant: &Applicant<'_>, log: &Log) -> Result<Option<Self>, Error> {
        if applicant.engine.sandbox {
            return Ok(None);
        }
        let found = applicant.spec.handle();
        let Some(found) = found.map_err(|source| applicant.invalid(source))? else {
            return Ok(by_rule::find(applicant, log)?.map(Self::Rule));
        };
        Ok(Some(Self::Ticket {
            handle: found.text.parse()?,
            by_variable: found.by_variable,
        }))
    }

    /// Whether a container that cannot be served starts without.
    pub fn starts_without(&self) -> bool {
        match self {
            Self::Ticket { .. } => false,
            Self::Rule(rule) => rule.starts_without(),
        }
    }

    /// What a record says of them.
    fn origin(&self) -> Option<Origin> {
        match self {
            Self::Ticket { handle, .. } => Some(Origin::Ticket(handle.clone())),
            Self::Rule(rule) => rule.origin(),
        }
    }
}

impl Applicant<'_> {
    fn invalid(&self, source: spec::Invalid) -> Error {
        Error::Spec {
            path: self.config.to_owned(),
            source,
        }
    }
}

/// What admission works with.
#[derive(Debug)]
pub struct Admission<'a> {
    /// Where what is known of served containers lies.
    pub store: &'a Store,
    /// The program that resolves a request again, if there is one.
    pub resolver: Option<&'a Path>,
    /// Where warnings go.
    pub log: &'a Log,
}

impl Admission<'_> {
    /// Admits a container and prepares it, by its record, which `prepare` is to
    /// save: one that is known on the same grounds goes on with what it has,
    /// resolved afresh, and another is a new one.
    ///
    /// A new container that is refused, here or by `prepare`, leaves nothing. A
    /// known one keeps its login: it may be started again.
    pub fn admit<T, E: From<Error>>(
        &self,
        applicant: &Applicant<'_>,
        grounds: &Grounds,
        prepare: impl FnOnce(Container, Record) -> Result<T, E>,
    ) -> Result<T, E> {
        let id = applicant.id;
        let known = self.known(applicant, grounds)?;
        let first = known.is_none();
        let marker = Marker {
            root: applicant.root.to_owned(),
            alive: applicant.engine.alive.clone(),
        };
        // Another engine's container of this id is not ours to forget.
        let container = self.store.claim(id, &marker).map_err(Error::from)?;
        let prepared = self
            .record(&container, known, applicant, grounds)
            .map_err(E::from)
            .and_then(|record| prepare(container, record));
        if first
            && prepared.is_err()
            && let Err(left) = self.store.remove(id)
        {
            self.log
                .warn(&format!("failed to forget container {id}: {left}"));
        }
        prepared
    }

    fn known(&self, applicant: &Applicant<'_>, grounds: &Grounds) -> Result<Option<Record>, Error> {
        let Some(container) = self.store.find_in(applicant.root, applicant.id)? else {
            return Ok(None);
        };
        let record = container.record()?;
        let origin = grounds.origin();
        Ok(record.filter(|record| Some(&record.origin) == origin.as_ref()))
    }

    fn record(
        &self,
        container: &Container,
        known: Option<Record>,
        applicant: &Applicant<'_>,
        grounds: &Grounds,
    ) -> Result<Record, Error> {
        if let Some(mut known) = known {
            if let Grounds::Rule(rule) = grounds {
                known.user.clone_from(&rule.user);
            }
            keep::before_start(container, &mut known, self.log)?;
            return Ok(resolver::refresh(known, self.resolver, self.log));
        }
        container.drop_kept()?;
        match grounds {
            Grounds::Ticket {
                handle,
                by_variable,
            } => self.redeem(handle, *by_variable, applicant),
            Grounds::Rule(rule) => self.resolve(rule, container.record()?),
        }
    }

    fn redeem(
        &self,
        handle: &Handle,
        by_variable: bool,
        applicant: &Applicant<'_>,
    ) -> Result<Record, Error> {
        let engine = applicant.engine;
        let doubt = if by_variable {
            engine.doubt_variable(&handle.expose())
        } else {
            engine.doubt_annotation(&handle.expose())
        };
        if let Some(doubt) = doubt {
            let handle = handle.masked();
            return Err(Error::Doubted { handle, doubt });
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|_| Error::Clock)?;
        let bearer = Bearer {
            id: applicant.id,
            image: engine.image.as_deref(),
            image_id: engine.image_id.as_deref(),
        };
        let fits = |payload: &Payload| (applicant.fits)(applicant.spec, payload);
        let ticket = redeem::redeem(self.store, handle, &bearer, now.as_secs(), &fits);
        let ticket = ticket.map_err(|source| Error::Redeem {
            handle: handle.masked(),
            source,
        })?;
        Ok(Record {
            origin: Origin::Ticket(handle.clone()),
            request: ticket.request,
            payload: ticket.payload,
            user: ticket.user,
            configured: Vec::new(),
            hook_alone: false,
            surplus: Vec::new(),
        })
    }
}
