//! Finding items and fields by ID or by name, as the real one does.

use serde_json::Value;

use super::session::Session;
use super::state::{Item, State};
use super::{Trouble, said};

/// The items of these vaults that were not archived.
pub(crate) fn seen(state: &State, session: &Session, vault: Option<&Value>) -> Vec<Item> {
    let mut all = with_archive(state, session, vault);
    all.retain(|item| !item.archived);
    all
}

/// The same with the archive.
pub(crate) fn with_archive(state: &State, session: &Session, vault: Option<&Value>) -> Vec<Item> {
    let in_vault = |item: &Item, vault: &Value| {
        vault["id"] == item.vault() && vault["account"] == item.account.as_str()
    };
    let mut items = state.items();
    items.retain(|item| match vault {
        Some(vault) => in_vault(item, vault),
        None => session.vaults.iter().any(|vault| in_vault(item, vault)),
    });
    items
}

/// The one item of that ID, archived or not, or of that title.
pub(crate) fn find(
    state: &State,
    session: &Session,
    vault: Option<&Value>,
    wanted: &str,
) -> Result<Item, Trouble> {
    let all = with_archive(state, session, vault);
    if let Some(item) = all.iter().find(|item| item.id() == wanted) {
        return Ok(item.clone());
    }
    let seen = seen(state, session, vault).into_iter();
    let named: Vec<_> = seen.filter(|item| item.title() == wanted).collect();
    match &named[..] {
        [item] => Ok(item.clone()),
        [] => {
            let place = vault.map(|vault| format!(" in the {} vault", vault["name"]));
            let place = place.unwrap_or_default();
            said(format!(
                "\"{wanted}\" isn't an item{place}. Specify the item with its UUID, name, or domain."
            ))
        }
        several => {
            let lines = several.iter().map(|item| {
                format!(
                    "\n\t* for the item \"{}\" in vault {}: {}",
                    item.title(),
                    item.vault(),
                    item.id()
                )
            });
            let lines: String = lines.collect();
            said(format!(
                "More than one item matches \"{wanted}\". Try again and specify the item by its ID:{lines}"
            ))
        }
    }
}

/// The one field of that ID or label.
pub(crate) fn field<'a>(item: &'a Value, wanted: &str) -> Option<&'a Value> {
    let fields = item["fields"].as_array()?;
    let by_id = fields.iter().find(|field| field["id"] == wanted);
    by_id.or_else(|| fields.iter().find(|field| field["label"] == wanted))
}
