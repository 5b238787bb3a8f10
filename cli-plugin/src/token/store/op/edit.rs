//! Changing one field of an item of the user's, and nothing else.
//!
//! Whether `op` merges what it is given into the item or replaces the item by
//! it depends on whom one asks; so it is given the whole item as it was, byte
//! for byte, with one value changed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jackin_oci_hook::ticket::to_wiped_json;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::call::{Call, Op, Raw, WITH_A_USER, failure, unreadable};
use super::item::{Adopted, Field};
use super::template::require_kept;
use super::vault::Vault;
use crate::failure::{Failure, Kind};
use crate::token::ClaudeToken;

/// The longest item, in bytes: it goes into a pipe in one write.
const LARGEST: usize = 60 << 10;

/// An object of JSON with its values as they were written.
type Object<'a> = BTreeMap<Cow<'a, str>, Raw<'a>>;

/// Puts the token into the field.
pub(super) fn put(
    op: &Op,
    vault: &Vault,
    adopted: &Adopted,
    token: &ClaudeToken,
) -> Result<(), Failure> {
    let what = format!("keep the token in item {} of 1Password", adopted.title);
    let in_vault = format!("--vault={}", vault.id);
    let get = [
        "item",
        "get",
        &adopted.id,
        "--reveal",
        "--format=json",
        &in_vault,
    ];
    let whole = op.ask(&Call::new(get), &what)?;
    let value = to_wiped_json(&token.secret().expose_secret()).map_err(|_| unreadable(&what))?;
    let edited =
        with_value(&whole.output, &adopted.field, &value).ok_or_else(|| unreadable(&what))?;
    if edited.len() > LARGEST {
        let message = format!("failed to {what}: it is larger than {LARGEST} bytes");
        return Err(Failure::new(Kind::Configuration, message));
    }
    let call = Call {
        // Without a `-`, which some versions take for a change to be made.
        arguments: vec!["item", "edit", &adopted.id, "--format=json", &in_vault],
        input: Some(&edited),
        limit: WITH_A_USER,
    };
    let answer = op
        .attempt(&call)
        .map_err(|trouble| failure(&what, &trouble))?;
    let shown = field_in(&answer.output, &adopted.field).ok_or_else(|| unreadable(&what))?;
    require_kept(shown.get("value").copied(), token, &what)
}

/// The item with another value in one field; `None` if it is none, or has not
/// exactly one such field.
fn with_value(item: &[u8], field: &Field, value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(item).ok()?.trim();
    let object: Object<'_> = serde_json::from_str(text).ok()?;
    let fields = *object.get("fields")?;
    let all: Vec<Raw<'_>> = serde_json::from_str(fields.get()).ok()?;
    // All the room at once: growing would leave copies behind.
    let mut edited = Zeroizing::new(Vec::with_capacity(text.len() + value.len() + 16));
    let start = place_of(fields.get(), text)?;
    edited.extend_from_slice(&text.as_bytes()[..start]);
    let mut found = 0;
    let mut separator: &[u8] = b"[";
    for one in all {
        let object: Object<'_> = serde_json::from_str(one.get()).ok()?;
        if is_empty_note(&object) {
            continue;
        }
        edited.extend_from_slice(separator);
        separator = b",";
        if is(&object, field) {
            found += 1;
            push_with_value(&mut edited, one.get(), &object, value)?;
        } else {
            edited.extend_from_slice(one.get().as_bytes());
        }
    }
    edited.push(b']');
    edited.extend_from_slice(&text.as_bytes()[start + fields.get().len()..]);
    (found == 1).then_some(edited)
}

fn push_with_value(
    edited: &mut Vec<u8>,
    field: &str,
    object: &Object<'_>,
    value: &[u8],
) -> Option<()> {
    let bytes = field.as_bytes();
    if let Some(old) = object.get("value") {
        let start = place_of(old.get(), field)?;
        edited.extend_from_slice(&bytes[..start]);
        edited.extend_from_slice(value);
        edited.extend_from_slice(&bytes[start + old.get().len()..]);
    } else {
        edited.extend_from_slice(b"{\"value\":");
        edited.extend_from_slice(value);
        edited.push(b',');
        edited.extend_from_slice(bytes.strip_prefix(b"{")?);
    }
    Some(())
}

