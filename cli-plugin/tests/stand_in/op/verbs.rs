//! What each verb does.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::behaviour::Behaviour;
use super::session::Session;
use super::state::{Item, State};
use super::{Trouble, items, said};

/// The fields that the category has in any case: id, type, purpose.
const BUILT_IN: [(&str, &str, &str); 4] = [
    ("notesPlain", "STRING", "NOTES"),
    ("username", "STRING", ""),
    ("credential", "CONCEALED", ""),
    ("hostname", "STRING", ""),
];

/// Does it, and gives what is printed.
pub(crate) fn run(
    state: &State,
    arguments: &Arguments,
    behaviour: &Behaviour,
    template: Value,
) -> Result<String, Trouble> {
    let printed = match arguments.verb {
        "--version" if behaviour.is("old") => return Ok("2.29.0\n".to_owned()),
        "--version" => return Ok("2.34.1\n".to_owned()),
        "account list" => accounts(state),
        verb => {
            let session = Session::of(state, arguments)?;
            let call = Call {
                state,
                arguments,
                behaviour,
                session,
            };
            match verb {
                "whoami" => call.whoami(),
                "vault list" => call.vaults(),
                "item create" => call.create(template)?,
                "item edit" => call.edit(template)?,
                "item get" => call.get()?,
                "item list" => call.list()?,
                "item delete" => return call.delete(),
                _ => return call.read(),
            }
        }
    };
    if behaviour.is("print-nothing") {
        return Ok(String::new());
    }
    Ok(serde_json::to_string_pretty(&printed).unwrap() + "\n")
}

fn accounts(state: &State) -> Value {
    let mut accounts = state.accounts();
    for account in &mut accounts {
        account.as_object_mut().unwrap().remove("vaults");
    }
    json!(accounts)
}

struct Call<'a> {
    state: &'a State,
    arguments: &'a Arguments,
    behaviour: &'a Behaviour,
    session: Session,
}

