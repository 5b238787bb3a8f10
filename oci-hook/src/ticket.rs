//! The ticket: the one-time hand-off from the user's side to the engine's.
//!
//! A ticket is a JSON file in its owner's ticket folder ([`crate::folder`]).
//! The container is told only the [`Handle`], which opens nothing by itself
//! once the ticket has been redeemed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::container_user::ContainerUser;
use crate::payload::Payload;

/// The version of the ticket's schema that this build writes and reads. It
/// changes with everything that a ticket holds, the payload included.
pub const SCHEMA: u32 = 4;

/// The annotation that carries a [`Handle`] where the engine knows
/// annotations (Docker API ≥ 1.43).
pub const HANDLE_ANNOTATION: &str = "dev.jackin.ticket";

/// The variable that carries a [`Handle`] elsewhere. It is taken away before
/// the container's process starts.
pub const HANDLE_VARIABLE: &str = "DOCKER_JACKIN_TICKET";

/// The largest ticket that is read, in bytes.
pub const MAX_SIZE: u64 = 1 << 20;

/// The longest life a ticket may be given, in seconds.
pub const MAX_LIFETIME: u64 = 24 * 60 * 60;

/// The most containers that one ticket may be for.
pub const MAX_CONTAINERS: u32 = 1000;

/// A ticket as it lies in the ticket folder.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// The schema's version, [`SCHEMA`].
    pub schema: u32,
    /// Its random id, which is also its file's name.
    pub id: TicketId,
    /// The user who issued it.
    pub owner: u32,
    /// When it was issued, in seconds since 1970.
    pub issued: u64,
    /// When it ends, in seconds since 1970; at most [`MAX_LIFETIME`] later.
    pub expires: u64,
    /// What was asked for, in the words of the user's side. Kept as it is and
    /// given back to the resolver when the container starts again; `None`
    /// when nothing in it can be resolved a second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<RawValue>>,
    /// What the container is given.
    pub payload: Payload,
    /// Whose home the files go to; `None` for the user of the container's
    /// process. A devcontainer's process is root's, and its `remoteUser` works
    /// by `docker exec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ContainerUser>,
    /// Which containers may redeem it.
    pub limits: Limits,
}

/// Which containers may redeem a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How many containers, from 1 to [`MAX_CONTAINERS`].
    pub containers: u32,
    /// The image reference the container must have been created from, to the
    /// letter as it was given to the engine; `None` for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            containers: 1,
            image: None,
        }
    }
}

/// Why a ticket cannot be read. None of these carries what was in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTicket {
    /// It is no JSON object with a `schema`, or breaks off.
    #[error("it is not a complete ticket (line {line}, column {column})")]
    Malformed {
        /// The line where reading stopped, from 1.
        line: usize,
        /// The column where reading stopped, from 1.
        column: usize,
    },
    /// It is of another version.
    #[error(
        "it has schema {found}, and this build reads {SCHEMA}; install one version of both sides"
    )]
    Schema {
        /// The version it names.
        found: u64,
    },
    /// Its life is longer than a ticket may live, or ends before it starts.
    #[error("its life is not within {MAX_LIFETIME} seconds")]
    Lifetime,
    /// It is for no container at all, or for more than a ledger holds.
    #[error("it must be for 1 to {MAX_CONTAINERS} containers")]
    Containers,
}

impl From<serde_json::Error> for InvalidTicket {
    fn from(error: serde_json::Error) -> Self {
        // serde's own words may quote a value, so only the position is kept.
        Self::Malformed {
            line: error.line(),
            column: error.column(),
        }
    }
}

