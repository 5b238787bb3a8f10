//! Launches: what is kept of each so that other verbs know which containers
//! are ours, what they were given, and until when it holds.

mod container;
mod folder;
mod following;
pub mod label;
mod record;
mod removal;

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

pub use container::{Container, launch_of, of_user as containers_of};
pub use folder::LaunchFolder;
pub use following::Following;
pub use record::{Login, Record};
pub use removal::remove_all;

/// A launch's id: 64 random bits as 16 lower-case hexadecimal digits. It joins
/// a container's label to the record of its launch, and opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LaunchId(String);

/// The ids of the launches whose containers an engine has.
pub type LaunchIds = BTreeSet<LaunchId>;

/// A text that is no launch's id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a launch's id has 16 lower-case hexadecimal digits")]
pub struct InvalidLaunchId;

impl LaunchId {
    /// A fresh one from the system's random source.
    ///
    /// # Errors
    /// The system gives no random bits.
    pub fn random() -> io::Result<Self> {
        let mut bits = [0; 8];
        crate::handoff::fill_randomly(&mut bits)?;
        Ok(Self(format!("{:016x}", u64::from_be_bytes(bits))))
    }

    /// The id as text, fit to be a file's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LaunchId {
    type Error = InvalidLaunchId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 16 && text.bytes().all(hex) {
            return Ok(Self(text));
        }
        Err(InvalidLaunchId)
    }
}

impl From<LaunchId> for String {
    fn from(id: LaunchId) -> Self {
        id.0
    }
}

impl fmt::Display for LaunchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_random_and_can_only_be_a_files_name() {
        let (one, other) = (LaunchId::random().unwrap(), LaunchId::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(LaunchId::try_from(one.to_string()), Ok(one));
        for text in [
            "",
            "../../../../etc/",
            "0123456789ABCDEF",
            "0123456789abcde",
        ] {
            assert_eq!(LaunchId::try_from(text.to_owned()), Err(InvalidLaunchId));
        }
    }
}
