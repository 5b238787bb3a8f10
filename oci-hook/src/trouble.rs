//! What can be wrong with a place in a container, in words for its user.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Why a place in the rootfs cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path:?} in the container {trouble}")]
pub struct Error {
    /// The path in the container.
    pub path: PathBuf,
    /// What is wrong with it.
    pub trouble: Trouble,
}

/// What is wrong with a place.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Links lead in a circle, or too far.
    #[error("is a loop of symbolic links; mend the image")]
    Loop,
    /// A link on the way leads nowhere.
    #[error("goes through a symbolic link that leads nowhere; mend the image")]
    Dangling,
    /// Something on the way is no folder.
    #[error("goes through something that is not a folder; mend the image")]
    NotFolder,
    /// What is there is no regular file.
    #[error("is a {0}, and a file belongs there; mend the image or the volume")]
    NotFile(&'static str),
    /// Something came to be there meanwhile.
    #[error("came to be while it was made; stop the other container that uses the volume")]
    Exists,
    /// It is another thing than it was a moment ago.
    #[error("changes while it is looked at; stop the other container that uses the volume")]
    Changing,
    /// It leads into a file system of the kernel's.
    #[error("leads into a file system of the kernel's, such as proc or sys; mend the image")]
    Kernel,
    /// A mount on it would show outside the container.
    #[error(
        "is on a volume mounted with shared propagation, where a credential would show on the \
         host; mount the volume without 'shared'"
    )]
    Shared,
    /// The file system is mounted read-only.
    #[error("cannot be made or changed, since its file system is read-only; mount it writable")]
    ReadOnly,
    /// The container's user may not read what is there.
    #[error("cannot be read by uid {0}; give it to that user with chown")]
    Unreadable(u32),
    /// The container's user may not write what is there.
    #[error("cannot be written by uid {0}; give it to that user with chown")]
    Unwritable(u32),
    /// What is there is no text.
    #[error("is not UTF-8 text; mend it or remove it")]
    NotText,
    /// What is there is no JSON object.
    #[error("is not a JSON object; mend it or remove it")]
    NotJson,
    /// What is there is larger than such a file may be.
    #[error("is larger than {0} bytes; remove it")]
    TooLarge(u64),
    /// What is there has more in it than such a file may have.
    #[error("holds more than {0} values; remove it")]
    TooMany(usize),
    /// A system call failed.
    #[error("cannot be used: failed to {0}: {1}")]
    System(&'static str, io::Error),
}

impl Trouble {
    /// This trouble, at a place.
    pub fn at(self, path: &Path) -> Error {
        Error {
            path: path.to_owned(),
            trouble: self,
        }
    }

    /// Reads an error of a look-up or a creation.
    pub fn of(action: &'static str, error: Errno) -> Self {
        match error {
            Errno::LOOP => Self::Loop,
            Errno::NOTDIR => Self::NotFolder,
            Errno::ROFS => Self::ReadOnly,
            Errno::NXIO => Self::NotFile("FIFO or device"),
            error => Self::System(action, error.into()),
        }
    }
}
