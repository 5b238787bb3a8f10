//! Why a source gives no value, and what to do then. Nothing here carries one.

use std::path::PathBuf;
use std::sync::Arc;

use super::age::AgeTrouble;
use super::ask::Trouble;
use super::command::NoCommand;
use super::helper::NoHelper;
use super::keyring::NoItem;
use super::op::NoReference;

/// Why a source gives no value. Never carries one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// A `$` that begins no variable's name.
    #[error(
        "it begins with `$` and is no $NAME or ${{NAME}}; write a literal `$` at the beginning as `$$`"
    )]
    Dollar,
    /// A kind of source that this version knows by name only.
    #[error("sources of the kind `{kind}` are not supported yet by this version")]
    Unsupported {
        /// The kind, as it is written.
        kind: &'static str,
    },
    /// A variable of the shell that is not there.
    #[error("${name} is not set in the environment of this command")]
    Unset {
        /// The variable.
        name: String,
    },
    /// A value that is no text, or holds a NUL.
    #[error("{place} does not hold UTF-8 text without NUL")]
    NoText {
        /// The file or the variable.
        place: String,
    },
    /// A source that needs its user, who is gone, with nothing delivered from
    /// it at launch.
    #[error("{shown} was read at launch and cannot be read again without its user")]
    NotAgain {
        /// The source.
        shown: String,
    },
    /// A source that was another one at launch, and needs its user.
    #[error("it came from another source at launch, and {shown} cannot be read without its user")]
    Changed {
        /// The source of today.
        shown: String,
    },
    /// A source that needs its user, where a policy starts a container.
    #[error(
        "{shown} needs its user, and nobody is there when a policy starts a container; keep the \
         value in a file or with a credential helper"
    )]
    NobodyThere {
        /// The source.
        shown: String,
    },
    /// A path that depends on the folder the command is given in.
    #[error("`{scheme}` wants an absolute path, or one that begins with ~/")]
    RelativeFile {
        /// How the source begins.
        scheme: &'static str,
    },
    /// A file that cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: Arc<std::io::Error>,
    },
    /// A file that is no file, or too large for a variable.
    #[error("{} is no regular file of at most {limit} bytes", path.display())]
    NoValueFile {
        /// The file.
        path: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// What looks like a reference and is none.
    #[error("it is no reference of 1Password: {0}")]
    NoReference(#[from] NoReference),
    /// What looks like a helper and is none.
    #[error("it is no helper:NAME/SERVER: {0}")]
    NoHelper(#[from] NoHelper),
    /// What looks like an item of a keyring and is none.
    #[error("it is no {scheme}SERVICE/ACCOUNT: {why}")]
    NoItem {
        /// How the source begins.
        scheme: &'static str,
        /// What is wrong.
        why: NoItem,
    },
    /// A file that cannot be decrypted.
    #[error("{} cannot be decrypted: {trouble}", path.display())]
    Age {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        trouble: AgeTrouble,
    },
    /// What looks like a command and is none.
    #[error("it is no command: {0}")]
    NoCommand(#[from] NoCommand),
    /// A program that was asked gave no value.
    #[error("{shown}: {trouble}")]
    Asked {
        /// The source.
        shown: String,
        /// What was wrong.
        trouble: Trouble,
    },
}

impl SourceError {
    /// What to do next, where the error alone does not say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Asked { trouble, .. } => trouble.hint(),
            Self::Age { trouble, .. } => trouble.hint(),
            Self::NotAgain { .. } | Self::Changed { .. } => {
                Some("start the container anew with `docker jackin run`".to_owned())
            }
            _ => None,
        }
    }
}
