//! The only writer of the configuration: one edit at a time, checked by the
//! strict reader before it is written, and written whole.

mod lock;
mod remove;
mod set;
mod text;
mod value;

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access as Allowed, access};
use toml_edit::{Document, Value};
use zeroize::Zeroizing;

pub use value::to_toml;

use super::{Config, ConfigError, file, parse};
use crate::auth::scope::Scope;
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::staged_file::{Access, StagedFile, sweep};

/// What an edit has led to.
#[derive(Debug)]
pub struct Edited<T> {
    /// What the edit gave.
    pub gave: T,
    /// The configuration as it now is.
    pub config: Config,
    /// Whether the file was written; an edit that changes nothing is not.
    pub changed: bool,
}

/// The configuration's text while it is being edited.
///
/// The text is wiped; the values that the TOML parser takes out of it are not,
/// which is one reason why a verb that edits keeps itself out of core dumps.
#[derive(Debug)]
pub struct Draft {
    text: Zeroizing<String>,
    config: Config,
}

impl Draft {
    /// The configuration as it was before this edit.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What stands in it, key by key.
    pub fn values(&self) -> Values<'_> {
        Values(text::parsed(&self.text).ok())
    }

    /// Sets a key of a table, which is made when it is missing.
    pub fn set(&mut self, table: &[String], key: &str, value: Value) -> Result<(), Failure> {
        let text = set::set(&self.text, table, key, value).map_err(|error| misfit(&error))?;
        self.text = text;
        Ok(())
    }

    /// Removes a key of a table, or a table in it with all that it holds.
    /// Gives whether it was there.
    pub fn remove(&mut self, table: &[String], key: &str) -> Result<bool, Failure> {
        let removed = remove::remove(&self.text, table, key).map_err(|error| misfit(&error))?;
        let there = removed.is_some();
        if let Some(text) = removed {
            self.text = text;
        }
        Ok(there)
    }

    /// The whole text as it now is, for [`put_back`](Self::put_back).
    pub fn text(&self) -> Zeroizing<String> {
        self.text.clone()
    }

    /// Takes a text that was the configuration's before.
    pub fn put_back(&mut self, text: &str) {
        self.text = Zeroizing::new(text.to_owned());
    }
}

/// The values of a configuration, for a look at single ones.
#[derive(Debug)]
pub struct Values<'a>(Option<Document<&'a str>>);

impl Values<'_> {
    /// What stands at a key of a table.
    pub fn get(&self, table: &[String], key: &str) -> Option<Value> {
        let mut item = self.0.as_ref()?.as_item();
        for name in table.iter().map(String::as_str).chain([key]) {
            item = item.get(name)?;
        }
        item.clone().into_value().ok()
    }
}

/// The path of a scope's table, such as `workspaces`, `my-app`, `claude`.
pub fn table_of(scope: &Scope, key: &str) -> Vec<String> {
    let path: Vec<&str> = match scope {
        Scope::Global => vec![key],
        Scope::Role(role) => vec!["roles", role, key],
        Scope::Workspace(workspace) => vec!["workspaces", workspace, key],
        Scope::WorkspaceRole(workspace, role) => {
            vec!["workspaces", workspace, "roles", role, key]
        }
    };
    path.into_iter().map(str::to_owned).collect()
}

/// The configuration `file` as an edit would find it, for a look at it.
///
/// # Errors
/// It is refused as it is.
pub fn draft(file: &Path, host: &Host) -> Result<Draft, Failure> {
    let (mut config, text) = file::load_with_text(file, host)?;
    config.follow_links();
    Ok(Draft { text, config })
}

/// Whether the reader would take what a table is given, with nothing else in
/// the configuration than `around`.
///
/// # Errors
/// It would refuse it.
pub fn would_take(
    home: &Path,
    around: &str,
    table: &[String],
    settings: &[(&str, &Value)],
) -> Result<(), Failure> {
    let mut text = Zeroizing::new(around.to_owned());
    for (key, value) in settings {
        text = set::set(&text, table, key, (*value).clone()).map_err(|error| misfit(&error))?;
    }
    let parsed = parse::parse(Path::new(""), &text, home);
    parsed.map(drop).map_err(refused)
}

/// Changes the configuration `file`.
///
/// `change` works on what the file holds while nobody else of us can write
/// it. It may be called twice, the first time only to see whether it has
/// anything against a configuration that is not there yet.
///
/// # Errors
/// The file is refused as it is, `change` refuses, its result would be
/// refused, or it cannot be written: the file is untouched then.
pub fn edit<T>(
    file: &Path,
    host: &Host,
    change: impl Fn(&mut Draft) -> Result<T, Failure>,
) -> Result<Edited<T>, Failure> {
    let real = real_path(file)?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        changed(file, host, &change)?;
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder);
        made.map_err(|error| unwritable(file, &error))?;
    }
    let _lock = lock::FolderLock::take(folder)?;
    let (gave, before, draft, after) = changed(file, host, &change)?;
    let changed = *before != *draft.text;
    if changed {
        let former = require_own(file, &real, host)?;
        require_secret(file, former.as_ref(), &after)?;
        require_readable(file, &draft.text)?;
        replace(file, &real, former.as_ref(), host, &before, &draft.text)?;
    }
    Ok(Edited {
        gave,
        config: after,
        changed,
    })
}

