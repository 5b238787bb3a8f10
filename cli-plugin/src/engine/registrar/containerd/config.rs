//! The text of containerd's `config.toml`: what it says, and the same with our
//! part or without it, all else to the byte.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, value};

use super::block::{self, Block};
use crate::engine::daemon_json::is_ours;
use crate::engine::installation::RUNTIME_NAME;
use crate::engine::registrar::Wanted;
use crate::engine::registrar::former::Kept;

/// The kind of runtime that calls a program as runc is called.
pub(super) const RUNC_TYPE: &str = "io.containerd.runc.v2";

/// The key for the runtime of pods that name none.
pub(super) const DEFAULT_RUNTIME: &str = "default_runtime_name";

/// The runtime that is the default where none is set.
const CONTAINERDS_OWN: &str = "runc";

/// The CRI's plugin, by the version of the format.
const PLUGINS: [(i64, &str); 2] = [
    (2, "io.containerd.grpc.v1.cri"),
    (3, "io.containerd.cri.v1.runtime"),
];

/// Why a `config.toml` is left as it is. To fit "… is left as it is: …".
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    /// It is no TOML.
    #[error("{0}")]
    Malformed(Box<toml_edit::TomlError>),
    /// Its format is one that has other names for all we would write.
    #[error("its version is {0}; containerd's `config migrate` makes a newer one of it")]
    Version(i64),
    /// The name is somebody else's.
    #[error(
        "the runtime {0:?} is already registered there, and not by docker-jackin; remove it first"
    )]
    Taken(String),
    /// Our tables cannot follow on it.
    #[error(
        "the tables of a runtime cannot be added to it: {0}; write its CRI tables with headers of their own"
    )]
    Inline(Box<toml_edit::TomlError>),
    /// Ours is the default, and nobody knows what was.
    #[error("{DEFAULT_RUNTIME} is {0:?}; set it to \"runc\" or remove it first")]
    IsDefault(String),
}

/// A `config.toml`.
pub(super) struct Config {
    /// All but our block.
    rest: String,
    block: Option<String>,
    /// All of it, parsed.
    document: DocumentMut,
    /// All but our block, parsed.
    others: DocumentMut,
    version: i64,
}

