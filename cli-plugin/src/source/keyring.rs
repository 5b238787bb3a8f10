//! What `secret-service:` and `keychain:` have in common: an item that a
//! service's and an account's name lead to.

use std::fmt;

/// The longest name of either kind, in bytes.
const MAX_NAME: usize = 512;

/// An item of a keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is for.
    pub(super) service: String,
    /// Whose it is.
    pub(super) account: String,
}

/// Why a text names no item. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoItem {
    /// One of its parts is not there.
    #[error("it does not have the two parts of SERVICE/ACCOUNT")]
    Parts,
    /// One of its parts would be taken for a flag.
    #[error("one of its parts begins with `-`, as a flag does")]
    Flag,
    /// It holds what no name holds.
    #[error("one of its parts holds a control character or is longer than {MAX_NAME} bytes")]
    Name,
}

impl Item {
    /// Takes `SERVICE/ACCOUNT` apart. An account may hold further slashes.
    ///
    /// # Errors
    /// It names no item.
    pub(super) fn parse(rest: &str) -> Result<Self, NoItem> {
        let (service, account) = rest.split_once('/').ok_or(NoItem::Parts)?;
        for name in [service, account] {
            if name.is_empty() {
                return Err(NoItem::Parts);
            }
            if name.starts_with('-') {
                return Err(NoItem::Flag);
            }
            if name.len() > MAX_NAME || name.chars().any(char::is_control) {
                return Err(NoItem::Name);
            }
        }
        Ok(Self {
            service: service.to_owned(),
            account: account.to_owned(),
        })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.account)
    }
}

/// Why a keyring gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringTrouble {
    /// There is no bus to ask on.
    #[error("there is no D-Bus session that the Secret Service could be asked on")]
    NoBus,
    /// Nobody could unlock the Secret Service.
    #[error("the Secret Service is locked")]
    ServiceLocked,
    /// The Secret Service has nothing of that name.
    #[error("the Secret Service keeps no such item")]
    NotInService,
    /// The same, where nothing says whether it is locked.
    #[error("the Secret Service keeps no such item, or it is locked")]
    NotInServiceOrLocked,
    /// This is no Mac.
    #[error("the Keychain is a part of macOS, and this is another system")]
    NoKeychain,
    /// Nobody could unlock the Keychain.
    #[error("the Keychain is locked")]
    KeychainLocked,
    /// The Keychain has nothing of that name.
    #[error("the Keychain keeps no such item")]
    NotInKeychain,
}

impl KeyringTrouble {
    /// What to do next.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::NoBus => {
                "log in to a session that has a keyring, or keep the value somewhere else"
            }
            Self::ServiceLocked | Self::NotInServiceOrLocked => {
                "unlock the keyring, as logging in to the desktop does, and try again"
            }
            Self::NotInService => {
                "keep it there first: secret-tool store --label=LABEL service SERVICE account ACCOUNT"
            }
            Self::NoKeychain => "keep the value somewhere else on this machine",
            Self::KeychainLocked => "unlock it: security unlock-keychain",
            Self::NotInKeychain => {
                "keep it there first: Keychain Access takes a new password item's name for the service"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_a_service_and_an_account() {
        for (rest, why) in [
            ("", NoItem::Parts),
            ("service", NoItem::Parts),
            ("service/", NoItem::Parts),
            ("/account", NoItem::Parts),
            ("-service/account", NoItem::Flag),
            ("service/--account", NoItem::Flag),
            ("service/a\nb", NoItem::Name),
            (&format!("service/{}", "a".repeat(513)), NoItem::Name),
        ] {
            assert_eq!(Item::parse(rest), Err(why), "{rest}");
        }
        for rest in ["Claude Code-credentials/me", "service/a/b", "s é/ü"] {
            assert_eq!(Item::parse(rest).unwrap().to_string(), rest);
        }
    }
}
