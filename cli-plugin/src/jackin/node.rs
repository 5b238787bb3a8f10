//! TOML as a tree that is taken apart: what has been taken is understood, and
//! what is left at the end was not.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{Remark, Rest};
use crate::failure::reads_like_a_word;

/// A value with its line.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(Zeroizing<String>),
    Switch(bool),
    List(Vec<Node>),
    Table(Table),
    /// A number or a time.
    Other,
}

/// A table, less what has been taken out of it.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<String, Node>,
}

impl Table {
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(super) fn is_text(&self, key: &str) -> bool {
        let node = self.entries.get(key);
        node.is_some_and(|node| matches!(node.content, Content::Text(_)))
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        self.entries.remove(key)
    }

    /// All that is still in it.
    pub(super) fn take_all(&mut self) -> BTreeMap<String, Node> {
        std::mem::take(&mut self.entries)
    }
}

/// Reads one file, and notes what it does not understand.
#[derive(Debug)]
pub(super) struct Reader {
    /// The file's path below the folder.
    pub(super) file: String,
    pub(super) remarks: Vec<Remark>,
}

impl Reader {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            remarks: Vec::new(),
        }
    }

    /// The file's text as a tree; `None` when it is no TOML.
    pub(super) fn parse(&mut self, text: &str) -> Option<Table> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match DeTable::parse(text) {
            Ok(document) => Some(tree(document.get_ref(), text)),
            Err(error) => {
                // The message alone: its rendering quotes the line, and with it
                // perhaps a secret.
                let line = line_of(text, error.span().unwrap_or_default().start);
                self.remark(line, format!("no TOML: {}", error.message()));
                None
            }
        }
    }

    pub(super) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.file)
    }

    pub(super) fn remark(&mut self, line: usize, what: impl Into<String>) {
        let (place, what) = (self.place(line), what.into());
        self.remarks.push(Remark { place, what });
    }

    fn form(&mut self, line: usize, key: &str, expected: &str) {
        self.remark(line, format!("{key} is no {expected}, and is left out"));
    }

    pub(super) fn text(&mut self, table: &mut Table, key: &str) -> Option<String> {
        let node = table.take(key)?;
        if let Content::Text(text) = node.content {
            return Some(text.to_string());
        }
        self.form(node.line, key, "text");
        None
    }

    pub(super) fn switch(&mut self, table: &mut Table, key: &str) -> Option<bool> {
        let node = table.take(key)?;
        if let Content::Switch(on) = node.content {
            return Some(on);
        }
        self.form(node.line, key, "true or false");
        None
    }

    pub(super) fn texts(&mut self, table: &mut Table, key: &str) -> Option<Vec<String>> {
        let node = table.take(key)?;
        let Content::List(nodes) = node.content else {
            self.form(node.line, key, "list");
            return None;
        };
        let mut texts = Vec::new();
        for node in nodes {
            match node.content {
                Content::Text(text) => texts.push(text.to_string()),
                _ => self.form(node.line, key, "list of texts"),
            }
        }
        Some(texts)
    }

    pub(super) fn table(&mut self, table: &mut Table, key: &str) -> Option<Table> {
        let node = table.take(key)?;
        self.as_table(key, node)
    }

    /// The tables of `[<key>.<name>]`.
    pub(super) fn tables(&mut self, table: &mut Table, key: &str) -> Vec<(String, Table)> {
        let mut outer = self.table(table, key).unwrap_or_default();
        let entries = outer.take_all().into_iter();
        entries
            .filter_map(|(name, node)| {
                let inner = self.as_table(&name, node)?;
                Some((name, inner))
            })
            .collect()
    }

    pub(super) fn as_table(&mut self, key: &str, node: Node) -> Option<Table> {
        if let Content::Table(table) = node.content {
            return Some(table);
        }
        self.form(node.line, key, "table");
        None
    }

    /// What nobody has taken, leaf by leaf.
    pub(super) fn rest(&self, table: &mut Table, under: &str, into: &mut Vec<Rest>) {
        for (key, node) in table.take_all() {
            let path = match under {
                "" => key,
                under => format!("{under}.{key}"),
            };
            let place = self.place(node.line);
            let word = match node.content {
                Content::Table(mut inner) => {
                    self.rest(&mut inner, &path, into);
                    continue;
                }
                Content::Text(text) if reads_like_a_word(&text) => Some(text.to_string()),
                _ => None,
            };
            into.push(Rest {
                place,
                workspace: None,
                path,
                word,
            });
        }
    }
}

fn tree(table: &DeTable<'_>, text: &str) -> Table {
    let entries = table.iter().map(|(key, item)| {
        let node = node(item, text);
        let line = line_of(text, key.span().start);
        (key.get_ref().to_string(), Node { line, ..node })
    });
    Table {
        entries: entries.collect(),
    }
}

fn node(item: &Spanned<DeValue<'_>>, text: &str) -> Node {
    let content = match item.get_ref() {
        DeValue::String(text) => Content::Text(Zeroizing::new(text.to_string())),
        DeValue::Boolean(on) => Content::Switch(*on),
        DeValue::Array(items) => Content::List(items.iter().map(|one| node(one, text)).collect()),
        DeValue::Table(table) => Content::Table(tree(table, text)),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => Content::Other,
    };
    Node {
        line: line_of(text, item.span().start),
        content,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.split(|byte| *byte == b'\n').count()
}
