//! What an import comes to: settings of ours, and notes about what became of
//! the rest.

use std::collections::BTreeMap;

use toml_edit::Value;

use crate::auth::scope::Scope;
use crate::config::edit::table_of;

/// One key of one table.
pub(super) struct Setting {
    /// The key.
    pub(super) key: String,
    /// What it is set to.
    pub(super) value: Value,
    /// What may be shown of that.
    pub(super) shown: String,
}

/// The value may be a secret.
impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {}", self.key, self.shown)
    }
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is taken over as something else.
    Converted,
    /// It is not taken over.
    Left,
}

/// What a person is to know about something that is not simply taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// What became of it.
    pub(super) fate: Fate,
    /// What it is about, in jackin's words.
    pub(super) about: String,
    /// Why, and what to do.
    pub(super) why: String,
    /// Whether something was kept from agents that is not kept from them here.
    pub(super) loses_protection: bool,
}

/// Settings by their tables, and notes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The settings, each table once.
    pub(super) tables: BTreeMap<Vec<String>, Vec<Setting>>,
    /// The notes, in the order in which they came up.
    pub(super) notes: Vec<Note>,
}

impl Plan {
    /// Sets a key; the first one to set it has its way.
    pub(super) fn set(&mut self, table: Vec<String>, key: &str, value: Value, shown: String) {
        let settings = self.tables.entry(table).or_default();
        if settings.iter().all(|setting| setting.key != key) {
            let setting = Setting {
                key: key.to_owned(),
                value,
                shown,
            };
            // The mode stands above its credential.
            let at = if key == "auth_forward" {
                0
            } else {
                settings.len()
            };
            settings.insert(at, setting);
        }
    }

    /// Sets a key to a word that is no secret.
    pub(super) fn set_word(&mut self, table: Vec<String>, key: &str, word: &str) {
        self.set(table, key, word.into(), format!("{word:?}"));
    }

    /// Sets an agent's mode in a scope.
    pub(super) fn set_mode(&mut self, scope: &Scope, agent: &str, word: &str) {
        self.set_word(table_of(scope, agent), "auth_forward", word);
    }

    /// Notes that something has become something else.
    pub(super) fn converted(&mut self, about: impl Into<String>, why: impl Into<String>) {
        self.note(Fate::Converted, about.into(), why.into(), false);
    }

    /// Notes that something is left out.
    pub(super) fn left(&mut self, about: impl Into<String>, why: impl Into<String>) {
        self.note(Fate::Left, about.into(), why.into(), false);
    }

    /// Notes that a protection of jackin's does not hold here.
    pub(super) fn unprotected(&mut self, about: impl Into<String>, why: impl Into<String>) {
        self.note(Fate::Left, about.into(), why.into(), true);
    }

    /// The same of something that is taken over in another form.
    pub(super) fn converted_with_care(&mut self, about: impl Into<String>, why: impl Into<String>) {
        self.note(Fate::Converted, about.into(), why.into(), true);
    }

    fn note(&mut self, fate: Fate, about: String, why: String, loses_protection: bool) {
        let note = Note {
            fate,
            about,
            why,
            loses_protection,
        };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
