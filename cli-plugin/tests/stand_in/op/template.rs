//! A template: read whole, and checked as the real one checks it, and more.

use std::io::Read;

use serde_json::Value;

use super::{Trouble, said, surprise};

const CATEGORIES: [&str; 5] = [
    "API_CREDENTIAL",
    "SECURE_NOTE",
    "PASSWORD",
    "SERVER",
    "DATABASE",
];

const TYPES: [&str; 9] = [
    "STRING",
    "CONCEALED",
    "EMAIL",
    "URL",
    "DATE",
    "MONTH_YEAR",
    "PHONE",
    "OTP",
    "MENU",
];

/// What an item has; the rest of what it is shown with is of the server's.
const KEYS: [&str; 14] = [
    "title",
    "category",
    "tags",
    "fields",
    "sections",
    "urls",
    "vault",
    "id",
    "version",
    "created_at",
    "updated_at",
    "last_edited_by",
    "favorite",
    "additional_information",
];

const FIELD_KEYS: [&str; 9] = [
    "id",
    "type",
    "purpose",
    "label",
    "value",
    "section",
    "reference",
    "options",
    "entropy",
];

/// The template on standard input; its concealed values go into `secret`.
pub(crate) fn read(wanted: bool, secret: &mut String) -> Result<Value, Trouble> {
    if !wanted {
        return Ok(Value::Null);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let Ok(template) = serde_json::from_str::<Value>(&text) else {
        return said("unable to process line 1: invalid JSON in piped input");
    };
    let fields = template["fields"].as_array().cloned().unwrap_or_default();
    for field in fields.iter().filter(|field| field["type"] == "CONCEALED") {
        secret.push_str(field["value"].as_str().unwrap_or_default());
    }
    check(&template, &fields)?;
    Ok(template)
}

fn check(template: &Value, fields: &[Value]) -> Result<(), Trouble> {
    let known = |object: &Value, keys: &[&str]| {
        let object = object.as_object();
        object.is_some_and(|object| object.keys().all(|key| keys.contains(&key.as_str())))
    };
    if !known(template, &KEYS) || !fields.iter().all(|field| known(field, &FIELD_KEYS)) {
        return surprise("the template has a key that no item has");
    }
    let category = template["category"].as_str().unwrap_or_default();
    if !CATEGORIES.contains(&category) {
        return surprise(format!(
            "category {category} cannot be written by a template"
        ));
    }
    if template["title"].as_str().is_none_or(str::is_empty) {
        return surprise("no title");
    }
    let tags = template["tags"].as_array().cloned().unwrap_or_default();
    let is_tag = |tag: &Value| {
        let tag = tag.as_str().unwrap_or(",");
        !tag.trim().is_empty()
            && tag.trim() == tag
            && !tag.contains([',', '\n'])
            && tag.split('/').all(|part| !part.is_empty())
    };
    if !tags.iter().all(is_tag) {
        return surprise(format!("tags {tags:?}"));
    }
    let mut ids = Vec::new();
    for field in fields {
        let (id, kind) = (field["id"].as_str(), field["type"].as_str());
        let (Some(id), Some(kind)) = (id, kind) else {
            return surprise("a field without id or type");
        };
        if !TYPES.contains(&kind) || ids.contains(&id) || id.is_empty() {
            return said(format!(
                "Validation: (validateVaultItem failed to Validate), Couldn't validate the item: \"[ItemValidator] has found 1 errors: {id}\""
            ));
        }
        ids.push(id);
    }
    Ok(())
}
