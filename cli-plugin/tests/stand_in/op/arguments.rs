//! The command line, as cobra reads it; what the real one does not have, and
//! what we do not use, is no flag.

use std::collections::BTreeMap;

use super::{Trouble, surprise};

/// A verb, the flags that it takes beside the global ones, and how many
/// arguments stand beside them.
const VERBS: [(&str, &[&str], usize); 10] = [
    ("--version", &[], 0),
    ("whoami", &[], 0),
    ("account list", &[], 0),
    ("vault list", &["permission"], 0),
    ("item create", &["vault"], 1),
    ("item edit", &["vault"], 1),
    ("item get", &["vault", "reveal", "include-archive"], 1),
    ("item list", &["vault", "tags", "include-archive"], 0),
    ("item delete", &["vault", "archive"], 1),
    ("read", &["no-newline"], 1),
];

const GLOBAL: [&str; 5] = ["account", "format", "cache", "no-color", "iso-timestamps"];

/// Flags without a value of their own; cobra takes one behind `=` alone.
const SWITCHES: [&str; 6] = [
    "reveal",
    "include-archive",
    "archive",
    "no-newline",
    "no-color",
    "iso-timestamps",
];

/// A command line that was understood.
pub(crate) struct Arguments {
    pub(crate) verb: &'static str,
    flags: BTreeMap<String, String>,
    pub(crate) position: Option<String>,
}

impl Arguments {
    /// Reads one.
    pub(crate) fn parse(given: &[String]) -> Result<Self, Trouble> {
        let starts = |verb: &str| {
            let words: Vec<_> = verb.split(' ').collect();
            given.len() >= words.len() && given.iter().zip(&words).all(|(a, b)| a == b)
        };
        let Some((verb, own, places)) = VERBS.into_iter().find(|(verb, ..)| starts(verb)) else {
            return surprise("no such verb");
        };
        let mut rest = given.iter().skip(verb.split(' ').count());
        let mut flags = BTreeMap::new();
        let mut positions = Vec::new();
        while let Some(word) = rest.next() {
            let Some(flag) = word.strip_prefix("--") else {
                if word.starts_with('-') && word != "-" {
                    return surprise(format!("short flag {word}"));
                }
                positions.push(word.clone());
                continue;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None if SWITCHES.contains(&flag) => (flag, "true".to_owned()),
                None if flag == "cache" => (flag, "true".to_owned()),
                None => (flag, rest.next().cloned().unwrap_or_default()),
            };
            if !own.contains(&name) && !GLOBAL.contains(&name) {
                return surprise(format!("unknown flag: --{name}"));
            }
            if value.is_empty() || flags.insert(name.to_owned(), value).is_some() {
                return surprise(format!("--{name} is empty or given twice"));
            }
        }
        if positions.len() != places || positions.iter().any(String::is_empty) {
            return surprise(format!("{} arguments, not {places}", positions.len()));
        }
        let parsed = Self {
            verb,
            flags,
            position: positions.pop(),
        };
        parsed.check()?;
        Ok(parsed)
    }

    fn check(&self) -> Result<(), Trouble> {
        let dash = self.position.as_deref() == Some("-");
        if dash != (self.verb == "item create") {
            return surprise("`-` belongs to `item create`, and to it alone");
        }
        let form = self.flag("format");
        if form.is_some_and(|form| form != "json") {
            return surprise("only JSON has a form that lasts");
        }
        let prints_json = !["--version", "read", "item delete"].contains(&self.verb);
        if prints_json != form.is_some() {
            return surprise("--format is wanted where something is to be read, and nowhere else");
        }
        Ok(())
    }

    /// A flag's value.
    pub(crate) fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.flag(name) == Some("true")
    }

    /// The argument that stands alone.
    pub(crate) fn argument(&self) -> &str {
        self.position.as_deref().unwrap_or_default()
    }

    /// Whether a template is read.
    pub(crate) fn reads_template(&self) -> bool {
        ["item create", "item edit"].contains(&self.verb)
    }

    /// Whether what the daemon has cached may be the answer.
    pub(crate) fn may_be_cached(&self) -> bool {
        let off = |value: &str| value == "false";
        let variable = std::env::var("OP_CACHE").unwrap_or_default();
        !self.flag("cache").is_some_and(off) && !off(&variable)
    }
}
