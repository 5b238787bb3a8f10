//! A plan beside our configuration as it is: what is new, what is there, and
//! what says something else and stays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml_edit::Value;

use super::plan::{Fate, Note, Plan, Setting};
use crate::agent::Agent;
use crate::config::edit::{Draft, Values, would_take};
use crate::failure::Failure;
use crate::host::Host;

/// How a change stands to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// It is to be set.
    New,
    /// The same is there.
    There,
    /// Something else is there, and stays.
    Kept,
    /// Something else is there, and gives way.
    Replaced,
}

/// Settings that stand or fall together.
#[derive(Debug)]
pub(super) struct Change {
    /// Their table.
    pub(super) table: Vec<String>,
    /// The keys.
    pub(super) settings: Vec<Setting>,
    /// How they stand to what is there.
    pub(super) standing: Standing,
}

/// A plan that our configuration takes.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// What is to be changed, or was not.
    pub(super) changes: Vec<Change>,
    /// The notes.
    pub(super) notes: Vec<Note>,
}

impl Merged {
    /// Holds a plan against what is there. What our reader would refuse is
    /// left out with its reason.
    pub(super) fn new(plan: Plan, draft: &Draft, host: &Host, force: bool) -> Self {
        let mut merged = Self {
            notes: plan.notes,
            ..Self::default()
        };
        let there = draft.values();
        for (table, settings) in plan.tables {
            for settings in units(&table, settings) {
                if let Err(failure) = takes(host, &table, &settings) {
                    merged.leave(&table, &settings, &failure.message);
                    continue;
                }
                let standing = standing(&there, &table, &settings);
                merged.changes.push(Change {
                    table: table.clone(),
                    settings,
                    standing,
                });
            }
        }
        merged.keep_other_workspaces(draft);
        merged.drop_roles_that_are_none(draft);
        if force {
            for change in &mut merged.changes {
                if change.standing == Standing::Kept {
                    change.standing = Standing::Replaced;
                }
            }
        }
        merged
    }

    /// Whether anything is to be written.
    pub(super) fn has_changes(&self) -> bool {
        self.written().next().is_some()
    }

    /// What is to be written.
    pub(super) fn written(&self) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(|change| matches!(change.standing, Standing::New | Standing::Replaced))
    }

    /// Writes it.
    pub(super) fn write(&self, draft: &mut Draft) -> Result<(), Failure> {
        for (table, setting) in self.differing(draft) {
            draft.set(table, &setting.key, setting.value.clone())?;
        }
        Ok(())
    }

    /// What is to be written and says something else than what is there.
    fn differing(&self, draft: &Draft) -> Vec<(&[String], &Setting)> {
        let values = draft.values();
        let keys = self.written().flat_map(|change| {
            let settings = change.settings.iter();
            settings.map(|setting| (change.table.as_slice(), setting))
        });
        keys.filter(|(table, setting)| {
            let there = values.get(table, &setting.key);
            there.is_none_or(|there| !is_same(&there, &setting.value))
        })
        .collect()
    }

    fn leave(&mut self, table: &[String], settings: &[Setting], why: &str) {
        let keys: Vec<&str> = settings.iter().map(|one| one.key.as_str()).collect();
        self.notes.push(Note {
            fate: Fate::Left,
            about: format!("[{}] {}", table.join("."), keys.join(", ")),
            why: format!("would be refused here: {why}"),
            loses_protection: false,
        });
    }

    /// A workspace of the same name for another folder is another workspace,
    /// and is given nothing of this one's.
    fn keep_other_workspaces(&mut self, draft: &Draft) {
        let mut others = BTreeSet::new();
        for (name, workspace) in &draft.config().workspaces {
            let table = ["workspaces".to_owned(), name.clone()];
            let wanted = self.changes.iter().find_map(|change| {
                let setting = change.settings.first()?;
                (change.table == table && setting.key == "workdir").then_some(setting)
            });
            let wanted = wanted.and_then(|setting| setting.value.as_str()).map(real);
            if wanted != workspace.workdir {
                others.insert(name.clone());
            }
        }
        for change in &mut self.changes {
            let named = change.table.first().zip(change.table.get(1));
            if let Some((kind, name)) = named
                && kind == "workspaces"
            {
                let other = others.contains(name);
                let is_folder = change.table.len() == 2 && change.settings[0].key == "workdir";
                match change.standing {
                    Standing::New if other => change.standing = Standing::Kept,
                    // The same folder in other words.
                    Standing::Kept if is_folder && !other => change.standing = Standing::There,
                    _ => {}
                }
            }
        }
    }

    /// The variables of a role that is not there, and will not be.
    fn drop_roles_that_are_none(&mut self, draft: &Draft) {
        let is_role = |table: &[String]| table.len() == 2 && table[0] == "roles";
        let roles: BTreeSet<String> = self
            .changes
            .iter()
            .filter(|change| is_role(&change.table))
            .map(|change| change.table[1].clone())
            .chain(draft.config().roles.keys().cloned())
            .collect();
        let of_none = |table: &[String]| {
            table.len() == 3 && table[0] == "roles" && !roles.contains(&table[1])
        };
        let (dropped, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition(|change| of_none(&change.table));
        self.changes = kept;
        for change in dropped {
            self.notes.push(Note {
                fate: Fate::Left,
                about: format!("[{}] {}", change.table.join("."), change.settings[0].key),
                why: "goes with its role, which is not taken over".to_owned(),
                loses_protection: false,
            });
        }
    }
}

