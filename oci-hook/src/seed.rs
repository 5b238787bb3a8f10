//! Merging a seed into a JSON file of the container's user, key by key.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::raw_object::RawObject;
use crate::rootfs::Rootfs;
use crate::spot::Spot;
use crate::trouble::Trouble;

/// Merges an object into the file at a place, as the container's user.
///
/// Objects are merged key by key and lists gain what they lack; anything else
/// takes the seed's value. What is already so is not written again.
pub fn plant(rootfs: &Rootfs, spot: &Spot, seed: &Map<String, Value>) -> Result<(), Trouble> {
    spot.edit(rootfs, |existing| {
        merge(existing, seed).map_err(|_| Trouble::NotJson)
    })
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
    let mut changed = false;
    let mut entries: Vec<(&str, Cow<'_, str>)> = Vec::new();
    for (key, value) in object.entries() {
        let merged = match seed.get(key) {
            Some(wanted) => merge_value(value, wanted)?,
            None => None,
        };
        changed |= merged.is_some();
        entries.push((key, merged.map_or(Cow::Borrowed(value.get()), Cow::Owned)));
    }
    for (key, wanted) in seed {
        if object.get(key).is_none() {
            changed = true;
            entries.push((key, Cow::Owned(wanted.to_string())));
        }
    }
    if !changed {
        return Ok(None);
    }
    let mut parts = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        parts.push(format!("{}: {value}", serde_json::to_string(key)?));
    }
    Ok(Some(format!("{{{}}}", parts.join(", "))))
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
}
