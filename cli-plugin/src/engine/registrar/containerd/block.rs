//! Our part of containerd's `config.toml`: tables at its end, between two
//! comments, so that they go again without a trace.

use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::config::{Config, RUNC_TYPE};
use crate::engine::installation::RUNTIME_NAME;
use crate::engine::registrar::Wanted;
use crate::engine::registrar::own_file::HEADER;

/// How the block ends.
const END: &str = "# End of what `docker jackin install` wrote.\n";

/// The annotations that are let through to the wrapper.
const ANNOTATIONS: &str = "dev.jackin.*";

/// The tables, as a document of their own.
pub(super) struct Block {
    document: DocumentMut,
    /// The way to the CRI's table for containers.
    way: [String; 3],
    /// A line in front of the tables, in a file that has nothing else.
    version: Option<i64>,
}

impl Block {
    /// The tables of the wrapper's runtimes. What the file says of runc holds
    /// for the wrapper, too, which calls it: `SystemdCgroup`, most of all.
    pub(super) fn of(config: &Config, wanted: &Wanted) -> Self {
        let way = ["plugins", config.plugin(), "containerd"].map(str::to_owned);
        let mut block = Self {
            document: DocumentMut::new(),
            way,
            version: None,
        };
        for (name, program) in &wanted.runtimes {
            let entry = entry(config.like_runc(), &program.display().to_string());
            block.runtimes().insert(name, Item::Table(entry));
        }
        block
    }

    /// The same with runc: a file's own table of runtimes replaces the one
    /// that containerd has built in.
    pub(super) fn with_runc(mut self) -> Self {
        let mut runc = Table::new();
        runc["runtime_type"] = value(RUNC_TYPE);
        self.runtimes().insert("runc", Item::Table(runc));
        self
    }

    /// The same with the wrapper as default, or not.
    pub(super) fn with_default(mut self, default: bool) -> Self {
        let table = self.containerd();
        if default {
            table.set_implicit(false);
            table["default_runtime_name"] = value(RUNTIME_NAME);
        } else {
            table.remove("default_runtime_name");
            table.set_implicit(true);
        }
        self
    }

    /// The same with the version of the format in front.
    pub(super) fn with_version(mut self, version: i64) -> Self {
        self.version = Some(version);
        self
    }

    /// The tables alone.
    pub(super) fn tables(&self) -> String {
        self.document.to_string().trim_start().to_owned()
    }

    /// The block as it stands at the end of a file.
    pub(super) fn text(&self) -> String {
        let version = self
            .version
            .map(|version| format!("version = {version}\n\n"));
        format!(
            "{HEADER} --engine containerd`; uninstalling removes it.\n{}{}{END}",
            version.unwrap_or_default(),
            self.tables()
        )
    }

    fn containerd(&mut self) -> &mut Table {
        let mut table = self.document.as_table_mut();
        for name in &self.way {
            let item = table.entry(name).or_insert_with(|| Item::Table(implicit()));
            table = item.as_table_mut().expect("the way is made of tables");
        }
        table
    }

    fn runtimes(&mut self) -> &mut Table {
        let item = self.containerd().entry("runtimes");
        let item = item.or_insert_with(|| Item::Table(implicit()));
        item.as_table_mut().expect("it is made as one")
    }
}

/// The text without the block, and the block, where there is one.
pub(super) fn split(text: &str) -> (String, Option<&str>) {
    let Some(start) = text.find(HEADER) else {
        return (text.to_owned(), None);
    };
    let Some(length) = text[start..].find(END) else {
        return (text.to_owned(), None);
    };
    let end = start + length + END.len();
    let before = &text[..start];
    // An empty line is put before it where the file has something.
    let before = before.strip_suffix('\n').unwrap_or(before);
    (format!("{before}{}", &text[end..]), Some(&text[start..end]))
}

/// The text with the block at its end; [`split`] takes it away again.
pub(super) fn join(rest: &str, block: &str) -> String {
    format!("{rest}\n{block}")
}

fn implicit() -> Table {
    let mut table = Table::new();
    table.set_implicit(true);
    table
}

/// A runtime's table, like another's.
fn entry(like: Option<&Table>, program: &str) -> Table {
    let mut entry = Table::new();
    for (key, item) in like.into_iter().flat_map(Table::iter) {
        entry.insert(key, plain(item));
    }
    entry["runtime_type"] = value(RUNC_TYPE);
    for key in ["pod_annotations", "container_annotations"] {
        let known = entry.get(key).and_then(Item::as_array).cloned();
        let mut list = known.unwrap_or_else(Array::new);
        if !list.iter().any(|there| there.as_str() == Some(ANNOTATIONS)) {
            list.push(ANNOTATIONS);
        }
        entry[key] = value(list);
    }
    let options = entry.get("options").and_then(Item::as_table).cloned();
    let mut options = options.unwrap_or_default();
    options["BinaryName"] = value(program);
    entry.insert("options", Item::Table(options));
    entry
}

/// An item without its comments and its place in another file.
fn plain(item: &Item) -> Item {
    match item {
        Item::Value(known) => {
            let mut known = known.clone();
            known.decor_mut().clear();
            Item::Value(known)
        }
        Item::Table(known) => {
            let mut table = Table::new();
            table.set_implicit(known.is_implicit());
            for (key, item) in known {
                table.insert(key, plain(item));
            }
            Item::Table(table)
        }
        other => other.clone(),
    }
}
