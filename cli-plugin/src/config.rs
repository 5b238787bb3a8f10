//! The configuration: what a user wrote, checked, before anything is resolved.

pub mod edit;
mod error;
mod file;
mod lookup;
mod parse;
mod place;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use jackin_oci_hook::payload::VariableName;
use secrecy::SecretString;

pub use error::{ConfigError, Problem};
pub use file::{Problems, check, load, path_of};
pub use place::ConfigPlace;

use crate::agent::Agent;
use crate::auth::mode::AuthMode;
use crate::auth::refresh::Refresh;

/// A whole configuration file; a missing one is an empty configuration.
#[derive(Debug, Default)]
pub struct Config {
    /// The file it was read from, or would be.
    pub file: PathBuf,
    /// The agents' blocks of the top level.
    pub agents: AgentBlocks,
    /// Operator variables for every container.
    pub env: Variables,
    /// The roles by name.
    pub roles: BTreeMap<String, Role>,
    /// The workspaces by name.
    pub workspaces: BTreeMap<String, Workspace>,
    /// What is not wrong, but is worth a word to the user.
    pub warnings: Vec<String>,
}

/// `[<agent>]` blocks of one scope.
pub type AgentBlocks = BTreeMap<Agent, AgentBlock>;

/// `[env]` of one scope: a source for each variable.
pub type Variables = BTreeMap<VariableName, Value>;

/// What one scope says about one agent.
#[derive(Debug, Default)]
pub struct AgentBlock {
    /// `auth_forward`; `None` does not decide the mode.
    pub auth_forward: Option<AuthMode>,
    /// `sync_refresh`; `None` does not decide it.
    pub sync_refresh: Option<Refresh>,
    /// `oauth_token`, or `token` as it was once spelt; Claude's only.
    pub oauth_token: Option<Value>,
    /// `api_key`.
    pub api_key: Option<Value>,
    /// `provider`: whose key `api_key` is; OpenCode's only.
    pub provider: Option<String>,
}

/// `[roles.R]`: a kind of container.
#[derive(Debug)]
pub struct Role {
    /// The image, as `docker run` takes it.
    pub image: String,
    /// The agents that run in it.
    pub agents: Vec<Agent>,
    /// Further `docker run` flags.
    pub run: Vec<String>,
    /// Operator variables for every container of this role.
    pub env: Variables,
}

/// `[workspaces.W]`: a project.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The project's folder on the host; absolute.
    pub workdir: Option<PathBuf>,
    /// What of it the container sees.
    pub mounts: Vec<Mount>,
    /// Whether agents take its folders for trusted without asking.
    pub trust: bool,
    /// The agents' blocks of this workspace.
    pub agents: AgentBlocks,
    /// Operator variables of this workspace.
    pub env: Variables,
    /// What this workspace says about single roles.
    pub roles: BTreeMap<String, WorkspaceRole>,
}

/// `[workspaces.W.roles.R]`: one role in one workspace.
#[derive(Debug, Default)]
pub struct WorkspaceRole {
    /// The agents' blocks of this role in this workspace.
    pub agents: AgentBlocks,
    /// Operator variables of this role in this workspace.
    pub env: Variables,
}

/// One entry of `mounts`: a bind mount.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    /// A folder or file of the host, below `workdir` when relative.
    pub src: PathBuf,
    /// Where the container sees it; absolute.
    pub dst: String,
    /// Whether the container may only read it.
    pub readonly: bool,
}

/// Where a value comes from, as it was written: perhaps the secret itself.
pub struct Value {
    /// What was written.
    pub written: Written,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// The forms in which a value is written.
#[derive(Clone)]
pub enum Written {
    /// `"text"`: plain, `$NAME`, or a reference told by its beginning.
    Text(SecretString),
    /// `{ op = "op://…", account = "…" }`.
    Op {
        /// The reference.
        reference: String,
        /// The account it is read in; `None` for the one `op` takes itself.
        account: Option<String>,
    },
    /// `{ cmd = ["program", "argument"] }`.
    Command(Vec<String>),
}

/// The text may be a secret, so only the line is shown.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<value of line {}>", self.line)
    }
}

impl Config {
    /// Follows the links in every `workdir`, since the system names the current
    /// folder without any. A folder that is not there stays as it is written.
    pub fn follow_links(&mut self) {
        for workspace in self.workspaces.values_mut() {
            if let Some(workdir) = &mut workspace.workdir
                && let Ok(real) = workdir.canonicalize()
            {
                *workdir = real;
            }
        }
    }

    /// The workspace whose `workdir` holds `folder`; the deepest wins.
    pub fn workspace_of(&self, folder: &Path) -> Option<&str> {
        self.workspaces
            .iter()
            .filter_map(|(name, workspace)| Some((name, workspace.workdir.as_ref()?)))
            .filter(|(_, workdir)| folder.starts_with(workdir))
            .max_by_key(|(_, workdir)| workdir.components().count())
            .map(|(name, _)| name.as_str())
    }
}

/// The one of `known` that `word` is most likely a misspelling of.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_workspace_around_the_folder_is_meant() {
        let workspace = |workdir: &str| Workspace {
            workdir: Some(workdir.into()),
            ..Workspace::default()
        };
        let config = Config {
            workspaces: [
                ("all".to_owned(), workspace("/src")),
                ("app".to_owned(), workspace("/src/app")),
                ("nowhere".to_owned(), Workspace::default()),
            ]
            .into(),
            ..Config::default()
        };
        for (folder, meant) in [
            ("/src/app/deep", Some("app")),
            ("/src/app", Some("app")),
            ("/src/apple", Some("all")),
            ("/", None),
        ] {
            assert_eq!(config.workspace_of(Path::new(folder)), meant, "{folder}");
        }
    }
}
