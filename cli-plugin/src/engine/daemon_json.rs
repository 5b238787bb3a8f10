//! The text of dockerd's `daemon.json`, edited without loss.
//!
//! Only the bytes of our own entries change: unknown keys, order, spelling of
//! numbers, indentation and line ends stay. A typed rewrite of this file has
//! erased people's settings before.

use std::path::{Path, PathBuf};

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};

/// The key that holds the runtimes.
const RUNTIMES: &str = "runtimes";

/// The key that names the runtime for containers that name none.
pub const DEFAULT_RUNTIME: &str = "default-runtime";

/// Every program of ours that is registered has this name, or this name, a
/// hyphen and the low-level runtime's.
const WRAPPER: &str = "docker-jackin-runtime";

/// A `daemon.json`, parsed and ready to be edited.
pub struct DaemonJson {
    root: CstRootNode,
    top: CstObject,
}

/// Why a `daemon.json` is left as it is. To fit "… is left as it is: …".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DaemonJsonError {
    /// It is no JSON.
    #[error("line {line}, column {column}: {reason}")]
    Malformed {
        /// The line where reading stopped, from 1.
        line: usize,
        /// The column where reading stopped, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It starts with the bytes EF BB BF, which older engines refuse.
    #[error("it starts with a byte-order mark; save it as UTF-8 without one")]
    ByteOrderMark,
    /// It is JSON, but not an object of settings.
    #[error("it holds no JSON object")]
    NoObject,
    /// A key that we edit is there twice, so which one counts is unclear.
    #[error("the key {0:?} is there twice; remove one")]
    Twice(String),
    /// `runtimes` or one of ours in it is something else than an object.
    #[error("{0:?} is not an object")]
    NotAnObject(String),
    /// The name is taken by a program that is not ours.
    #[error(
        "the runtime {name:?} is already registered there as {}, which is not ours; remove it first",
        path.display()
    )]
    Taken {
        /// The runtime's name.
        name: String,
        /// The program registered under it.
        path: PathBuf,
    },
    /// Our entry carries settings that break the wrapper.
    #[error(
        "the runtime {name:?} has {key:?} there, which the wrapper does not work with; remove it"
    )]
    Foreign {
        /// The runtime's name.
        name: String,
        /// The key in its entry.
        key: String,
    },
    /// The default runtime is one of ours, so it cannot be taken away.
    #[error("\"default-runtime\" is {0:?}; set it to \"runc\" or remove it first")]
    IsDefault(String),
}