impl Call<'_> {
    fn whoami(&self) -> Value {
        let user = &self.session.user;
        let kind = if self.session.service {
            "SERVICE_ACCOUNT"
        } else {
            "HUMAN"
        };
        json!({
            "url": user["url"], "email": user["email"], "user_uuid": user["user_uuid"],
            "account_uuid": user["account_uuid"], "user_type": kind,
        })
    }

    fn vaults(&self) -> Value {
        let wanted = self.arguments.flag("permission");
        let vaults = self.session.vaults.iter();
        let vaults = vaults.filter(|vault| wanted.is_none() || vault["read"] != true);
        let vaults = vaults.map(|vault| json!({
            "id": vault["id"], "name": vault["name"], "content_version": 1,
            "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "items": 1,
        }));
        vaults.collect()
    }

    /// The vault that is named; a service account has to name one.
    fn vault(&self) -> Result<Option<&Value>, Trouble> {
        match self.arguments.flag("vault") {
            None if !self.session.service => Ok(None),
            wanted => self.session.vault(wanted).map(Some),
        }
    }

    fn find(&self) -> Result<Item, Trouble> {
        items::find(
            self.state,
            &self.session,
            self.vault()?,
            self.arguments.argument(),
        )
    }

    fn may_write(&self, vault: &str) -> Result<(), Trouble> {
        let vault = self
            .session
            .vaults
            .iter()
            .find(|found| found["id"] == vault);
        if vault.is_some_and(|vault| vault["read"] == true) {
            return said("(101) You do not have permission to perform this action");
        }
        Ok(())
    }

    fn create(&self, mut template: Value) -> Result<Value, Trouble> {
        let vault = self.session.vault(self.arguments.flag("vault"))?;
        self.may_write(vault["id"].as_str().unwrap())?;
        let fields = template["fields"].as_array_mut().unwrap();
        for (id, kind, purpose) in BUILT_IN {
            if fields.iter().all(|field| field["id"] != id) {
                let mut field = json!({ "id": id, "type": kind, "label": id });
                if !purpose.is_empty() {
                    field["purpose"] = json!(purpose);
                }
                fields.push(field);
            }
        }
        template["id"] = json!(self.state.new_id());
        template["version"] = json!(1);
        template["vault"] = json!({ "id": vault["id"], "name": vault["name"] });
        let item = Item {
            account: vault["account"].as_str().unwrap().to_owned(),
            archived: false,
            content: self.other(template),
            former: Value::Null,
        };
        if !self.behaviour.is("do-nothing") {
            self.state.keep(&item);
        }
        Ok(shown(&item.content))
    }

    fn edit(&self, template: Value) -> Result<Value, Trouble> {
        let mut item = self.find()?;
        self.may_write(item.vault())?;
        let mut fields = template["fields"].as_array().cloned().unwrap_or_default();
        if self.behaviour.is("merge") {
            let absent = |old: &&Value| fields.iter().all(|new| new["id"] != old["id"]);
            let kept: Vec<_> = item.fields().iter().filter(absent).cloned().collect();
            fields.extend(kept);
        }
        for field in &mut fields {
            field.as_object_mut().unwrap().remove("reference");
        }
        item.former = item.content.clone();
        let mut new = template;
        for key in ["id", "vault"] {
            new[key] = item.content[key].clone();
        }
        new["version"] = json!(item.content["version"].as_u64().unwrap_or_default() + 1);
        new["fields"] = json!(fields);
        let new = self.other(new);
        // What the real one does when it does not see its template.
        if self.behaviour.is("do-nothing") {
            item.content["version"] = new["version"].clone();
        } else {
            item.content = new;
        }
        self.state.keep(&item);
        Ok(shown(&item.content))
    }

    /// The item, with another value if so told.
    fn other(&self, mut item: Value) -> Value {
        if self.behaviour.is("store-other") {
            let fields = item["fields"].as_array_mut().unwrap();
            for field in fields.iter_mut().filter(|field| field["value"].is_string()) {
                if field["type"] == "CONCEALED" {
                    field["value"] = json!(format!("{}x", field["value"].as_str().unwrap()));
                }
            }
        }
        item
    }

    fn get(&self) -> Result<Value, Trouble> {
        let item = self.find()?;
        let stale = self.behaviour.is("stale") && self.arguments.may_be_cached();
        let mut printed = shown(if stale && item.former.is_object() {
            &item.former
        } else {
            &item.content
        });
        if item.archived {
            printed["state"] = json!("ARCHIVED");
        }
        if !self.arguments.is_on("reveal") {
            for field in printed["fields"].as_array_mut().unwrap() {
                if field["type"] == "CONCEALED" {
                    field.as_object_mut().unwrap().remove("value");
                }
            }
        }
        Ok(printed)
    }

    fn list(&self) -> Result<Value, Trouble> {
        let vault = self.vault()?;
        let all = if self.arguments.is_on("include-archive") {
            items::with_archive(self.state, &self.session, vault)
        } else {
            items::seen(self.state, &self.session, vault)
        };
        let wanted: Option<Vec<_>> = self
            .arguments
            .flag("tags")
            .map(|tags| tags.split(',').collect());
        let tagged = |item: &&Item| {
            let tags = item.content["tags"].as_array().cloned().unwrap_or_default();
            let has = |wanted: &&str| {
                tags.iter().filter_map(Value::as_str).any(|tag| {
                    tag == *wanted
                        || tag
                            .strip_prefix(wanted)
                            .is_some_and(|rest| rest.starts_with('/'))
                })
            };
            wanted.as_ref().is_none_or(|wanted| wanted.iter().any(has))
        };
        let listed = all.iter().filter(tagged).map(|item| {
            let mut listed = item.content.clone();
            listed
                .as_object_mut()
                .unwrap()
                .retain(|key, _| key != "fields" && key != "sections");
            listed
        });
        Ok(listed.collect())
    }

    fn delete(&self) -> Result<String, Trouble> {
        let mut item = self.find()?;
        self.may_write(item.vault())?;
        if self.behaviour.is("do-nothing") {
            return Ok(String::new());
        }
        if self.arguments.is_on("archive") {
            item.archived = true;
            self.state.keep(&item);
        } else {
            self.state.forget(item.id());
        }
        Ok(String::new())
    }

    fn read(&self) -> Result<String, Trouble> {
        let reference = self.arguments.argument();
        let could_not = |words: &str| format!("could not read secret '{reference}': {words}");
        let parts = reference.strip_prefix("op://").unwrap_or_default();
        let parts: Vec<_> = parts.split('/').collect();
        let ([vault, item, field] | [vault, item, _, field]) = parts[..] else {
            return said(could_not(
                "secret references should match op://<vault>/<item>[/<section>]/<field>",
            ));
        };
        let wrapped = |trouble| match trouble {
            Trouble::Said(words) => Trouble::Said(could_not(&words)),
            other => other,
        };
        let vault = self.session.vault(Some(vault)).map_err(wrapped)?;
        let item = items::find(self.state, &self.session, Some(vault), item).map_err(wrapped)?;
        let stale = self.behaviour.is("stale") && self.arguments.may_be_cached();
        if stale && item.former.is_null() {
            return said(could_not(&format!(
                "\"{}\" isn't an item in the {} vault. Specify the item with its UUID, name, or domain.",
                item.id(),
                vault["name"]
            )));
        }
        let shown = if stale { &item.former } else { &item.content };
        let value = items::field(shown, field).and_then(|field| field["value"].as_str());
        let Some(value) = value else {
            return said(could_not(&format!(
                "item '{}' does not have a field '{field}'",
                item.title()
            )));
        };
        let line_break = if self.arguments.is_on("no-newline") {
            ""
        } else {
            "\n"
        };
        Ok(format!("{value}{line_break}"))
    }
}

/// An item as it is printed: each field that has a value with a reference.
fn shown(item: &Value) -> Value {
    let mut item = item.clone();
    let (vault, title) = (item["vault"]["name"].clone(), item["title"].clone());
    for field in item["fields"].as_array_mut().unwrap() {
        let label = field["label"]
            .as_str()
            .or(field["id"].as_str())
            .unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        field["reference"] = json!(format!("op://{}/{}/{label}", text(&vault), text(&title)));
    }
    item
}
