//! `[accounts.<id>]`: a login with a name, which workspaces are allowed.

use super::EnvValue;
use super::node::{Reader, Table};

/// An account.
#[derive(Debug)]
pub struct Account {
    /// Whose: `anthropic`, `openai` and so on.
    pub provider: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// What it consists of.
    pub credential: Credential,
    /// Where its key is sent, in the place of the provider's own address.
    pub base_url: bool,
}

/// What an account consists of.
#[derive(Debug)]
pub enum Credential {
    /// A login of an agent, in a folder of the host.
    Profile {
        /// The agent's word.
        agent: String,
        /// The folder.
        folder: String,
    },
    /// An API key.
    ApiKey(EnvValue),
    /// A long-lived token of Claude's.
    OauthToken(EnvValue),
    /// None that is known here.
    Unknown,
}

impl Account {
    pub(super) fn read(reader: &mut Reader, table: &mut Table) -> Self {
        let mut credential = reader.table(table, "credential").unwrap_or_default();
        Self {
            provider: reader.text(table, "provider").unwrap_or_default(),
            enabled: reader.switch(table, "enabled").unwrap_or(true),
            base_url: credential.take("base_url").is_some(),
            credential: Credential::read(reader, &mut credential),
        }
    }
}

impl Credential {
    fn read(reader: &mut Reader, table: &mut Table) -> Self {
        let kind = reader.text(table, "type").unwrap_or_default();
        let agent = reader.text(table, "agent");
        let folder = reader.text(table, "directory");
        let value = table.take("value");
        let value = value.and_then(|node| EnvValue::read(reader, "value", node));
        match (kind.as_str(), value, agent, folder) {
            ("profile", _, Some(agent), Some(folder)) => Self::Profile { agent, folder },
            ("api_key", Some(value), ..) => Self::ApiKey(value),
            ("oauth_token" | "o_auth_token", Some(value), ..) => Self::OauthToken(value),
            _ => Self::Unknown,
        }
    }
}
