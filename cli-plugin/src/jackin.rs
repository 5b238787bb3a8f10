//! The configuration of jackin, the tool that docker-jackin follows: read in
//! every form that it has had, never written and never locked.
//!
//! Reading is lenient. What is not understood is told with its line and left
//! out, and one broken file does not keep the others from being read.

mod account;
mod block;
mod env_value;
mod folder;
mod manifest;
mod mount;
mod node;
mod read;
mod version;
mod workspace;

use std::collections::BTreeMap;

pub use account::{Account, Credential};
pub use block::{Block, Github, Layer};
pub use env_value::EnvValue;
pub use folder::{Folder, stamp, state_folder};
pub use manifest::Manifest;
pub use mount::{Mount, SharedMount};
pub use read::read;
pub use version::Format;
pub use workspace::Workspace;

/// All that a folder of jackin's says.
#[derive(Debug, Default)]
pub struct Jackin {
    /// The files that were read.
    pub files: Vec<ReadFile>,
    /// What the top level says about variables and logins.
    pub global: Layer,
    /// The roles by jackin's names, such as `acme/backend`.
    pub roles: BTreeMap<String, Role>,
    /// The workspaces by jackin's names.
    pub workspaces: BTreeMap<String, Workspace>,
    /// Mounts of every container, or of those of some roles.
    pub mounts: Vec<SharedMount>,
    /// Accounts by their ids; only the newest form has them.
    pub accounts: BTreeMap<String, Account>,
    /// Whether logins are accounts, and the top level has no modes.
    pub has_accounts: bool,
    /// What is there and has no place in this reading.
    pub rest: Vec<Rest>,
    /// What could not be read, or was not understood.
    pub remarks: Vec<Remark>,
}

/// A file that was read.
#[derive(Debug)]
pub struct ReadFile {
    /// Its path below the folder.
    pub name: String,
    /// Its `version`; `None` where it has none.
    pub version: Option<String>,
    /// Its form.
    pub format: Format,
}

/// A role: a repository that an image is built from. There is no image in it.
#[derive(Debug, Default)]
pub struct Role {
    /// What it says about variables and logins.
    pub layer: Layer,
    /// Whether its user lets it be built.
    pub trusted: bool,
}

/// A key that has been passed over, by its path.
#[derive(Debug)]
pub struct Rest {
    /// The file and the line.
    pub place: String,
    /// The workspace it is about.
    pub workspace: Option<String>,
    /// The path, such as `docker.profile`.
    pub path: String,
    /// Its value, where it is a short word.
    pub word: Option<String>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The file, and the line where one is meant.
    pub place: String,
    /// What is the matter. Never a value.
    pub what: String,
}

/// The agents that jackin has known in one of its versions.
pub const AGENTS: [&str; 12] = [
    "claude",
    "codex",
    "amp",
    "opencode",
    "kimi",
    "grok",
    "antigravity",
    "gemini",
    "cursor",
    "muse",
    "omp",
    "hermes",
];

#[cfg(test)]
mod tests;
