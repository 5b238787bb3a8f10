//! `--workspace` and `--role`: which scope of the configuration is meant.

use std::fmt;

use clap::Args;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::auth::scope::{Cell, Scope};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::host::Host;

/// The flags that name a scope.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ScopeFlags {
    /// The workspace.
    #[arg(long, value_name = "WORKSPACE")]
    pub(super) workspace: Option<String>,
    /// The role.
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
}

impl ScopeFlags {
    /// The scope of an agent's login: everything, a workspace, or a role in a
    /// workspace, which is the one around the current folder if none is named.
    ///
    /// # Errors
    /// The configuration knows no such name, or a role has no workspace.
    pub(super) fn of_login(&self, config: &Config, host: &Host) -> Result<Scope, Failure> {
        let Some(role) = self.known_role(config)? else {
            return self.of_workspace(config);
        };
        let workspace = self.known_workspace(config)?;
        let around = || config.workspace_of(host.folder());
        let workspace = workspace.or_else(around).ok_or_else(|| {
            let message = "a login of a role is set in a workspace, and none is around this folder";
            Failure::new(Kind::Usage, message).hint("name it: --workspace NAME")
        })?;
        Ok(Scope::WorkspaceRole(workspace.to_owned(), role.to_owned()))
    }

    /// The scope of an operator variable: everything, a role, a workspace, or
    /// a role in a workspace.
    ///
    /// # Errors
    /// The configuration knows no such name.
    pub(super) fn of_variable(&self, config: &Config) -> Result<Scope, Failure> {
        let workspace = self.known_workspace(config)?;
        Ok(match (workspace, self.known_role(config)?) {
            (_, None) => return self.of_workspace(config),
            (None, Some(role)) => Scope::Role(role.to_owned()),
            (Some(workspace), Some(role)) => {
                Scope::WorkspaceRole(workspace.to_owned(), role.to_owned())
            }
        })
    }

    /// The named workspace, else the one around the current folder, as a
    /// launch has it.
    ///
    /// # Errors
    /// The configuration knows no such workspace.
    pub(super) fn workspace_here<'a>(
        &self,
        config: &'a Config,
        host: &Host,
    ) -> Result<Option<&'a str>, Failure> {
        let named = self.known_workspace(config)?;
        Ok(named.or_else(|| config.workspace_of(host.folder())))
    }

    /// The named role.
    ///
    /// # Errors
    /// The configuration knows no such role.
    pub(super) fn known_role<'a>(&self, config: &'a Config) -> Result<Option<&'a str>, Failure> {
        let named = self.role.as_deref();
        named.map(|name| config.known_role(name)).transpose()
    }

    fn known_workspace<'a>(&self, config: &'a Config) -> Result<Option<&'a str>, Failure> {
        let named = self.workspace.as_deref();
        named.map(|name| config.known_workspace(name)).transpose()
    }

    fn of_workspace(&self, config: &Config) -> Result<Scope, Failure> {
        let named = self.known_workspace(config)?;
        Ok(named.map_or(Scope::Global, |name| Scope::Workspace(name.to_owned())))
    }
}

/// The narrowest container that a scope speaks about.
pub(super) fn cell_of(scope: &Scope) -> Cell<'_> {
    let (workspace, role) = match scope {
        Scope::Global => (None, None),
        Scope::Role(role) => (None, Some(role)),
        Scope::Workspace(workspace) => (Some(workspace), None),
        Scope::WorkspaceRole(workspace, role) => (Some(workspace), Some(role)),
    };
    Cell {
        workspace: workspace.map(String::as_str),
        role: role.map(String::as_str),
    }
}

/// A scope as it is shown: to people in words, to programs as a `workspace`
/// and a `role`, each of which may be null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownScope(pub(super) Scope);

impl fmt::Display for ShownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for ShownScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Cell { workspace, role } = cell_of(&self.0);
        let mut shown = serializer.serialize_struct("Scope", 2)?;
        shown.serialize_field("workspace", &workspace)?;
        shown.serialize_field("role", &role)?;
        shown.end()
    }
}

/// What a scope is said to hold for, after "for".
pub(super) fn reach_of(scope: &Scope) -> String {
    match scope {
        Scope::Global => "everything".to_owned(),
        scope => scope.to_string(),
    }
}
