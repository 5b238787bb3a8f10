//! A value as it stands in the file.

use secrecy::ExposeSecret;
use toml_edit::{InlineTable, Value};

use crate::config::Written;

/// The TOML of a value, which the reader reads as the same.
pub fn to_toml(written: &Written) -> Value {
    match written {
        Written::Text(text) => text.expose_secret().into(),
        Written::Op { reference, account } => {
            let mut table = InlineTable::new();
            table.insert("op", reference.as_str().into());
            if let Some(account) = account {
                table.insert("account", account.as_str().into());
            }
            Value::InlineTable(table)
        }
        Written::Command(words) => {
            let mut table = InlineTable::new();
            table.insert("cmd", words.iter().collect());
            Value::InlineTable(table)
        }
    }
}
