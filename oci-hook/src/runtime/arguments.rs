//! The command line of an OCI runtime, as far as the wrapper must read it.
//!
//! runc's and crun's grammar: global flags, the verb, its flags, the
//! container's id. Flags take one dash or two, and their value after `=` or as
//! the next word.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Global flags that take a value (runc 1.3 `main.go`, crun 1.8 `crun.c`).
const GLOBAL_VALUES: [&str; 6] = [
    "root",
    "log",
    "log-format",
    "criu",
    "rootless",
    "cgroup-manager",
];

/// Flags of `create`, `run` and `exec` that take a value (runc 1.3
/// `create.go`, `run.go`, `exec.go`; crun 1.8 `create.c`, `run.c`, `exec.c`).
const VERB_VALUES: [&str; 20] = [
    "bundle",
    "b",
    "config",
    "f",
    "console-socket",
    "pid-file",
    "preserve-fds",
    "pidfd-socket",
    "process",
    "p",
    "cwd",
    "env",
    "e",
    "user",
    "u",
    "additional-gids",
    "g",
    "process-label",
    "apparmor",
    "cap",
];

/// Flags as above that `exec` has alone.
const EXEC_VALUES: [&str; 3] = ["c", "cgroup", "process-file"];

/// What the engine asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `create`
    Create,
    /// `run`
    Run,
    /// `exec`
    Exec,
    /// `delete`
    Delete,
    /// Any other word, or none: not looked into.
    Other,
}

/// A command line, taken apart only where the wrapper has to.
#[derive(Debug, Clone)]
pub struct Arguments {
    words: Vec<OsString>,
    verb_at: usize,
    verb: Verb,
}

/// One flag as it stands in the words.
#[derive(Debug, PartialEq, Eq)]
struct Flag {
    /// The first word of it.
    at: usize,
    /// How many words it takes, 1 or 2.
    words: usize,
    value: OsString,
}

impl Arguments {
    /// Finds the verb. The words do not include the program's name.
    pub fn parse(words: Vec<OsString>) -> Self {
        let mut at = 0;
        while let Some(word) = words.get(at) {
            match split(word) {
                Some((name, None)) if GLOBAL_VALUES.contains(&name) => at += 2,
                Some(_) => at += 1,
                None => break,
            }
        }
        let verb = match words.get(at).and_then(|word| word.to_str()) {
            Some("create") => Verb::Create,
            Some("run") => Verb::Run,
            Some("exec") => Verb::Exec,
            Some("delete") => Verb::Delete,
            _ => Verb::Other,
        };
        let verb_at = at.min(words.len());
        Self {
            words,
            verb_at,
            verb,
        }
    }

    /// What is asked for.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The words as they are to be passed on.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// The value of a global flag; of several the last, as for the runtimes.
    pub fn global(&self, name: &str) -> Option<&OsStr> {
        let mut found = None;
        let mut at = 0;
        while at < self.verb_at {
            let (this, value) = split(&self.words[at])?;
            let takes_next = value.is_none() && GLOBAL_VALUES.contains(&this);
            if this == name {
                found = value.or_else(|| self.words.get(at + 1).map(OsString::as_os_str));
            }
            at += if takes_next { 2 } else { 1 };
        }
        found
    }

    /// The bundle; the current folder where none is named.
    pub fn bundle(&self) -> PathBuf {
        self.last(&["bundle", "b"])
            .map_or_else(|| ".".into(), |flag| flag.value.into())
    }

    /// crun's `--config`: the file to read instead of the bundle's.
    pub fn config(&self) -> Option<PathBuf> {
        self.last(&["config", "f"]).map(|flag| flag.value.into())
    }

    /// The process file of an `exec`.
    pub fn process(&self) -> Option<PathBuf> {
        self.last(&["process", "p"]).map(|flag| flag.value.into())
    }

    /// The container's id: the first word behind the verb that is no flag.
    pub fn container(&self) -> Option<&OsStr> {
        let (_, end) = self.flags();
        self.words.get(end).map(OsString::as_os_str)
    }

    /// The same call with another bundle, and its own `config.json`.
    #[must_use]
    pub fn with_bundle(self, bundle: &Path) -> Self {
        self.replaced(&["bundle", "b", "config", "f"], "--bundle", bundle)
    }

    /// The same call with another process file.
    #[must_use]
    pub fn with_process(self, process: &Path) -> Self {
        self.replaced(&["process", "p"], "--process", process)
    }

    fn replaced(mut self, names: &[&str], flag: &str, value: &Path) -> Self {
        let (flags, _) = self.flags();
        for (name, found) in flags.into_iter().rev() {
            if names.contains(&&*name) {
                self.words.drain(found.at..found.at + found.words);
            }
        }
        let behind_verb = self.verb_at + 1;
        self.words.insert(behind_verb, value.into());
        self.words.insert(behind_verb, flag.into());
        self
    }

