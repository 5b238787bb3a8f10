//! What a setting of somebody else's was before it was changed, kept until
//! `uninstall` puts it back.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, value};

use super::change::FileChange;
use super::own_file::{Found, HEADER, OwnFile};
use crate::engine::owner::Owner;
use crate::engine::registration::left_as_it_is;
use crate::failure::Failure;

/// The file's name, in the folder of docker-jackin's own files.
const NAME: &str = "former.toml";

/// What one setting was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept(Option<String>);

impl Kept {
    /// A setting's value, or that there was no such setting.
    pub fn new(value: Option<String>) -> Self {
        Self(value)
    }

    /// Its value; `None` where there was no such setting.
    pub fn value(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// What settings were, by their file and key.
pub struct Former {
    file: OwnFile,
    text: Option<String>,
    document: DocumentMut,
}

impl Former {
    /// Reads what is kept for an owner's engines.
    ///
    /// # Errors
    /// The file cannot be read, or is not ours.
    pub fn read(owner: &Owner) -> Result<Self, Failure> {
        Self::at(owner.folder().join(NAME))
    }

    fn at(path: PathBuf) -> Result<Self, Failure> {
        let file = OwnFile::with_header(path);
        let text = match file.find()? {
            Found::Ours(text) => Some(text),
            Found::Missing => None,
            Found::NotOurs => {
                let reason = "it is not one of docker-jackin's own; rename it first";
                return Err(left_as_it_is(file.path(), &reason));
            }
        };
        let document = text.as_deref().unwrap_or_default().parse();
        let document: DocumentMut = document.map_err(|error| left_as_it_is(file.path(), &error))?;
        Ok(Self {
            file,
            text,
            document,
        })
    }

    /// What a setting was; `None` when nothing is kept of it.
    pub fn value(&self, file: &Path, key: &str) -> Option<Kept> {
        let kept = self.document.get(&name(file))?.get(key)?.as_str()?;
        Some(Kept(Some(kept.to_owned()).filter(|kept| !kept.is_empty())))
    }

    /// The change that keeps a setting's value, unless one is kept already.
    pub fn keep<'a>(mut self, file: &Path, key: &str, former: Option<&str>) -> FileChange<'a> {
        if self.value(file, key).is_none() {
            let table = self.document.entry(&name(file));
            let table = table.or_insert(Item::Table(Table::new()));
            table[key] = value(former.unwrap_or_default());
        }
        let text = self.written();
        FileChange::new(self.file.path(), self.text.as_deref(), Some(text))
    }

    /// The change that forgets what is kept of a file.
    pub fn forget<'a>(mut self, file: &Path) -> FileChange<'a> {
        self.document.remove(&name(file));
        let left = !self.document.is_empty();
        let text = left.then(|| self.written());
        FileChange::new(self.file.path(), self.text.as_deref(), text)
    }

    /// The text: a head that is always the same, and the tables.
    fn written(&self) -> String {
        let tables = self.document.to_string();
        let tables: Vec<_> = tables
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        format!(
            "{HEADER} --default-runtime`: what uninstalling puts back.\n\
             # Empty: there was no such setting.\n\n{}\n",
            tables.join("\n").trim()
        )
    }
}

fn name(file: &Path) -> String {
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_setting_was_is_known_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let read = || Former::at(path.clone()).unwrap();
        let (one, two) = (Path::new("/etc/a.json"), Path::new("/etc/b.toml"));
        assert_eq!(read().value(one, "k"), None);
        read().keep(one, "k", Some("runc")).apply().unwrap();
        read().keep(two, "k", None).apply().unwrap();
        read()
            .keep(one, "k", Some("docker-jackin"))
            .apply()
            .unwrap();
        assert_eq!(read().value(one, "k"), Some(Kept(Some("runc".into()))));
        assert_eq!(read().value(two, "k"), Some(Kept(None)));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(HEADER), "{text}");
        read().forget(one).apply().unwrap();
        assert_eq!(read().value(one, "k"), None);
        read().forget(two).apply().unwrap();
        assert!(!path.exists());
    }
}
