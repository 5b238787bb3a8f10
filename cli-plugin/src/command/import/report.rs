//! What an import would do, or has done: for people and for programs.

use std::fmt;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::merge::{Change, Merged, Standing};
use super::plan::{Fate, Note};
use crate::jackin::{Jackin, Remark};

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    from: PathBuf,
    into: PathBuf,
    files: Vec<File>,
    changes: Vec<Shown>,
    converted: Vec<ShownNote>,
    left_out: Vec<ShownNote>,
    not_read: Vec<ShownRemark>,
    /// Whether the changes have been made.
    pub(super) applied: bool,
}

#[derive(Debug, Serialize)]
struct File {
    name: String,
    version: Option<String>,
    form: &'static str,
}

/// One key.
#[derive(Debug, Serialize)]
struct Shown {
    table: Vec<String>,
    key: String,
    value: String,
    standing: Standing,
}

#[derive(Debug, Serialize)]
struct ShownNote {
    about: String,
    why: String,
    loses_protection: bool,
}

#[derive(Debug, Serialize)]
struct ShownRemark {
    place: String,
    what: String,
}

impl Report {
    pub(super) fn new(from: PathBuf, into: PathBuf, jackin: &Jackin, merged: &Merged) -> Self {
        let files = jackin.files.iter().map(|file| File {
            name: printable(&file.name),
            version: file.version.clone(),
            form: file.format.word(),
        });
        let notes = |fate| {
            let notes = merged.notes.iter().filter(|note| note.fate == fate);
            let mut notes: Vec<_> = notes.map(shown_note).collect();
            // What needs care comes first.
            notes.sort_by_key(|note| !note.loses_protection);
            notes
        };
        Self {
            from,
            into,
            files: files.collect(),
            changes: merged.changes.iter().flat_map(shown).collect(),
            converted: notes(Fate::Converted),
            left_out: notes(Fate::Left),
            not_read: jackin.remarks.iter().map(shown_remark).collect(),
            applied: false,
        }
    }

    /// How many keys are to be set.
    pub(super) fn count(&self) -> usize {
        self.of(&[Standing::New, Standing::Replaced]).count()
    }

    fn of<'a>(&'a self, standings: &'a [Standing]) -> impl Iterator<Item = &'a Shown> {
        self.changes
            .iter()
            .filter(|change| standings.contains(&change.standing))
    }
}

fn shown(change: &Change) -> impl Iterator<Item = Shown> {
    change.settings.iter().map(|setting| Shown {
        table: change.table.clone(),
        key: setting.key.clone(),
        value: printable(&setting.shown),
        standing: change.standing,
    })
}

fn shown_note(note: &Note) -> ShownNote {
    ShownNote {
        about: printable(&note.about),
        why: printable(&note.why),
        loses_protection: note.loses_protection,
    }
}

fn shown_remark(remark: &Remark) -> ShownRemark {
    ShownRemark {
        place: printable(&remark.place),
        what: printable(&remark.what),
    }
}

/// Names come from files of somebody else's, and could drive a terminal.
fn printable(text: &str) -> String {
    let mut printable = String::new();
    for letter in text.chars() {
        if letter.is_control() {
            printable.extend(letter.escape_default());
        } else {
            printable.push(letter);
        }
    }
    printable
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "from {}", self.from.display())?;
        for file in &self.files {
            let version = file.version.as_deref().unwrap_or("no version");
            writeln!(f, "  {} ({version}, {})", file.name, file.form)?;
        }
        writeln!(f, "into {}", self.into.display())?;
        self.write_changes(f)?;
        write_notes(f, "taken over as something else", &self.converted)?;
        write_notes(f, "not taken over", &self.left_out)?;
        if !self.not_read.is_empty() {
            writeln!(f, "\nnot understood:")?;
        }
        for remark in &self.not_read {
            writeln!(f, "  {}: {}", remark.place, remark.what)?;
        }
        Ok(())
    }
}

impl Report {
    fn write_changes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, standings) in [
            ("taken over", &[Standing::New][..]),
            ("replaced", &[Standing::Replaced]),
            ("kept as it is (--force takes jackin's)", &[Standing::Kept]),
        ] {
            let mut table: Option<&[String]> = None;
            for change in self.of(standings) {
                if table.is_none() {
                    writeln!(f, "\n{heading}:")?;
                }
                if table != Some(&change.table) {
                    writeln!(f, "  [{}]", printable(&change.table.join(".")))?;
                }
                table = Some(&change.table);
                writeln!(f, "    {} = {}", printable(&change.key), change.value)?;
            }
        }
        let there = self.of(&[Standing::There]).count();
        if there > 0 {
            let plural = if there == 1 { "" } else { "s" };
            writeln!(f, "\n{there} setting{plural} there already")?;
        }
        Ok(())
    }
}

fn write_notes(f: &mut fmt::Formatter<'_>, heading: &str, notes: &[ShownNote]) -> fmt::Result {
    if !notes.is_empty() {
        writeln!(f, "\n{heading}:")?;
    }
    let care = AnsiColor::Yellow.on_default().bold();
    for note in notes {
        let (mark, style) = if note.loses_protection {
            ("!", care)
        } else {
            (" ", Style::new())
        };
        writeln!(f, "{style}{mark}{style:#} {}: {}", note.about, note.why)?;
    }
    Ok(())
}
