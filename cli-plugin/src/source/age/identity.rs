//! The user's own age identity: where it lies, and whether it is theirs alone.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use ::age::x25519::Identity;
use zeroize::Zeroizing;

use crate::host::Host;

/// Names another file of it.
pub(crate) const VARIABLE: &str = "DOCKER_JACKIN_AGE_IDENTITY";

/// Where it is else, below the folder for users' data.
const PLACE: &str = "docker-jackin/age-identity.txt";

/// The largest file of identities, in bytes.
const LIMIT: usize = 16 << 10;

/// Why there is no identity to decrypt with. Never carries one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoIdentity {
    /// The file is not there, or cannot be read.
    #[error("the age identity {} cannot be read: {error}", path.display())]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// Somebody else could have read it, or made it.
    #[error("the age identity {} is not the user's own regular file with mode 0600", path.display())]
    Foreign {
        /// Where it is.
        path: PathBuf,
    },
    /// It holds none.
    #[error("{} holds no age identity, which begins with AGE-SECRET-KEY-1", path.display())]
    Malformed {
        /// Where it is.
        path: PathBuf,
    },
}

impl NoIdentity {
    /// What to do next.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                format!("bring the identity back from a backup, or name its file in {VARIABLE}")
            }
            Self::Foreign { path } => format!(
                "if it is yours alone: chmod 600 {}",
                shell_words::quote(&path.to_string_lossy())
            ),
            Self::Malformed { .. } => {
                format!("name another file in {VARIABLE}, as `age-keygen` makes it")
            }
        }
    }
}

/// Where the user's identity is, or is to be.
pub(crate) fn place(host: &Host) -> PathBuf {
    named(host).unwrap_or_else(|| {
        let data = absolute("XDG_DATA_HOME", host);
        let data = data.unwrap_or_else(|| host.home().join(".local/share"));
        data.join(PLACE)
    })
}

/// Where it is, if the user said so.
pub(crate) fn named(host: &Host) -> Option<PathBuf> {
    absolute(VARIABLE, host)
}

fn absolute(name: &str, host: &Host) -> Option<PathBuf> {
    host.path_variable(name).filter(|path| path.is_absolute())
}

/// The identities in a file of the user's own.
///
/// # Errors
/// It is not there, could be another's, or holds none.
pub(crate) fn read(path: &Path, uid: u32) -> Result<Vec<Identity>, NoIdentity> {
    let path = || path.to_owned();
    let unreadable = |error| NoIdentity::Unreadable {
        path: path(),
        error: Arc::new(error),
    };
    // Without waiting: a FIFO without a writer would hold the launch up.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options()
        .read(true)
        .custom_flags(nonblock)
        .open(path())
        .map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() || found.uid() != uid || found.mode() & 0o077 != 0 {
        return Err(NoIdentity::Foreign { path: path() });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    let limit = u64::try_from(LIMIT).unwrap_or_default() + 1;
    let length = file.take(limit).read_to_end(&mut text);
    let length = length.map_err(unreadable)?;
    let identities = (length <= LIMIT).then(|| parse(&text)).flatten();
    identities.ok_or_else(|| NoIdentity::Malformed { path: path() })
}

/// One identity a line; `#` begins a comment.
fn parse(text: &[u8]) -> Option<Vec<Identity>> {
    let lines = std::str::from_utf8(text).ok()?.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities = lines.map(|line| Identity::from_str(line).ok());
    let identities: Vec<_> = identities.collect::<Option<_>>()?;
    (!identities.is_empty()).then_some(identities)
}
