//! The user in a container, as a ticket or a policy may name one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes: `LOGIN_NAME_MAX` less its NUL.
const MAX_NAME: usize = 255;

/// A user in a container: by name, or by number as `docker exec -u` takes it.
///
/// Who that is, is read in the container's own `/etc/passwd` when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ContainerUser {
    /// The name of an entry in `/etc/passwd`.
    Name(String),
    /// A number; without a group, that of the user's entry, else 0.
    Id {
        /// The user id.
        uid: u32,
        /// The group id.
        gid: Option<u32>,
    },
}

/// A text that names no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user is a name as in /etc/passwd, a uid, or uid:gid")]
pub struct InvalidUser;

impl TryFrom<String> for ContainerUser {
    type Error = InvalidUser;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return id(&text).ok_or(InvalidUser);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@$-".contains(&byte);
        if text.is_empty()
            || text.len() > MAX_NAME
            || text.starts_with('-')
            || !text.bytes().all(allowed)
        {
            return Err(InvalidUser);
        }
        Ok(Self::Name(text))
    }
}

/// `u32::MAX` is no id: to the system calls it says "leave as it is".
fn id(text: &str) -> Option<ContainerUser> {
    let number = |digits: &str| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let id = digits.parse().ok().filter(|id| *id != u32::MAX);
        id.filter(|_| plain)
    };
    let (uid, gid) = match text.split_once(':') {
        Some((uid, gid)) => (number(uid)?, Some(number(gid)?)),
        None => (number(text)?, None),
    };
    Some(ContainerUser::Id { uid, gid })
}

impl fmt::Display for ContainerUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Id { uid, gid: None } => write!(f, "{uid}"),
            Self::Id {
                uid,
                gid: Some(gid),
            } => write!(f, "{uid}:{gid}"),
        }
    }
}

impl From<ContainerUser> for String {
    fn from(user: ContainerUser) -> Self {
        user.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_a_number_and_a_pair_are_read_as_they_are_written() {
        for text in ["dev", "node-20", "a.b_c", "0", "1000", "1000:1001"] {
            let user = ContainerUser::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(user), text);
        }
    }

    #[test]
    fn what_could_be_anything_else_is_refused() {
        for text in [
            "",
            "-u",
            "a b",
            "a:b",
            "a/b",
            "1000:",
            ":5",
            "1a",
            "+1",
            "1000:+1",
            "4294967295",
            "r\n",
        ] {
            assert!(
                ContainerUser::try_from(text.to_owned()).is_err(),
                "{text:?}"
            );
        }
    }
}
