//! Whose vaults a call sees: the service account's before the named account's
//! before the one that was used last, as with the real one.

use serde_json::Value;

use super::arguments::Arguments;
use super::state::State;
use super::{Trouble, said};

/// What a call may see.
pub(crate) struct Session {
    /// The account's ID, or what stands for the service account.
    pub(crate) user: Value,
    /// The vaults, each with the `account` it lies in.
    pub(crate) vaults: Vec<Value>,
    /// Whether it is a service account.
    pub(crate) service: bool,
}

impl Session {
    /// The session of a call.
    pub(crate) fn of(state: &State, arguments: &Arguments) -> Result<Self, Trouble> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if variable("OP_CONNECT_HOST").is_some() && variable("OP_CONNECT_TOKEN").is_some() {
            return said("This command is not supported with a Connect server.");
        }
        if let Some(token) = variable("OP_SERVICE_ACCOUNT_TOKEN") {
            return Self::of_service(state, &token);
        }
        let accounts = state.accounts();
        let wanted = arguments
            .flag("account")
            .map(str::to_owned)
            .or(variable("OP_ACCOUNT"));
        let Some(first) = accounts.first() else {
            let words = "No accounts configured for use with 1Password CLI.";
            return Err(Trouble::Bare(words.to_owned()));
        };
        let account = match &wanted {
            None => first,
            Some(wanted) => {
                let names = ["url", "shorthand", "account_uuid", "user_uuid"];
                let bare = wanted.trim_start_matches("https://");
                let mut found = accounts
                    .iter()
                    .filter(|account| names.iter().any(|name| account[*name] == bare));
                match found.next() {
                    Some(account) => account,
                    None => return said("no account found for filter"),
                }
            }
        };
        Ok(Self {
            vaults: vaults_of(account),
            user: account.clone(),
            service: false,
        })
    }

    fn of_service(state: &State, token: &str) -> Result<Self, Trouble> {
        let service = state.service();
        if service["token"] != token {
            return said("failed to DecodeSACCredentials");
        }
        let accounts = state.accounts();
        let seen = service["vaults"].as_array().unwrap();
        let vaults = accounts.iter().flat_map(vaults_of);
        Ok(Self {
            vaults: vaults.filter(|vault| seen.contains(&vault["id"])).collect(),
            user: accounts.first().cloned().unwrap_or_default(),
            service: true,
        })
    }

    /// The one vault of that name or ID; the user's own when none is named.
    pub(crate) fn vault(&self, wanted: Option<&str>) -> Result<&Value, Trouble> {
        let Some(wanted) = wanted else {
            if self.service {
                return said(
                    "a vault query must be provided when this command is called by a service account. Please specify one either through the --vault flag or through piped input",
                );
            }
            return Ok(&self.vaults[0]);
        };
        let by_id = self.vaults.iter().find(|vault| vault["id"] == wanted);
        let named = |vault: &&Value| {
            let name = vault["name"].as_str().unwrap_or_default();
            name.eq_ignore_ascii_case(wanted)
        };
        let by_name: Vec<_> = self.vaults.iter().filter(named).collect();
        match (by_id, &by_name[..]) {
            (Some(vault), _) => Ok(vault),
            (None, [vault]) => Ok(vault),
            (None, []) => said(format!(
                "\"{wanted}\" isn't a vault in this account. Specify the vault with its ID or name."
            )),
            (None, _) => said(format!(
                "More than one vault matches \"{wanted}\". Try again and specify the vault by its ID:"
            )),
        }
    }
}

fn vaults_of(account: &Value) -> Vec<Value> {
    let vaults = account["vaults"].as_array().cloned().unwrap_or_default();
    let with_account = |mut vault: Value| {
        vault["account"] = account["account_uuid"].clone();
        vault
    };
    vaults.into_iter().map(with_account).collect()
}
