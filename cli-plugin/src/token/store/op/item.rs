//! An item of the user's own that the token is to go into, and the field in it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::FIELD;
use super::call::{Call, Op, failure, unreadable};
use super::vault::Vault;
use crate::failure::{Failure, Kind};
use crate::source::{OpTrouble, why_op_does_not};

/// What can be written whole without losing anything: a login may have a
/// passkey, which `op` leaves out and an edit removes, and the key of an SSH
/// key or the content of a document is no field.
const EDITABLE: [&str; 5] = [
    "API_CREDENTIAL",
    "PASSWORD",
    "SECURE_NOTE",
    "SERVER",
    "DATABASE",
];

/// How many characters an ID of 1Password's has, in lower case for items.
const ID_LENGTH: usize = 26;

/// An item that is edited.
#[derive(Debug)]
pub(super) struct Adopted {
    /// Its ID.
    pub(super) id: String,
    /// Its title, for people.
    pub(super) title: String,
    /// The field that the token goes into.
    pub(super) field: Field,
}

/// A field that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Its ID.
    pub(super) id: String,
    /// The same behind its section's, as references have it.
    pub(super) path: String,
}

/// An item, less its values.
#[derive(Deserialize)]
pub(super) struct Shown {
    pub(super) id: String,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    state: Option<String>,
    vault: Vault,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    fields: Vec<ShownField>,
    #[serde(default)]
    files: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct ShownField {
    id: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    section: Option<Section>,
}

#[derive(Deserialize)]
struct Section {
    id: String,
}

impl ShownField {
    fn path(&self) -> String {
        match &self.section {
            Some(section) => format!("{}/{}", section.id, self.id),
            None => self.id.clone(),
        }
    }
}

/// Finds the item that a user names by ID or title, and its field.
pub(super) fn find(
    op: &Op,
    wanted: &str,
    vault: Option<&Vault>,
    field: Option<&str>,
) -> Result<(Adopted, Vault), Failure> {
    let what = format!("find item {wanted}");
    let in_vault = vault.map(|vault| format!("--vault={}", vault.id));
    let arguments = ["item", "get", wanted, "--format=json"].into_iter();
    let call = Call::new(arguments.chain(in_vault.as_deref()));
    let answer = op
        .run_in_account(&call)
        .map_err(|error| failure(&what, &error.into()))?;
    if !answer.status.success() {
        let trouble = why_op_does_not(&answer, wanted);
        let mut failure = failure(&what, &trouble);
        if matches!(trouble, crate::source::Trouble::Op(OpTrouble::Ambiguous)) {
            failure.hints.clear();
            for id in ids(&answer.complaint) {
                failure = failure.hint(format!("--item={id}"));
            }
        }
        return Err(failure);
    }
    let item: Shown = serde_json::from_slice(&answer.output).map_err(|_| unreadable(&what))?;
    require_editable(&item)?;
    let field = choose_field(&item, field.unwrap_or(FIELD))?;
    let adopted = Adopted {
        title: words(&item.title),
        id: item.id,
        field,
    };
    Ok((adopted, item.vault))
}

/// The IDs in a list that `op` shows, which stand at the ends of its lines.
fn ids(complaint: &[u8]) -> Vec<String> {
    let said = String::from_utf8_lossy(complaint);
    let last = said
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    let is_id = |word: &&str| {
        word.len() == ID_LENGTH
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    last.filter(is_id).map(str::to_owned).take(10).collect()
}

fn require_editable(item: &Shown) -> Result<(), Failure> {
    let refuse = |why: &str| {
        let message = format!(
            "item {} of 1Password cannot hold the token: {why}",
            words(&item.title)
        );
        let hint = "leave `--item` away: a new item is made then, and yours stays as it is";
        Err(Failure::new(Kind::Configuration, message).hint(hint))
    };
    if item.state.as_deref() == Some("ARCHIVED") {
        return refuse("it is archived");
    }
    if !item.files.is_empty() {
        return refuse("an edit could lose the files that are attached to it");
    }
    if !EDITABLE.contains(&&*item.category) {
        let category = words(&item.category);
        return refuse(&format!(
            "an edit could lose what an item of the category {category} holds beside its fields"
        ));
    }
    Ok(())
}

/// The field with this ID, section and ID, or label.
fn choose_field(item: &Shown, wanted: &str) -> Result<Field, Failure> {
    let fields = item.fields.iter();
    let by_id: Vec<_> = fields
        .clone()
        .filter(|field| field.id == wanted || field.path() == wanted)
        .collect();
    let found = if by_id.is_empty() {
        fields
            .filter(|field| field.label.eq_ignore_ascii_case(wanted))
            .collect()
    } else {
        by_id
    };
    let title = words(&item.title);
    let refuse = |why: String, candidates: &[&ShownField]| {
        let mut failure = Failure::new(Kind::Configuration, why);
        for field in candidates
            .iter()
            .filter(|field| field.kind == "CONCEALED")
            .take(10)
        {
            failure = failure.hint(format!("--field={}: {}", field.path(), words(&field.label)));
        }
        Err(failure)
    };
    let all: Vec<_> = item.fields.iter().collect();
    match &found[..] {
        [field] if field.kind == "CONCEALED" => Ok(Field {
            id: field.id.clone(),
            path: field.path(),
        }),
        [_] => refuse(
            format!(
                "the field {wanted} of item {title} is no concealed one, and would show the token"
            ),
            &all,
        ),
        [] => refuse(
            format!("item {title} of 1Password has no field {wanted}"),
            &all,
        ),
        several => refuse(
            format!("item {title} of 1Password has several fields {wanted}"),
            several,
        ),
    }
}

/// What may be shown of a name of anybody's making.
fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