impl DaemonJson {
    /// Reads the text; an empty one counts as an empty object.
    ///
    /// # Errors
    /// When it is not JSON to the letter, with the line.
    pub fn parse(text: &str) -> Result<Self, DaemonJsonError> {
        if text.starts_with('\u{feff}') {
            return Err(DaemonJsonError::ByteOrderMark);
        }
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        // serde_json is the stricter reader, and its errors name the place.
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| malformed(&error))?;
        let root = CstRootNode::parse(text, &strict()).map_err(|_| DaemonJsonError::NoObject)?;
        let top = root.object_value().ok_or(DaemonJsonError::NoObject)?;
        require_once(&top, RUNTIMES)?;
        require_once(&top, DEFAULT_RUNTIME)?;
        Ok(Self { root, top })
    }

    /// The text as it is now.
    pub fn text(&self) -> String {
        self.root.to_string()
    }

    /// Registers a runtime, or corrects the path of one that is ours.
    ///
    /// # Errors
    /// When the name belongs to somebody else, or the entry is unusable.
    pub fn register(&self, name: &str, program: &Path) -> Result<(), DaemonJsonError> {
        let path = program.to_string_lossy().into_owned();
        let Some(entry) = self.entry(name)? else {
            return self.add(name, path);
        };
        if let Some(key) = property_names(&entry).into_iter().find(|key| key != "path") {
            return Err(DaemonJsonError::Foreign {
                name: name.to_owned(),
                key,
            });
        }
        match registered_path(&entry) {
            Some(known) if known == program => Ok(()),
            Some(known) if !is_ours(&known) => Err(DaemonJsonError::Taken {
                name: name.to_owned(),
                path: known,
            }),
            _ => {
                let value = CstInputValue::Object(vec![("path".to_owned(), path.into())]);
                if let Some(property) = self.runtimes()?.and_then(|runtimes| runtimes.get(name)) {
                    property.set_value(value);
                }
                Ok(())
            }
        }
    }

    fn add(&self, name: &str, path: String) -> Result<(), DaemonJsonError> {
        if self.top.properties().is_empty() {
            self.top.ensure_multiline();
        }
        let runtimes = match self.runtimes()? {
            Some(runtimes) => runtimes,
            None => self.top.object_value_or_set(RUNTIMES),
        };
        let entry = CstInputValue::Object(vec![("path".to_owned(), path.into())]);
        runtimes.append(name, entry);
        Ok(())
    }

    /// Takes our runtimes away and returns their names. `runtimes` itself
    /// stays, or is made: only a file that has it makes a running engine
    /// forget the runtimes that are not in it.
    ///
    /// # Errors
    /// When one of them is the default runtime.
    pub fn unregister_ours(&self) -> Result<Vec<String>, DaemonJsonError> {
        let ours = self.ours()?;
        if let Some(default) = self.default_runtime()
            && ours.contains(&default)
        {
            return Err(DaemonJsonError::IsDefault(default));
        }
        let runtimes = match self.runtimes()? {
            Some(runtimes) => runtimes,
            None => self.top.object_value_or_set(RUNTIMES),
        };
        for property in ours.iter().filter_map(|name| runtimes.get(name)) {
            property.remove();
        }
        Ok(ours)
    }

    /// Sets the default runtime, or takes the setting away.
    pub fn set_default_runtime(&self, name: Option<&str>) {
        let property = self.top.get(DEFAULT_RUNTIME);
        match (property, name) {
            (Some(property), Some(name)) => {
                property.set_value(CstInputValue::String(name.to_owned()));
            }
            (Some(property), None) => property.remove(),
            (None, Some(name)) => {
                if self.top.properties().is_empty() {
                    self.top.ensure_multiline();
                }
                let value = CstInputValue::String(name.to_owned());
                self.top.append(DEFAULT_RUNTIME, value);
            }
            (None, None) => {}
        }
    }

    /// Drops a `runtimes` that holds nothing.
    ///
    /// # Errors
    /// When `runtimes` is not an object.
    pub fn drop_empty_runtimes(&self) -> Result<(), DaemonJsonError> {
        let is_empty = |runtimes: CstObject| runtimes.properties().is_empty();
        if self.runtimes()?.is_some_and(is_empty)
            && let Some(property) = self.top.get(RUNTIMES)
        {
            property.remove();
        }
        Ok(())
    }

    /// The names under which programs of ours are registered.
    ///
    /// # Errors
    /// When `runtimes` is not an object of objects.
    pub fn ours(&self) -> Result<Vec<String>, DaemonJsonError> {
        let Some(runtimes) = self.runtimes()? else {
            return Ok(Vec::new());
        };
        let mut ours = Vec::new();
        for name in property_names(&runtimes) {
            let entry = self.entry(&name)?;
            let path = entry.as_ref().and_then(registered_path);
            if path.is_some_and(|path| is_ours(&path)) {
                ours.push(name);
            }
        }
        Ok(ours)
    }

    /// The default runtime, when the file names one.
    pub fn default_runtime(&self) -> Option<String> {
        let value = self.top.get(DEFAULT_RUNTIME)?.value()?;
        value.as_string_lit()?.decoded_value().ok()
    }

    fn runtimes(&self) -> Result<Option<CstObject>, DaemonJsonError> {
        object_at(&self.top, RUNTIMES)
    }

    fn entry(&self, name: &str) -> Result<Option<CstObject>, DaemonJsonError> {
        let Some(runtimes) = self.runtimes()? else {
            return Ok(None);
        };
        require_once(&runtimes, name)?;
        object_at(&runtimes, name)
    }
}

/// Whether a program registered as a runtime is the wrapper, by its name.
pub fn is_ours(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(WRAPPER)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn registered_path(entry: &CstObject) -> Option<PathBuf> {
    let path = entry.get("path")?.value()?.as_string_lit()?;
    path.decoded_value().ok().map(PathBuf::from)
}

fn property_names(object: &CstObject) -> Vec<String> {
    let properties = object.properties().into_iter();
    properties
        .filter_map(|property| property.decoded_name())
        .collect()
}

fn require_once(object: &CstObject, name: &str) -> Result<(), DaemonJsonError> {
    match property_names(object)
        .iter()
        .filter(|known| *known == name)
        .count()
    {
        0 | 1 => Ok(()),
        _ => Err(DaemonJsonError::Twice(name.to_owned())),
    }
}

fn object_at(object: &CstObject, name: &str) -> Result<Option<CstObject>, DaemonJsonError> {
    let Some(property) = object.get(name) else {
        return Ok(None);
    };
    match property.object_value() {
        Some(value) => Ok(Some(value)),
        None => Err(DaemonJsonError::NotAnObject(name.to_owned())),
    }
}

fn malformed(error: &serde_json::Error) -> DaemonJsonError {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text);
    DaemonJsonError::Malformed {
        line: error.line(),
        column: error.column(),
        reason: reason.to_owned(),
    }
}

/// JSON to the letter, as dockerd reads it.
fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

#[cfg(test)]
mod tests;