/// What of a table stands or falls together: an agent's block and a role, and
/// else each key for itself.
fn units(table: &[String], settings: Vec<Setting>) -> Vec<Vec<Setting>> {
    let of_agent = table
        .last()
        .is_some_and(|name| Agent::from_word(name).is_some());
    let is_name = table.len() == 2 && ["roles", "workspaces"].contains(&table[0].as_str());
    let whole = if is_name {
        table[0] == "roles"
    } else {
        of_agent
    };
    if whole {
        return vec![settings];
    }
    settings.into_iter().map(|setting| vec![setting]).collect()
}

fn takes(host: &Host, table: &[String], settings: &[Setting]) -> Result<(), Failure> {
    let around = match table {
        [roles, role, _, ..] if roles == "roles" => {
            format!("[roles.{role:?}]\nimage = \"x\"\nagents = []\n")
        }
        _ => String::new(),
    };
    let settings: Vec<(&str, &Value)> = settings
        .iter()
        .map(|setting| (setting.key.as_str(), &setting.value))
        .collect();
    would_take(host.home(), &around, table, &settings)
}

fn standing(values: &Values<'_>, table: &[String], settings: &[Setting]) -> Standing {
    let there: Vec<Option<bool>> = settings
        .iter()
        .map(|setting| Some(is_same(&values.get(table, &setting.key)?, &setting.value)))
        .collect();
    if there.contains(&Some(false)) {
        return Standing::Kept;
    }
    if there.iter().all(|there| *there == Some(true)) {
        return Standing::There;
    }
    // A block that decides nothing yet may be filled; one that has another
    // mode or credential is its user's.
    let others = Agent::from_word(table.last().map_or("", String::as_str)).is_some()
        && [
            "auth_forward",
            "oauth_token",
            "token",
            "api_key",
            "provider",
        ]
        .iter()
        .filter(|key| settings.iter().all(|setting| setting.key != **key))
        .any(|key| values.get(table, key).is_some());
    if others {
        Standing::Kept
    } else {
        Standing::New
    }
}

/// The folder as the system names it, as far as it is there.
fn real(path: &str) -> PathBuf {
    let path = Path::new(path);
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Whether two values say the same, however they are written.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.value() == other.value(),
        (Value::Boolean(one), Value::Boolean(other)) => one.value() == other.value(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::InlineTable(one), Value::InlineTable(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => false,
    }
}
