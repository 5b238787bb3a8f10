//! An agent's login on the host, whichever agent's it is.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use jackin_oci_hook::secret::Secret;

/// What the host has to forward.
#[derive(Debug)]
pub struct HostLogin {
    /// The credential file for the container, less what renews the login.
    pub content: Secret,
    /// Where it was read.
    pub origin: Origin,
    /// When the login ends; `None` when it does not, or does not say.
    pub expires: Option<SystemTime>,
}

/// Where a host's login lies, for the user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In a file.
    File(PathBuf),
    /// In the macOS Keychain, as the password of this service.
    Keychain(String),
}

/// What was found where the host's login should be.
#[derive(Debug)]
pub enum Found {
    /// A login.
    Login(HostLogin),
    /// Nothing there.
    Missing(Origin),
    /// Something that is no login, which is never copied.
    Unusable {
        /// Where it lies.
        origin: Origin,
        /// What is wrong with it, after "it": such as `holds no login`.
        why: &'static str,
    },
}

/// What an agent's seed depends on beside its login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// Folders of the container that the user has declared trusted.
    pub trusted: Vec<String>,
}

/// A credential that cannot be a variable's value: it holds a NUL.
#[derive(Debug, thiserror::Error)]
#[error("the value of {0} holds a NUL, which no variable can")]
pub struct NoVariable(pub &'static str);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Keychain(service) => write!(f, "Keychain item {service:?}"),
        }
    }
}
