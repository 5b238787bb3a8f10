//! The parts of a configuration as TOML has them: read one by one, and each
//! held to its form, with the line in the error.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::agent::Agent;
use crate::config::error::Problem;
use crate::config::{ConfigError, Value, Written, nearest};

pub(super) struct Reader<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    pub(super) home: &'a Path,
    /// All that is wrong, as it is found.
    pub(super) problems: RefCell<Vec<ConfigError>>,
}

pub(super) type Item<'a> = Spanned<DeValue<'a>>;

/// A table with the words in which errors speak of it.
pub(super) struct Table<'a> {
    pub(super) entries: &'a DeTable<'a>,
    pub(super) span: Range<usize>,
    pub(super) named: String,
}

impl Table<'_> {
    pub(super) fn get(&self, key: &str) -> Option<&Item<'_>> {
        self.entries
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, item)| item)
    }
}

impl Reader<'_> {
    /// Takes down what is wrong, so that the rest can be read as well.
    pub(super) fn keep<T>(&self, read: Result<T, ConfigError>) -> Option<T> {
        read.map_err(|problem| self.problems.borrow_mut().push(problem))
            .ok()
    }

    /// A key that is false where it is not set.
    pub(super) fn switch(&self, table: &Table<'_>, key: &str) -> Result<bool, ConfigError> {
        match table.get(key).map(|item| (item, item.get_ref())) {
            None => Ok(false),
            Some((_, DeValue::Boolean(on))) => Ok(*on),
            Some((item, _)) => Err(self.form(item, key, "true or false")),
        }
    }

    pub(super) fn value(&self, key: &str, item: &Item<'_>) -> Result<Value, ConfigError> {
        let written = match item.get_ref() {
            DeValue::String(text) if text.contains('\0') => {
                return Err(self.form(item, key, "text without NUL"));
            }
            DeValue::String(text) => Written::Text(text.as_ref().into()),
            DeValue::Table(_) => self.reference(key, item)?,
            _ => return Err(self.form(item, key, "text in quotes, or a table")),
        };
        Ok(Value {
            written,
            line: self.line(item.span().start),
        })
    }

    /// `{ op = …, account = … }` or `{ cmd = […] }`.
    pub(super) fn reference(&self, key: &str, item: &Item<'_>) -> Result<Written, ConfigError> {
        let table = self.table(item, key.to_owned())?;
        let mut keys = table.entries.keys();
        // A key that is none of these may be a secret, and is not repeated.
        let known = keys.all(|key| ["op", "account", "cmd"].contains(&key.get_ref().as_ref()));
        let account = self.text(&table, "account")?;
        let command = self.texts(&table, "cmd")?;
        match (self.text(&table, "op")?, account) {
            (Some(reference), account) if known && command.is_empty() => {
                Ok(Written::Op { reference, account })
            }
            (None, None) if known && !command.is_empty() => Ok(Written::Command(command)),
            _ => Err(self.form(
                item,
                key,
                "{ op = \"op://…\", account = \"…\" } or { cmd = [\"program\", \"argument\"] }",
            )),
        }
    }

    pub(super) fn text(&self, table: &Table<'_>, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(item) = table.get(key) else {
            return Ok(None);
        };
        let text = self.string(key, item)?;
        if text.is_empty() || text.contains('\0') {
            return Err(self.form(item, key, "text that is not empty"));
        }
        Ok(Some(text.to_owned()))
    }

    pub(super) fn texts(&self, table: &Table<'_>, key: &str) -> Result<Vec<String>, ConfigError> {
        let Some(item) = table.get(key) else {
            return Ok(Vec::new());
        };
        let DeValue::Array(items) = item.get_ref() else {
            return Err(self.form(item, key, "a list of texts"));
        };
        items
            .iter()
            .map(|item| self.string(key, item).map(str::to_owned))
            .collect()
    }

    pub(super) fn string<'i>(&self, key: &str, item: &'i Item<'_>) -> Result<&'i str, ConfigError> {
        match item.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.form(item, key, "text in quotes")),
        }
    }

    pub(super) fn table<'i>(
        &self,
        item: &'i Item<'i>,
        named: String,
    ) -> Result<Table<'i>, ConfigError> {
        match item.get_ref() {
            DeValue::Table(entries) => Ok(Table {
                entries,
                span: item.span(),
                named,
            }),
            _ => Err(self.form(item, &named, "a table")),
        }
    }

    /// The tables of `[<key>.<name>]`.
    pub(super) fn named_tables<'i>(
        &self,
        table: &'i Table<'i>,
        key: &str,
    ) -> Vec<(String, Table<'i>)> {
        let Some(item) = table.get(key) else {
            return Vec::new();
        };
        let Some(outer) = self.keep(self.table(item, inner(&table.named, key))) else {
            return Vec::new();
        };
        let tables = outer.entries.iter();
        tables
            .filter_map(|(name, item)| {
                let named = inner(&outer.named, name.get_ref());
                let table = self.keep(self.table(item, named))?;
                Some((name.get_ref().to_string(), table))
            })
            .collect()
    }

    /// Takes down keys other than `known`, and the agents' names with `agents`.
    pub(super) fn check_keys(&self, table: &Table<'_>, known: &[&str], agents: bool) {
        let agents = Agent::ALL.iter().filter(|_| agents).map(|one| one.word());
        let known: Vec<&str> = known.iter().copied().chain(agents).collect();
        for key in table.entries.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let problem = Problem::UnknownKey {
                    key: key.get_ref().to_string(),
                    table: table.named.clone(),
                    meant: nearest(key.get_ref(), known.iter().copied()).map(str::to_owned),
                    known: known.join(", "),
                };
                self.keep::<()>(Err(self.wrong(key.span(), problem)));
            }
        }
    }

    pub(super) fn missing(&self, table: &Table<'_>, key: &'static str) -> ConfigError {
        let named = table.named.clone();
        self.wrong(
            table.span.clone(),
            Problem::MissingKey { table: named, key },
        )
    }

    pub(super) fn form(&self, item: &Item<'_>, key: &str, expected: &'static str) -> ConfigError {
        let key = key.to_owned();
        self.wrong(item.span(), Problem::Form { key, expected })
    }

    pub(super) fn wrong(&self, span: Range<usize>, problem: Problem) -> ConfigError {
        ConfigError::Line {
            file: self.file.to_owned(),
            line: self.line(span.start),
            problem: Box::new(problem),
        }
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        before.split(|byte| *byte == b'\n').count()
    }
}

/// How errors name the table `key` inside the table `outer`.
pub(super) fn inner(outer: &str, key: &str) -> String {
    match outer
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        Some(outer) => format!("[{outer}.{key}]"),
        None => format!("[{key}]"),
    }
}
