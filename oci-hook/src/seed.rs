//! Merging a seed into a JSON file of the container's user, key by key.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::raw_object::RawObject;
use crate::rootfs::Rootfs;
use crate::spot::Spot;
use crate::trouble::Trouble;

/// The most values that a file may have which a seed is merged into. Each costs
/// many times its length while that is done: [`crate::hook`] limits the whole.
const MAX_VALUES: usize = 2 << 20;

/// Merges an object into the file at a place, as the container's user.
///
/// Objects are merged key by key and lists gain what they lack; anything else
/// takes the seed's value. What is already so is not written again.
pub fn plant(rootfs: &Rootfs, spot: &Spot, seed: &Map<String, Value>) -> Result<(), Trouble> {
    spot.edit(rootfs, |existing| {
        refuse_too_many(existing)?;
        merge(existing, seed).map_err(|_| Trouble::NotJson)
    })
}

/// By its commas: of values that stand side by side there is one more.
fn refuse_too_many(text: &str) -> Result<(), Trouble> {
    if text.bytes().filter(|byte| *byte == b',').count() < MAX_VALUES {
        return Ok(());
    }
    Err(Trouble::TooMany(MAX_VALUES))
}

/// Takes list items that a former seed planted out of the file at a place, as
/// the container's user; everything else stays.
///
/// A file that is gone, or no JSON object that a seed could be merged into any
/// more, has none of them.
pub fn retract(rootfs: &Rootfs, spot: &Spot, surplus: &Map<String, Value>) -> Result<(), Trouble> {
    let retracted = spot.edit(rootfs, |existing| {
        refuse_too_many(existing)?;
        let object = serde_json::from_str::<RawObject>(existing);
        Ok(object
            .and_then(|object| without(&object, surplus))
            .unwrap_or_default())
    });
    match retracted {
        Err(Trouble::NotText | Trouble::TooLarge(_) | Trouble::TooMany(_)) => Ok(()),
        other => other,
    }
}

/// The list items of a former seed that the one that is wanted now lacks, each
/// below its keys. Keys and what is in no list are no one's to take back: the
/// agent may have come to rely on them.
pub fn surplus(former: &Map<String, Value>, wanted: &Map<String, Value>) -> Map<String, Value> {
    let mut left = Map::new();
    for (key, value) in former {
        let wanted = wanted.get(key);
        let value = match value {
            Value::Array(items) => {
                let wanted = wanted
                    .and_then(Value::as_array)
                    .map_or(&[][..], Vec::as_slice);
                let items = items.iter().filter(|item| !wanted.contains(item));
                Value::Array(items.cloned().collect())
            }
            Value::Object(former) => {
                let nothing = Map::new();
                let wanted = wanted.and_then(Value::as_object).unwrap_or(&nothing);
                Value::Object(surplus(former, wanted))
            }
            _ => continue,
        };
        let empty = value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty);
        if !empty {
            left.insert(key.clone(), value);
        }
    }
    left
}

/// A JSON object without the list items of a surplus; `None` when it has none
/// of them.
fn without(
    object: &RawObject<'_>,
    surplus: &Map<String, Value>,
) -> serde_json::Result<Option<String>> {
    let (entries, changed) = rewritten(object, |key, value| {
        without_value(value, surplus.get(key).unwrap_or(&Value::Null))
    })?;
    changed.then(|| joined(&entries)).transpose()
}

fn without_value(existing: &RawValue, surplus: &Value) -> serde_json::Result<Option<String>> {
    match surplus {
        Value::Object(surplus) => {
            let object = serde_json::from_str::<RawObject>(existing.get());
            object.map_or(Ok(None), |object| without(&object, surplus))
        }
        Value::Array(surplus) => {
            let items = serde_json::from_str::<Vec<&RawValue>>(existing.get());
            items.map_or(Ok(None), |items| without_items(&items, surplus))
        }
        _ => Ok(None),
    }
}

fn without_items(present: &[&RawValue], items: &[Value]) -> serde_json::Result<Option<String>> {
    let mut kept = Vec::with_capacity(present.len());
    for item in present {
        if !items.contains(&serde_json::from_str(item.get())?) {
            kept.push(item.get());
        }
    }
    let changed = kept.len() < present.len();
    Ok(changed.then(|| format!("[{}]", kept.join(", "))))
}

/// Merges a seed into a JSON text; `None` when nothing changes.
fn merge(existing: &str, seed: &Map<String, Value>) -> serde_json::Result<Option<String>> {
    let existing = if existing.trim().is_empty() {
        "{}"
    } else {
        existing
    };
    let object: RawObject = serde_json::from_str(existing)?;
    merge_object(&object, seed)
}

fn merge_object(
    object: &RawObject<'_>,
    seed: &Map<String, Value>,
) -> serde_json::Result<Option<String>> {
    let (mut entries, mut changed) = rewritten(object, |key, value| match seed.get(key) {
        Some(wanted) => merge_value(value, wanted),
        None => Ok(None),
    })?;
    for (key, wanted) in seed {
        if object.get(key).is_none() {
            changed = true;
            entries.push((key, Cow::Owned(wanted.to_string())));
        }
    }
    changed.then(|| joined(&entries)).transpose()
}

/// Keys and the JSON text of their values.
type Entries<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The entries of an object, each with a new value where `rewrite` has one,
/// and whether there is any such.
fn rewritten<'a>(
    object: &'a RawObject<'_>,
    rewrite: impl Fn(&str, &RawValue) -> serde_json::Result<Option<String>>,
) -> serde_json::Result<(Entries<'a>, bool)> {
    let mut changed = false;
    let mut entries = Entries::new();
    for (key, value) in object.entries() {
        let new = rewrite(key, value)?;
        changed |= new.is_some();
        entries.push((key, new.map_or(Cow::Borrowed(value.get()), Cow::Owned)));
    }
    Ok((entries, changed))
}

