//! The forms that jackin's files have had, and how they are told apart.

use super::node::Table;

/// The newest versions that are known here.
const NEWEST_CONFIG: u32 = 13;
const NEWEST_WORKSPACE: u32 = 11;

/// The first versions with accounts in the place of modes.
const ACCOUNTS_IN_CONFIG: u32 = 10;
const ACCOUNTS_IN_WORKSPACE: u32 = 9;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Roles are called agents, and all stands in one file.
    Agents,
    /// Roles, modes of logins, perhaps with the workspaces in the same file.
    Modes,
    /// Accounts in the place of modes.
    Accounts,
}

impl Format {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agents => "with roles called agents",
            Self::Modes => "with auth_forward",
            Self::Accounts => "with accounts",
        }
    }

    /// Of the file for all.
    pub(super) fn of_config(version: Option<u32>, table: &Table) -> Self {
        let accounts = table.has("accounts") || table.has("account_bindings");
        if accounts || version.is_some_and(|version| version >= ACCOUNTS_IN_CONFIG) {
            Self::Accounts
        } else if table.has("agents") && !table.has("roles") {
            Self::Agents
        } else {
            Self::Modes
        }
    }

    /// Of a workspace, in a file of its own or in the one for all.
    pub(super) fn of_workspace(version: Option<u32>, table: &Table) -> Self {
        let accounts = table.has("accounts") || table.has("account_bindings");
        if accounts || version.is_some_and(|version| version >= ACCOUNTS_IN_WORKSPACE) {
            Self::Accounts
        } else if table.has("allowed_agents") || table.has("last_agent") {
            Self::Agents
        } else {
            Self::Modes
        }
    }
}

/// The number in `v1alpha7`.
pub(super) fn number(version: &str) -> Option<u32> {
    version.strip_prefix("v1alpha")?.parse().ok()
}

/// Whether a version is none of those that are known here.
pub(super) fn is_unknown(version: &str, workspace: bool) -> bool {
    let newest = if workspace {
        NEWEST_WORKSPACE
    } else {
        NEWEST_CONFIG
    };
    number(version).is_none_or(|number| number == 0 || number > newest)
}
