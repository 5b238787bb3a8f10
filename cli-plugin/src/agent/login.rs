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
    /// The same with what renews it; `None` where nothing does.
    pub renewing: Option<Secret>,
    /// Where it was read.
    pub origin: Origin,
    /// When the login ends; `None` when it does not, or does not say.
    pub expires: Option<SystemTime>,
    /// The time by which it is older or newer than another login of the same
    /// agent; `None` when its form has none.
    pub stamp: Option<SystemTime>,
}

/// A login as it stands in an agent's credential file.
#[derive(Debug)]
pub struct FileLogin {
    /// What is forwarded of the file: all that the login consists of, less
    /// what renews it.
    pub content: Secret,
    /// The same with what renews it; `None` where nothing does.
    pub renewing: Option<Secret>,
    /// When the login ends; `None` when it does not, or does not say.
    pub expires: Option<SystemTime>,
    /// The time by which it is older or newer than another login of the same
    /// agent; `None` when its form has none.
    pub stamp: Option<SystemTime>,
    /// Whether the file, as it stands, is still of use after that end: the
    /// agent renews it, or it holds more than what ends.
    pub lasting: bool,
}

impl FileLogin {
    /// Whether an agent that has the whole file is logged in.
    pub fn is_of_use(&self, now: SystemTime) -> bool {
        self.lasting || self.expires.is_none_or(|ends| ends > now)
    }
}

/// What is wrong with a file that holds no login, after its name: such as
/// `holds no login`.
pub type Fault = &'static str;

/// The fault of a file that is no login file at all.
pub const NO_LOGIN: Fault = "holds no login";

/// The fault of a file that a logout, or a vendor that ended the login, left
/// behind: well formed, and without a credential.
pub const LOGGED_OUT: Fault = "holds no login: it is logged out";

/// The fault of a file that cannot be read as an agent's.
pub(super) fn fault_of(bytes: &[u8]) -> Fault {
    if bytes.trim_ascii().is_empty() {
        return LOGGED_OUT;
    }
    NO_LOGIN
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
        why: Fault,
    },
}

impl Found {
    /// What was made of that which lay at `origin`.
    pub fn at(origin: Origin, read: Result<FileLogin, Fault>) -> Self {
        match read {
            Ok(login) => Self::Login(HostLogin {
                content: login.content,
                renewing: login.renewing,
                origin,
                expires: login.expires,
                stamp: login.stamp,
            }),
            Err(why) => Self::Unusable { origin, why },
        }
    }
}

/// What an agent's payload depends on beside its credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// Folders of the container that the user has declared trusted.
    pub trusted: Vec<String>,
    /// Whose key `api_key` is; OpenCode's only, `None` for its own.
    pub provider: Option<String>,
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
