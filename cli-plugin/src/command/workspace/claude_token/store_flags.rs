//! The flags that say where a token is kept.

use clap::Args;

use crate::token::life::Given;
use crate::token::store::{OpWish, WantedStore};

/// The flags that say where a token is kept, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where the token is kept")]
pub(super) struct StoreFlags {
    /// auto (the best that is there), 1password, helper:NAME (a
    /// docker-credential helper), secret-service, keychain, age (an encrypted
    /// file), or plain (in the configuration, in the clear).
    #[arg(long, value_name = "STORE")]
    store: Option<WantedStore>,
    /// The vault of 1Password.
    #[arg(long, value_name = "VAULT")]
    vault: Option<String>,
    /// The account of 1Password.
    #[arg(long, value_name = "ACCOUNT")]
    pub(super) account: Option<String>,
    /// The title of the new item of 1Password; digits that tell it from the
    /// one before are put behind it.
    #[arg(long, value_name = "TITLE", conflicts_with = "item")]
    item_name: Option<String>,
    /// An item of 1Password that is there; its field is edited in place.
    #[arg(long, value_name = "ITEM")]
    item: Option<String>,
    /// The field of that item.
    #[arg(long, value_name = "FIELD", requires = "item")]
    field: Option<String>,
}

impl StoreFlags {
    /// What is wanted. To say something about 1Password is to want it.
    pub(super) fn given(&self) -> Given {
        let op = OpWish {
            vault: self.vault.clone(),
            account: self.account.clone(),
            item_name: self.item_name.clone(),
            item: self.item.clone(),
            field: self.field.clone(),
        };
        let asks_for_it = op != OpWish::default();
        let store = match &self.store {
            None | Some(WantedStore::Auto) if asks_for_it => Some(WantedStore::Op),
            store => store.clone(),
        };
        Given { store, op }
    }

    /// Whether a user's own item is to be edited.
    pub(super) fn edits_an_item(&self) -> bool {
        self.item.is_some()
    }

    /// Whether there is any but the account, which a reference has, too.
    pub(super) fn names_a_store(&self) -> bool {
        let without_account = Self {
            account: None,
            ..self.clone()
        };
        without_account.store.is_some()
            || without_account.vault.is_some()
            || without_account.item_name.is_some()
            || without_account.item.is_some()
    }
}