/// Where a part of a text begins in it.
fn place_of(part: &str, text: &str) -> Option<usize> {
    let place = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    (place + part.len() <= text.len()).then_some(place)
}

/// Notes without a value: every item has them, and one that is sent back empty
/// is added anew by some versions.
fn is_empty_note(field: &Object<'_>) -> bool {
    text_of(field, "purpose").as_deref() == Some("NOTES") && !field.contains_key("value")
}

fn is(object: &Object<'_>, field: &Field) -> bool {
    let section = object.get("section");
    let section =
        section.and_then(|section| serde_json::from_str::<Object<'_>>(section.get()).ok());
    let section = section.and_then(|section| text_of(&section, "id"));
    let Some(id) = text_of(object, "id") else {
        return false;
    };
    let path = match section {
        Some(section) => format!("{section}/{id}"),
        None => id.clone().into_owned(),
    };
    id == field.id && path == field.path
}

fn text_of<'a>(object: &Object<'a>, key: &str) -> Option<Cow<'a, str>> {
    serde_json::from_str(object.get(key)?.get()).ok()
}

/// The field in an answer.
fn field_in<'a>(item: &'a [u8], field: &Field) -> Option<Object<'a>> {
    let object: Object<'a> = serde_json::from_slice(item).ok()?;
    let all: Vec<Object<'a>> = serde_json::from_str(object.get("fields")?.get()).ok()?;
    all.into_iter().find(|object| is(object, field))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn field() -> Field {
        Field {
            id: "it".to_owned(),
            path: "it".to_owned(),
        }
    }

    /// Any JSON that a field or an item might have.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
            let object = prop::collection::btree_map(".{0,6}", inner, 0..4);
            prop_oneof![list, object.prop_map(|map| json!(map))]
        })
    }

    proptest! {
        #[test]
        fn scenario_64_all_but_the_one_value_stays_as_it_was(
            more in anything(),
            others in prop::collection::vec(anything(), 0..4),
            old in prop::option::of(anything()),
            at in 0..4_usize,
            pretty in any::<bool>(),
        ) {
            let other = |more: &Value| json!({ "id": "other", "value": more, "odd": "it" });
            let mut fields: Vec<_> = others.iter().map(other).collect();
            let mut it = json!({ "id": "it", "type": "CONCEALED", "more": more });
            if let Some(old) = old {
                it["value"] = old;
            }
            let at = at.min(fields.len());
            fields.insert(at, it);
            let item = json!({ "title": more, "fields": fields, "tags": others, "z": { "fields": [] } });
            let text = if pretty { format!("{item:#}\n") } else { item.to_string() };
            let edited = with_value(text.as_bytes(), &field(), b"\"new\"").unwrap();
            let edited: Value = serde_json::from_slice(&edited).unwrap();
            let mut expected = item;
            expected["fields"][at]["value"] = json!("new");
            prop_assert_eq!(edited, expected);
        }
    }

    #[test]
    fn scenario_64_what_has_no_such_field_or_two_of_them_is_not_edited() {
        for fields in [
            json!([]),
            json!([{ "id": "it", "section": { "id": "s" } }]),
            json!([{ "id": "it" }, { "id": "it" }]),
            json!([{ "label": "it" }]),
            json!("it"),
        ] {
            let item = json!({ "fields": fields }).to_string();
            let edited = with_value(item.as_bytes(), &field(), b"1");
            assert!(edited.is_none(), "{item}");
        }
        assert!(with_value(b"[]", &field(), b"1").is_none());
        assert!(with_value(b"\xff", &field(), b"1").is_none());
    }
}