fn joined(entries: &Entries<'_>) -> serde_json::Result<String> {
    let mut parts = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        parts.push(format!("{}: {value}", serde_json::to_string(key)?));
    }
    Ok(format!("{{{}}}", parts.join(", ")))
}

fn merge_value(existing: &RawValue, wanted: &Value) -> serde_json::Result<Option<String>> {
    match wanted {
        Value::Object(seed) => {
            if let Ok(object) = serde_json::from_str::<RawObject>(existing.get()) {
                return merge_object(&object, seed);
            }
        }
        Value::Array(seed) => {
            if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(existing.get()) {
                return merge_list(&items, seed);
            }
        }
        scalar => {
            if serde_json::from_str::<Value>(existing.get())? == *scalar {
                return Ok(None);
            }
        }
    }
    Ok(Some(wanted.to_string()))
}

fn merge_list(items: &[&RawValue], seed: &[Value]) -> serde_json::Result<Option<String>> {
    let mut present = Vec::with_capacity(items.len());
    for item in items {
        present.push(serde_json::from_str::<Value>(item.get())?);
    }
    let missing: Vec<String> = seed
        .iter()
        .filter(|wanted| !present.contains(wanted))
        .map(Value::to_string)
        .collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let kept = items.iter().map(|item| item.get().to_owned());
    let all: Vec<String> = kept.chain(missing).collect();
    Ok(Some(format!("[{}]", all.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(existing: &str, seed: Value) -> Option<String> {
        let Value::Object(seed) = seed else {
            unreachable!("a seed is an object")
        };
        merge(existing, &seed).unwrap()
    }

    #[test]
    fn scenario_39_the_keys_that_are_there_keep_their_bytes() {
        let existing = r#"{"numStartups": 1.50, "projects":{"/w":{"x":1e2}},"tips": [1]}"#;
        let merged = merged(
            existing,
            serde_json::json!({"hasCompletedOnboarding": true, "tips": [1, "a"], "projects": {"/w": {"y": null}}}),
        );
        assert_eq!(
            merged.unwrap(),
            r#"{"numStartups": 1.50, "projects": {"/w": {"x": 1e2, "y": null}}, "tips": [1, "a"], "hasCompletedOnboarding": true}"#
        );
    }

    #[test]
    fn what_is_already_so_is_not_written_again() {
        let seed = serde_json::json!({"a": true, "b": [1], "c": {"d": "e"}});
        assert_eq!(
            merged(r#"{"c":{"d":"e","f":0},"b":[2,1],"a":true}"#, seed),
            None
        );
    }

    #[test]
    fn an_empty_file_counts_as_an_empty_object_and_anything_else_is_refused() {
        let seed = serde_json::json!({"a": 1});
        assert_eq!(merged(" \n", seed.clone()).unwrap(), r#"{"a": 1}"#);
        let Value::Object(seed) = seed else {
            unreachable!("a seed is an object")
        };
        for text in ["[]", "null", "{", "{} {}", "\"x\""] {
            assert!(merge(text, &seed).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_all_commas_is_refused_before_it_is_read() {
        let list = |values: usize| format!("[{}0]", "0,".repeat(values - 1));
        assert!(refuse_too_many(&list(MAX_VALUES)).is_ok());
        let refused = refuse_too_many(&list(MAX_VALUES + 1)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "holds more than 2097152 values; remove it"
        );
    }

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => unreachable!("{other} is no object"),
        }
    }

    #[test]
    fn scenario_32_only_list_items_that_are_wanted_no_more_are_surplus() {
        let former = object(serde_json::json!({
            "seen": true,
            "keys": {"approved": ["old", "both"], "denied": [], "name": "x"},
            "tips": [1, {"a": 2}],
            "gone": {"deep": {"list": [null]}},
        }));
        let wanted = object(serde_json::json!({
            "keys": {"approved": ["new", "both"]}, "tips": [{"a": 2}, 1], "gone": "now a text",
        }));
        assert_eq!(
            surplus(&former, &wanted),
            object(serde_json::json!({
                "keys": {"approved": ["old"]}, "gone": {"deep": {"list": [null]}},
            }))
        );
        assert_eq!(surplus(&former, &former), Map::new());
    }

    #[test]
    fn scenario_32_what_is_surplus_goes_and_the_rest_keeps_its_bytes() {
        let surplus = object(serde_json::json!({"keys": {"approved": ["old"]}, "tips": [1]}));
        let taken = |existing: &str| {
            let object = serde_json::from_str(existing).unwrap();
            without(&object, &surplus).unwrap()
        };
        let existing =
            r#"{"n": 1.50, "keys":{"approved":["mine","old", 1e2],"denied":["old"]},"tips": [1]}"#;
        assert_eq!(
            taken(existing).unwrap(),
            r#"{"n": 1.50, "keys": {"approved": ["mine", 1e2], "denied": ["old"]}, "tips": []}"#
        );
        for untouched in [
            r#"{"keys":{"approved":["mine"]}}"#,
            r#"{"keys":["old"],"tips":{"1":1}}"#,
            r#"{"keys":{"approved":"old"},"tips":1}"#,
            "{}",
        ] {
            assert_eq!(taken(untouched), None, "{untouched}");
        }
    }
}
