//! Whose a token is: a workspace's, or a role's in a workspace.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::auth::scope::Scope;
use crate::config::{AgentBlock, Config};
use crate::failure::Failure;

/// The scope that a token is wired in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenScope {
    /// The workspace.
    pub workspace: String,
    /// The role in it; `None` for all its roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

impl TokenScope {
    /// The scope that a command names.
    ///
    /// # Errors
    /// The configuration knows no such workspace, or no such role.
    pub fn known(config: &Config, workspace: &str, role: Option<&str>) -> Result<Self, Failure> {
        let workspace = config.known_workspace(workspace)?.to_owned();
        let role = role.map(|role| config.known_role(role)).transpose()?;
        Ok(Self {
            workspace,
            role: role.map(str::to_owned),
        })
    }

    /// The scope of the configuration that speaks about it; `None` for one that
    /// has no tokens of its own.
    pub fn of(scope: &Scope) -> Option<Self> {
        match scope {
            Scope::Workspace(workspace) => Some(Self {
                workspace: workspace.clone(),
                role: None,
            }),
            Scope::WorkspaceRole(workspace, role) => Some(Self {
                workspace: workspace.clone(),
                role: Some(role.clone()),
            }),
            Scope::Global | Scope::Role(_) => None,
        }
    }

    /// The same scope, as the configuration has it.
    pub fn scope(&self) -> Scope {
        match &self.role {
            None => Scope::Workspace(self.workspace.clone()),
            Some(role) => Scope::WorkspaceRole(self.workspace.clone(), role.clone()),
        }
    }

    /// What the configuration says about Claude in exactly this scope.
    pub fn block<'a>(&self, config: &'a Config) -> Option<&'a AgentBlock> {
        let workspace = config.workspaces.get(&self.workspace)?;
        let blocks = match &self.role {
            None => &workspace.agents,
            Some(role) => &workspace.roles.get(role)?.agents,
        };
        blocks.get(&Agent::Claude)
    }

    /// How commands name it: `my-app`, or `my-app --role web`.
    pub fn words(&self) -> String {
        let workspace = shell_words::quote(&self.workspace);
        match &self.role {
            None => workspace.into_owned(),
            Some(role) => format!("{workspace} --role {}", shell_words::quote(role)),
        }
    }

    /// A name for it that is one for no other scope, of ASCII letters, digits
    /// and `._-%+` only.
    pub fn file_stem(&self) -> String {
        let role = self
            .role
            .as_deref()
            .map(|role| format!("+{}", encoded(role)));
        encoded(&self.workspace) + &role.unwrap_or_default()
    }
}

/// Percent-encoding of all that a file's name had better not have; a dot at
/// the beginning, too.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for (place, byte) in name.bytes().enumerate() {
        let plain =
            byte.is_ascii_alphanumeric() || b"_-".contains(&byte) || (byte == b'.' && place > 0);
        if plain {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// As the configuration's scopes are shown.
impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(workspace: &str, role: Option<&str>) -> TokenScope {
        TokenScope {
            workspace: workspace.to_owned(),
            role: role.map(str::to_owned),
        }
    }

    #[test]
    fn scenario_67_every_scope_has_a_file_of_its_own() {
        for (scope, stem) in [
            (scope("my-app", None), "my-app"),
            (scope("my-app", Some("web")), "my-app+web"),
            (scope("my-app+web", None), "my-app%2Bweb"),
            (scope("..", Some("a/b")), "%2E.+a%2Fb"),
            (scope("50%", Some("é")), "50%25+%C3%A9"),
        ] {
            assert_eq!(scope.file_stem(), stem);
        }
    }

    #[test]
    fn it_is_named_as_commands_and_configuration_name_it() {
        let role = scope("my app", Some("web"));
        assert_eq!(role.words(), "'my app' --role web");
        assert_eq!(role.to_string(), "workspace my app × role web");
        assert_eq!(TokenScope::of(&role.scope()), Some(role));
        assert_eq!(TokenScope::of(&Scope::Global), None);
    }
}
