//! Logins that their owner publishes and keeps up to date, for containers that
//! follow them.
//!
//! Beside the tickets, below the owner's folder ([`crate::folder`]), lies
//! `logins/<id>/` (0700) for each of them. In it are
//!
//! - `published/` (0755), which is mounted read-only into every container that
//!   follows the login. Its one file, `login` (0444), has the agent's credential
//!   file without what renews it. It is replaced by renaming: a reader sees the
//!   old bytes or the new ones. (Overwritten in place, one read in ten was torn:
//!   tmpfs copies a page out while another copies into it.) Without that file
//!   the login has ended on the host.
//! - `leases/` (0700), with one [`Lease`] for each container that follows, by
//!   the container's id. The engine's side writes it as the owner.
//!
//! What else lies there is the user's side's alone.
//!
//! Beside `logins/` lies `asked/` (0700), with an empty file (0600) for each
//! container whose owner asks for its login to be delivered again ([`REDELIVER`]),
//! by the container's id. The engine's side removes it as the owner.

pub mod asked;
pub mod folder;
pub mod lease;

use std::fmt;

use serde::{Deserialize, Serialize};

/// The folder beside the tickets with a folder for each login.
pub const LOGINS: &str = "logins";

/// The folder of a login that is mounted into containers.
pub const PUBLISHED: &str = "published";

/// The one file in [`PUBLISHED`].
pub const FILE: &str = "login";

/// The folder of a login with the leases of the containers that follow it.
pub const LEASES: &str = "leases";

/// The folder beside [`LOGINS`] with a file for each container whose login its
/// owner asks for.
pub const ASKED: &str = "asked";

/// What a container is asked to run (`docker exec`) to be given its login again
/// while it runs. It is no program: the wrapper takes it for the request it is,
/// where the login's owner left word of it in [`ASKED`], and answers by failing,
/// since there is nothing to run.
pub const REDELIVER: &str = "/.docker-jackin/sync";

/// How the wrapper's error begins when that was done, behind its own name.
pub const REDELIVERED: &str = "login delivered again";

/// The version of a [`Lease`] that this build writes and reads.
pub const LEASE_SCHEMA: u32 = 1;

/// A login's id: 32 lower-case hexadecimal digits, by which its owner always
/// means the same login of the same agent. It opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoginId(String);

/// A text that is no login's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a login's id has 32 lower-case hexadecimal digits")]
pub struct InvalidLoginId;

impl LoginId {
    /// The id of these 128 bits.
    pub fn from_bits(bits: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bits)))
    }

    /// The id as text, fit to be a folder's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LoginId {
    type Error = InvalidLoginId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if id.len() != 32 || !id.bytes().all(hex) {
            return Err(InvalidLoginId);
        }
        Ok(Self(id))
    }
}

impl From<LoginId> for String {
    fn from(id: LoginId) -> Self {
        id.0
    }
}

impl fmt::Display for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// That a running container follows a login. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// The version, [`LEASE_SCHEMA`].
    pub schema: u32,
    /// The container's id, which is also the file's name.
    pub container: String,
    /// The pid of its init, as the engine's side sees it.
    pub pid: i32,
    /// When that process started, in clock ticks since the machine did
    /// (proc(5), `/proc/PID/stat`, field 22): with it the pid is nobody else's.
    pub started: u64,
    /// The `published` folder that was mounted: another one in its place now is
    /// not seen by the container.
    pub folder: Inode,
    /// When it began, in seconds since 1970.
    pub since: u64,
}

/// Which folder it is, as stat(2) tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inode {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub number: u64,
}