impl Ticket {
    /// Reads a ticket, its version first.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidTicket> {
        #[derive(Deserialize)]
        struct Versioned {
            schema: u64,
        }
        let Versioned { schema } = serde_json::from_slice(bytes)?;
        if schema != u64::from(SCHEMA) {
            return Err(InvalidTicket::Schema { found: schema });
        }
        let ticket: Self = serde_json::from_slice(bytes)?;
        let lifetime = ticket.expires.checked_sub(ticket.issued);
        if lifetime.is_none_or(|seconds| seconds > MAX_LIFETIME) {
            return Err(InvalidTicket::Lifetime);
        }
        if !(1..=MAX_CONTAINERS).contains(&ticket.limits.containers) {
            return Err(InvalidTicket::Containers);
        }
        Ok(ticket)
    }

    /// Writes a ticket into a buffer that is wiped when dropped.
    ///
    /// # Errors
    /// When a value cannot be written as JSON, which these types do not have.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        to_wiped_json(self)
    }

    /// The handle by which a container names this ticket.
    pub fn handle(&self) -> Handle {
        Handle {
            owner: self.owner,
            id: self.id.clone(),
        }
    }
}

/// Serialises a value with secrets in it, into a buffer that is wiped when
/// dropped and never grows, since growing would leave copies behind.
pub fn to_wiped_json(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value)?;
    let mut buffer = Zeroizing::new(Vec::with_capacity(count.0));
    serde_json::to_writer(&mut *buffer, value)?;
    Ok(buffer)
}

/// A ticket's id: 128 random bits as 32 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TicketId(String);

impl TicketId {
    /// An id from 128 bits of the system's random source.
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bits)))
    }

    /// The id as text, fit to be a file's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TicketId {
    type Error = InvalidHandle;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if id.len() != 32 || !id.bytes().all(hex) {
            return Err(InvalidHandle);
        }
        Ok(Self(id))
    }
}

impl From<TicketId> for String {
    fn from(id: TicketId) -> Self {
        id.0
    }
}

/// Shows a few digits only: until it is redeemed, an id is worth the ticket.
impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.0[..6])
    }
}

/// `<uid>.<id>`: how a container names its ticket.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle {
    /// The user in whose ticket folder it lies.
    pub owner: u32,
    /// The ticket's id.
    pub id: TicketId,
}

impl Handle {
    /// The handle in full, for the engine's command line or annotation.
    pub fn expose(&self) -> String {
        format!("{}.{}", self.owner, self.id.as_str())
    }

    /// The handle with its id cut short, for people.
    pub fn masked(&self) -> String {
        format!("{}.{:?}", self.owner, self.id)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl FromStr for Handle {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (owner, id) = text.split_once('.').ok_or(InvalidHandle)?;
        let parsed: u32 = owner.parse().map_err(|_| InvalidHandle)?;
        // One spelling per handle: no sign, no leading zeros.
        if parsed.to_string() != owner {
            return Err(InvalidHandle);
        }
        Ok(Self {
            owner: parsed,
            id: TicketId::try_from(id.to_owned())?,
        })
    }
}

impl TryFrom<String> for Handle {
    type Error = InvalidHandle;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> Self {
        handle.expose()
    }
}

/// A text that is no ticket handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a ticket handle is <uid>.<32 hexadecimal digits>")]
pub struct InvalidHandle;

/// What the engine's side asks of the resolver (`docker-jackin resolve`, on
/// its standard input) when a container starts again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// The schema's version, [`SCHEMA`].
    pub schema: u32,
    /// What is asked for.
    pub asked: Asked,
    /// What the container was given last: the resolver keeps from it what it
    /// cannot read again, such as a variable of the shell at launch.
    pub payload: Payload,
}

/// What the resolver is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Asked {
    /// What a ticket, or the resolver's last answer, held as its request.
    Request(Box<RawValue>),
    /// What a policy's rule gives to a container that has no ticket.
    Policy(PolicyRequest),
}

/// What a policy's rule gives to a container, in the words of the
/// configuration of the rule's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRequest {
    /// The rule's name.
    pub rule: String,
    /// The workspace, if the rule names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The role, if the rule names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The agents, where the rule names no role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// The container's image, where the engine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// The resolver's answer, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// The schema's version, [`SCHEMA`].
    pub schema: u32,
    /// What to ask the next time; as before when there is nothing here. By it
    /// the resolver tells what has changed since this answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<RawValue>>,
    /// The whole new payload.
    pub payload: Payload,
    /// What could not be had and other words for its owner, for the engine's
    /// log: no secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[cfg(test)]
#[path = "ticket_tests.rs"]
mod tests;