/// Finds out whether the configuration `file` could be changed so, and leaves
/// it as it is.
///
/// # Errors
/// Those that [`edit`] would have now.
pub fn rehearse(
    file: &Path,
    host: &Host,
    change: impl Fn(&mut Draft) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let real = real_path(file)?;
    let ((), _, draft, after) = changed(file, host, &change)?;
    let former = require_own(file, &real, host)?;
    require_secret(file, former.as_ref(), &after)?;
    require_readable(file, &draft.text)?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    access(folder, Allowed::WRITE_OK | Allowed::EXEC_OK)
        .map_err(|error| unwritable(file, &error.into()))
}

type Changed<T> = (T, Zeroizing<String>, Draft, Config);

/// The draft with the change made, next to what was there before.
fn changed<T>(
    file: &Path,
    host: &Host,
    change: &impl Fn(&mut Draft) -> Result<T, Failure>,
) -> Result<Changed<T>, Failure> {
    // All that reading refuses is refused here, readable plain values too.
    let (mut config, before) = file::load_with_text(file, host)?;
    config.follow_links();
    let mut draft = Draft {
        text: before.clone(),
        config,
    };
    let gave = change(&mut draft)?;
    let after = parse::parse(file, &draft.text, host.home()).map_err(refused)?;
    Ok((gave, before, draft, after))
}

/// Where the file itself is, so that a link to it survives: configurations
/// live in repositories of dot files.
fn real_path(file: &Path) -> Result<PathBuf, Failure> {
    match fs::canonicalize(file) {
        Ok(real) => Ok(real),
        Err(error) if fs::symlink_metadata(file).is_ok() => {
            let message = format!(
                "failed to change {}: the link leads nowhere: {error}",
                file.display()
            );
            Err(Failure::new(Kind::Configuration, message)
                .hint("make the file it leads to, or remove the link"))
        }
        Err(_) => Ok(file.to_owned()),
    }
}

/// The file as it is, which only its owner may replace.
fn require_own(file: &Path, real: &Path, host: &Host) -> Result<Option<Metadata>, Failure> {
    let metadata = match fs::metadata(real) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritable(file, &error)),
    };
    let owner = metadata.uid();
    if owner != host.uid() {
        let file = file.to_owned();
        return Err(ConfigError::Foreign { file, owner }.into());
    }
    Ok(Some(metadata))
}

/// A plain value goes into no file that others can read: it would be refused
/// by the next command, and read by then.
fn require_secret(
    file: &Path,
    former: Option<&Metadata>,
    config: &Config,
) -> Result<(), ConfigError> {
    let mode = former.map_or(0, |former| former.mode() & 0o7777);
    match file::first_plain_value(config) {
        Some(line) if mode & 0o044 != 0 => Err(ConfigError::Readable {
            file: file.to_owned(),
            line,
            mode,
        }),
        _ => Ok(()),
    }
}

/// What the reader would not read is not written.
fn require_readable(file: &Path, text: &str) -> Result<(), Failure> {
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if length <= file::LIMIT {
        return Ok(());
    }
    let limit = file::LIMIT;
    let message = format!("{} would be longer than {limit} bytes", file.display());
    Err(Failure::new(Kind::Configuration, message).hint("take something out of it first"))
}

fn replace(
    file: &Path,
    real: &Path,
    former: Option<&Metadata>,
    host: &Host,
    before: &str,
    text: &str,
) -> Result<(), Failure> {
    let folder = real.parent().unwrap_or(Path::new("/"));
    let failed = |error: io::Error| unwritable(file, &error);
    sweep(folder);
    let access = former.map_or(Access::Mode(0o600), Access::Of);
    let staged = StagedFile::write(folder, text.as_bytes(), access).map_err(failed)?;
    // An editor takes no lock of ours.
    let now = file::read(file, host.uid())?.map(|(text, _)| text);
    if now.unwrap_or_default().as_str() != before {
        let message = format!("{} was changed by somebody else just now", file.display());
        return Err(Failure::new(Kind::Configuration, message).hint("try again"));
    }
    staged.put(real).map_err(failed)
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    let message = format!("failed to change {}: {error}", file.display());
    let failure = Failure::new(Kind::Configuration, message);
    if error.kind() == io::ErrorKind::PermissionDenied {
        return failure.hint("its folder must be yours: the file is replaced as a whole");
    }
    failure
}

/// What the reader has against the result is what was wrong with the command.
fn refused(error: ConfigError) -> Failure {
    match error {
        ConfigError::Line { problem, .. } => (*problem).into(),
        error => error.into(),
    }
}

fn misfit(error: &text::Misfit) -> Failure {
    Failure::new(
        Kind::Internal,
        format!("failed to edit the configuration: {error}"),
    )
    .hint("change it by hand, and see what `docker jackin config check` says")
}

#[cfg(test)]
#[path = "edit/tests.rs"]
mod tests;

#[cfg(test)]
mod change_tests;

#[cfg(test)]
mod property_tests;