impl Config {
    /// Reads a text; an empty one is that of a missing file.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let parsed = |text: &str| -> Result<DocumentMut, ConfigError> {
            let parsed = text.parse();
            parsed.map_err(|error| ConfigError::Malformed(Box::new(error)))
        };
        let (rest, block) = block::split(text);
        let (document, others) = (parsed(text)?, parsed(&rest)?);
        let version = match document.get("version").and_then(Item::as_integer) {
            Some(version) => version,
            None if others.is_empty() => PLUGINS[0].0,
            None => 1,
        };
        if !PLUGINS.iter().any(|(known, _)| *known == version) {
            return Err(ConfigError::Version(version));
        }
        Ok(Self {
            block: block.map(str::to_owned),
            rest,
            document,
            others,
            version,
        })
    }

    /// The version of its format.
    pub(super) fn version(&self) -> i64 {
        self.version
    }

    /// What the CRI's plugin is called in this format.
    pub(super) fn plugin(&self) -> &'static str {
        let known = PLUGINS.iter().find(|(version, _)| *version == self.version);
        known.map_or(PLUGINS[0].1, |(_, plugin)| plugin)
    }

    /// Whether a file is among its imports.
    pub(super) fn imports(&self, drop_in: &Path) -> bool {
        let folder = drop_in.parent().unwrap_or(Path::new("/"));
        let pattern = folder.join("*.toml");
        let imports = self.document.get("imports").and_then(Item::as_array);
        imports.is_some_and(|imports| {
            let mut named = imports.iter().filter_map(toml_edit::Value::as_str);
            named.any(|named| Path::new(named) == pattern)
        })
    }

    /// Whether its CRI is switched off.
    pub(super) fn cri_is_disabled(&self) -> bool {
        let list = self
            .document
            .get("disabled_plugins")
            .and_then(Item::as_array);
        let names = ["cri", PLUGINS[0].1, PLUGINS[1].1];
        list.is_some_and(|list| {
            let mut named = list.iter().filter_map(toml_edit::Value::as_str);
            named.any(|named| names.contains(&named))
        })
    }

    /// The default runtime, where it is set.
    pub(super) fn default_runtime(&self) -> Option<String> {
        let name = containerd(&self.document, self.plugin())?.get(DEFAULT_RUNTIME)?;
        Some(name.as_str()?.to_owned())
    }

    /// Whether the wrapper is the default.
    pub(super) fn is_default_ours(&self) -> bool {
        self.default_runtime().as_deref() == Some(RUNTIME_NAME)
    }

    /// The default runtime, where there is none of that name.
    pub(super) fn missing_default_runtime(&self) -> Option<String> {
        let table = containerd(&self.document, self.plugin())?;
        let name = self
            .default_runtime()
            .unwrap_or_else(|| CONTAINERDS_OWN.to_owned());
        let runtimes = table.get("runtimes").and_then(Item::as_table_like);
        let there = runtimes.is_some_and(|runtimes| runtimes.contains_key(&name));
        (!there).then_some(name)
    }

    /// What the file says of runc.
    pub(super) fn like_runc(&self) -> Option<&Table> {
        let runtimes = containerd(&self.others, self.plugin())?.get("runtimes")?;
        let runc = runtimes.get(CONTAINERDS_OWN)?.as_table()?;
        let kind = runc.get("runtime_type").and_then(Item::as_str);
        kind.is_none_or(|kind| kind == RUNC_TYPE).then_some(runc)
    }

    /// The runtimes whose program is ours, with it.
    pub(super) fn ours(&self) -> Vec<(String, PathBuf)> {
        runtimes_of(&self.document, self.plugin())
            .into_iter()
            .filter_map(|(name, program)| Some((name, program?)))
            .filter(|(_, program)| is_ours(program))
            .collect()
    }

    /// The text with the wrapper's runtimes, which is the same text when they
    /// are in it already.
    pub(super) fn with(&self, wanted: &Wanted, default: bool) -> Result<String, ConfigError> {
        let others = runtimes_of(&self.others, self.plugin());
        for (name, program) in &wanted.runtimes {
            let there = others.iter().find(|(known, _)| known == name);
            if there.is_some_and(|(_, known)| known.as_ref() != Some(program)) {
                return Err(ConfigError::Taken(name.clone()));
            }
        }
        let by_hand = |name: &String| others.iter().any(|(known, _)| known == name);
        if wanted.runtimes.iter().all(|(name, _)| by_hand(name)) && !default {
            return Ok(self.text());
        }
        let mut block = Block::of(self, wanted);
        if !by_hand(&self.default_of_others()) {
            block = block.with_runc();
        }
        if self.others.is_empty() {
            block = block.with_version(self.version);
        }
        let header = containerd(&self.others, self.plugin())
            .is_some_and(|table| table.as_table().is_none_or(|table| !table.is_implicit()));
        let mut rest = self.rest.clone();
        if default && header {
            rest = self.with_default_set(Some(RUNTIME_NAME));
        } else {
            block = block.with_default(default);
        }
        let text = block::join(&rest, &block.text());
        let read = text.parse::<DocumentMut>();
        read.map_err(|error| ConfigError::Inline(Box::new(error)))?;
        Ok(text)
    }

    /// The text without our part; `None` when nothing is left of it. `kept`
    /// is what the default runtime was, where that is known.
    pub(super) fn without(&self, kept: Option<&Kept>) -> Result<Option<String>, ConfigError> {
        let default = containerd(&self.others, self.plugin())
            .and_then(|table| table.get(DEFAULT_RUNTIME)?.as_str());
        let rest = match (default, kept) {
            (Some(RUNTIME_NAME), None) => {
                return Err(ConfigError::IsDefault(RUNTIME_NAME.to_owned()));
            }
            (Some(RUNTIME_NAME), Some(kept)) => self.with_default_set(kept.value()),
            _ => self.rest.clone(),
        };
        let is_left = self.block.is_none() || !rest.is_empty();
        Ok(is_left.then_some(rest))
    }

    fn text(&self) -> String {
        match &self.block {
            Some(block) => block::join(&self.rest, block),
            None => self.rest.clone(),
        }
    }

    /// The runtime that pods get without our part.
    fn default_of_others(&self) -> String {
        let name = containerd(&self.others, self.plugin())
            .and_then(|table| table.get(DEFAULT_RUNTIME)?.as_str())
            .filter(|name| *name != RUNTIME_NAME);
        name.unwrap_or(CONTAINERDS_OWN).to_owned()
    }

    /// All but our block, with another default runtime, or with none.
    fn with_default_set(&self, name: Option<&str>) -> String {
        let mut others = self.others.clone();
        let table = others
            .get_mut("plugins")
            .and_then(|plugins| plugins.get_mut(self.plugin()))
            .and_then(|plugin| plugin.get_mut("containerd"))
            .and_then(Item::as_table_like_mut);
        let Some(table) = table else {
            return self.rest.clone();
        };
        match name {
            Some(name) => {
                let mut new = toml_edit::Value::from(name);
                let old = table.get(DEFAULT_RUNTIME).and_then(Item::as_value);
                if let Some(old) = old {
                    *new.decor_mut() = old.decor().clone();
                }
                // In its place: the key keeps the blanks around it.
                match table.get_mut(DEFAULT_RUNTIME) {
                    Some(item) => *item = value(new),
                    None => {
                        table.insert(DEFAULT_RUNTIME, value(new));
                    }
                }
            }
            None => {
                table.remove(DEFAULT_RUNTIME);
            }
        }
        let mut text = others.to_string();
        if !self.rest.ends_with('\n') {
            text.truncate(text.trim_end_matches('\n').len());
        }
        text
    }
}

fn containerd<'a>(document: &'a DocumentMut, plugin: &str) -> Option<&'a Item> {
    document.get("plugins")?.get(plugin)?.get("containerd")
}

/// The names of the runtimes and the programs they call.
fn runtimes_of(document: &DocumentMut, plugin: &str) -> Vec<(String, Option<PathBuf>)> {
    let runtimes = containerd(document, plugin)
        .and_then(|table| table.get("runtimes"))
        .and_then(Item::as_table_like);
    let program = |entry: &Item| Some(entry.get("options")?.get("BinaryName")?.as_str()?.into());
    let runtimes = runtimes.into_iter().flat_map(|table| table.iter());
    runtimes
        .map(|(name, entry)| (name.to_owned(), program(entry)))
        .collect()
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