    fn last(&self, names: &[&str]) -> Option<Flag> {
        let (flags, _) = self.flags();
        let mut flags = flags.into_iter().rev();
        flags
            .find(|(name, _)| names.contains(&&**name))
            .map(|(_, flag)| flag)
    }

    /// The verb's flags that have a value, and where its other words begin.
    fn flags(&self) -> (Vec<(String, Flag)>, usize) {
        let mut flags = Vec::new();
        let mut at = self.verb_at + 1;
        while let Some(word) = self.words.get(at) {
            if word == "--" {
                at += 1;
                break;
            }
            let Some((name, value)) = split(word) else {
                break;
            };
            let takes_next = value.is_none() && self.takes_value(name);
            let next = || self.words.get(at + 1).map(OsString::as_os_str);
            let words = if takes_next { 2 } else { 1 };
            if let Some(value) = value.or_else(|| next().filter(|_| takes_next)) {
                let value = value.to_owned();
                flags.push((name.to_owned(), Flag { at, words, value }));
            }
            at += words;
        }
        (flags, at)
    }

    fn takes_value(&self, name: &str) -> bool {
        VERB_VALUES.contains(&name) || self.verb == Verb::Exec && EXEC_VALUES.contains(&name)
    }
}

/// Takes a flag apart: its name without dashes, and what follows its `=`.
fn split(word: &OsStr) -> Option<(&str, Option<&OsStr>)> {
    let bytes = word.as_bytes();
    let bare = bytes.strip_prefix(b"-")?;
    let bare = bare.strip_prefix(b"-").unwrap_or(bare);
    let (name, value) = match bare.iter().position(|byte| *byte == b'=') {
        Some(at) => (&bare[..at], Some(OsStr::from_bytes(&bare[at + 1..]))),
        None => (bare, None),
    };
    match std::str::from_utf8(name) {
        Ok("") | Err(_) => None,
        Ok(name) => Some((name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Arguments {
        Arguments::parse(line.split(' ').map(OsString::from).collect())
    }

    fn words(arguments: &Arguments) -> String {
        let words: Vec<_> = arguments
            .words()
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        words.join(" ")
    }

    #[test]
    fn containerds_call_is_understood() {
        let arguments = parse(
            "--root /run/r --log /run/b/log.json --log-format json create --bundle /run/b --pid-file /run/b/init.pid abc",
        );
        assert_eq!(arguments.verb(), Verb::Create);
        assert_eq!(arguments.global("root").unwrap(), "/run/r");
        assert_eq!(arguments.global("log").unwrap(), "/run/b/log.json");
        assert_eq!(arguments.global("log-format").unwrap(), "json");
        assert_eq!(arguments.bundle(), Path::new("/run/b"));
        assert_eq!(arguments.container().unwrap(), "abc");
    }

    #[test]
    fn equals_signs_short_flags_and_repetitions_are_understood() {
        let arguments =
            parse("--debug --root=/r --root /s create -b /one --bundle=/two --no-pivot abc");
        assert_eq!(arguments.global("root").unwrap(), "/s");
        assert_eq!(arguments.bundle(), Path::new("/two"));
        assert_eq!(arguments.container().unwrap(), "abc");
        assert_eq!(parse("create abc").bundle(), Path::new("."));
    }

    #[test]
    fn a_new_bundle_takes_the_place_of_every_other() {
        let arguments = parse("--root /r create -b /one --pid-file /p --bundle=/two abc");
        let arguments = arguments.with_bundle(Path::new("/ours"));
        assert_eq!(
            words(&arguments),
            "--root /r create --bundle /ours --pid-file /p abc"
        );
        assert_eq!(arguments.bundle(), Path::new("/ours"));
    }

    #[test]
    fn dockers_exec_is_understood() {
        let arguments =
            parse("--root /r exec --process /tmp/runc-process1 --detach --pid-file /p abc");
        assert_eq!(arguments.verb(), Verb::Exec);
        assert_eq!(
            arguments.process().unwrap(),
            Path::new("/tmp/runc-process1")
        );
        assert_eq!(arguments.container().unwrap(), "abc");
        let arguments = arguments.with_process(Path::new("/ours"));
        assert_eq!(
            words(&arguments),
            "--root /r exec --process /ours --detach --pid-file /p abc"
        );
    }

    #[test]
    fn a_command_behind_the_container_is_not_read_as_flags() {
        let arguments = parse("exec abc sh -p x --process /y");
        assert_eq!(arguments.container().unwrap(), "abc");
        assert_eq!(arguments.process(), None);
    }

    #[test]
    fn other_calls_are_not_looked_into() {
        for line in [
            "--version",
            "features",
            "--log x state abc",
            "kill create 9",
            "--root",
        ] {
            assert_eq!(parse(line).verb(), Verb::Other, "{line}");
        }
        assert_eq!(Arguments::parse(Vec::new()).verb(), Verb::Other);
    }
}
