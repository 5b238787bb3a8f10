//! What could stand for the word that is being written.

use clap::{Arg, ArgAction, Command, ValueHint};

use super::line::{Line, Next, flag};
use super::names::Names;
use crate::agent::Agent;
use crate::auth::mode::AuthMode;
use crate::plugin::global_flags::GlobalFlags;

/// Cobra's directives, which the shells' scripts know by these numbers: what
/// to do beside the candidates. Nothing means the names of files.
mod directive {
    pub(super) const FILES: u32 = 0;
    pub(super) const NO_SPACE: u32 = 2;
    pub(super) const NO_FILES: u32 = 4;
    pub(super) const FOLDERS: u32 = 16;
}

/// The modes, each with what it means.
const MODES: [(&str, &str); 4] = [
    ("sync", "the host's own login"),
    ("api_key", "an API key"),
    ("oauth_token", "a long-lived token"),
    ("ignore", "no login"),
];

/// How sources of values begin.
const SOURCES: [(&str, &str); 4] = [
    ("file:", "a file"),
    ("op://", "a field of 1Password"),
    ("helper:", "a docker-credential helper"),
    ("cmd:", "what a command prints"),
];

/// The stores that keep a Claude token.
const STORES: [(&str, &str); 7] = [
    ("auto", "the best that is there"),
    ("1password", "an item of 1Password"),
    ("helper:", "a docker-credential helper"),
    ("secret-service", "the keyring of the desktop"),
    ("keychain", "the macOS Keychain"),
    ("age", "an encrypted file"),
    ("plain", "the configuration, in the clear"),
];

/// Candidates with their descriptions, and a directive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) candidates: Vec<(String, String)>,
    pub(super) directive: u32,
}

/// What could stand for the last of `words`.
pub(super) fn answer(root: &Command, words: &[&str], names: &impl Names) -> Answer {
    let (unfinished, before) = words.split_last().unwrap_or((&"", &[]));
    let line = Line::read(root, before);
    let asked = Asked {
        line,
        config_folder: config_folder(root, before),
        names,
    };
    // In `--flag=value`, shells complete the value alone.
    let value = unfinished.split_once('=');
    let within = value.and_then(|(name, value)| {
        let flag = flag(asked.line.command, name)?;
        (name.starts_with("--")).then_some((flag, value))
    });
    let (mut answer, beginning) = match (asked.line.next, within) {
        (Next::ValueOf(flag), _) => (asked.values(flag), *unfinished),
        (Next::Any | Next::Dockers, Some((flag, value))) => (asked.values(flag), value),
        (Next::Dockers, None) => (asked.among_dockers(unfinished), *unfinished),
        (Next::OfTheCommand, _) => (files(), *unfinished),
        (Next::Any, None) => (asked.anything(unfinished), *unfinished),
    };
    answer.candidates.retain(|(candidate, _)| {
        // A line break in a name would begin a candidate of its own.
        candidate.starts_with(beginning) && !candidate.contains(char::is_control)
    });
    for (_, description) in &mut answer.candidates {
        description.retain(|c| !c.is_control());
    }
    answer
}

/// Docker's own `--config`, where it is passed on.
fn config_folder(root: &Command, before: &[&str]) -> Option<String> {
    let mut given = None;
    for (at, word) in before.iter().enumerate() {
        if root.find_subcommand(word).is_some() {
            break;
        }
        match word.strip_prefix("--config") {
            Some("") => given = before.get(at + 1).map(|folder| (*folder).to_owned()),
            Some(rest) => given = rest.strip_prefix('=').map(str::to_owned).or(given),
            None => {}
        }
    }
    given
}

/// A line, and where the names in it are known.
struct Asked<'a, N> {
    line: Line<'a>,
    config_folder: Option<String>,
    names: &'a N,
}

impl<N: Names> Asked<'_, N> {
    fn anything(&self, unfinished: &str) -> Answer {
        if unfinished.starts_with('-') && unfinished != "-" {
            return plain(self.flags());
        }
        let verbs = self.line.command.get_subcommands();
        let verbs: Vec<_> = verbs.filter(|verb| !verb.is_hide_set()).collect();
        if !verbs.is_empty() && self.line.positionals == 0 {
            return plain(verbs.into_iter().map(described).collect());
        }
        match self.line.positional() {
            Some(argument) => self.values(argument),
            None => plain(self.flags()),
        }
    }

    /// Our flags where they may stand, else the files that docker's flags and
    /// commands are about.
    fn among_dockers(&self, unfinished: &str) -> Answer {
        if self.line.takes_flags_anywhere() && unfinished.starts_with("--") {
            return plain(self.flags());
        }
        files()
    }

    /// The flags that can still be given.
    fn flags(&self) -> Vec<(String, String)> {
        let given = |flag: &Arg| {
            let mut given = self.line.given.iter();
            given.any(|(one, _)| one.get_id() == flag.get_id())
        };
        let flags = self.line.command.get_arguments().filter(|flag| {
            let repeats = matches!(flag.get_action(), ArgAction::Append | ArgAction::Count);
            !flag.is_hide_set() && (repeats || !given(flag))
        });
        flags
            .filter_map(|flag| {
                let help = flag.get_help().map(ToString::to_string);
                let help = help.unwrap_or_default();
                let first = help.lines().next().unwrap_or_default().to_owned();
                Some((format!("--{}", flag.get_long()?), first))
            })
            .collect()
    }

    /// What an argument can be: told by what its value is called, so that a
    /// new verb is completed as soon as it is there.
    fn values(&self, argument: &Arg) -> Answer {
        let possible = argument.get_possible_values();
        if !possible.is_empty() {
            let possible = possible.iter().filter(|value| !value.is_hide_set());
            return plain(
                possible
                    .map(|value| {
                        let help = value.get_help().map(ToString::to_string);
                        (value.get_name().to_owned(), help.unwrap_or_default())
                    })
                    .collect(),
            );
        }
        let named = argument.get_value_names().unwrap_or_default();
        let named = named
            .first()
            .map(clap::builder::Str::as_str)
            .unwrap_or_default();
        match (argument.get_long().unwrap_or_default(), named) {
            ("workspace", _) | (_, "WORKSPACE") => plain(self.workspaces()),
            ("role", _) | (_, "ROLE") => plain(self.roles()),
            (_, "CONTAINER|ROLE") => plain(self.containers_and_roles()),
            (_, "HANDLE") => plain(self.names.tickets()),
            (_, "MODE") => plain(self.modes()),
            (_, "VARIABLE") => plain(self.variables()),
            (_, "STORE") => plain(owned(&STORES)),
            (_, "SOURCE") => Answer {
                candidates: owned(&SOURCES),
                directive: directive::NO_SPACE | directive::NO_FILES,
            },
            _ => Answer {
                candidates: Vec::new(),
                directive: files_of(argument.get_value_hint()),
            },
        }
    }

    fn config(&self) -> crate::config::Config {
        self.names.config(self.config_folder.as_deref())
    }

    fn workspaces(&self) -> Vec<(String, String)> {
        let workspaces = self.config().workspaces.into_iter();
        let folder = |workdir: Option<std::path::PathBuf>| {
            workdir.map_or_else(String::new, |workdir| workdir.display().to_string())
        };
        workspaces
            .map(|(name, workspace)| (name, folder(workspace.workdir)))
            .collect()
    }

    fn roles(&self) -> Vec<(String, String)> {
        let roles = self.config().roles.into_iter();
        roles.map(|(name, role)| (name, role.image)).collect()
    }

    fn containers_and_roles(&self) -> Vec<(String, String)> {
        let flags = GlobalFlags {
            config: self.config_folder.as_ref().map(Into::into),
            ..GlobalFlags::default()
        };
        let containers = self.names.containers(&flags).into_iter();
        let containers = containers.map(|(name, role)| (name, format!("container {role}")));
        self.roles().into_iter().chain(containers).collect()
    }

    /// The modes that the agent on the line knows.
    fn modes(&self) -> Vec<(String, String)> {
        let named = self.line.value_of("agent").and_then(Agent::from_word);
        let agent = named.unwrap_or(Agent::Claude);
        let modes = MODES.iter();
        modes
            .filter(|(word, _)| AuthMode::parse(agent, word).is_ok())
            .map(|(word, what)| ((*word).to_owned(), (*what).to_owned()))
            .collect()
    }

    /// Every variable that the configuration names somewhere.
    fn variables(&self) -> Vec<(String, String)> {
        let config = self.config();
        let workspaces = config.workspaces.values();
        let cells = workspaces.clone().flat_map(|one| one.roles.values());
        let mut names: Vec<_> = std::iter::once(&config.env)
            .chain(config.roles.values().map(|role| &role.env))
            .chain(workspaces.map(|workspace| &workspace.env))
            .chain(cells.map(|cell| &cell.env))
            .flat_map(|env| env.keys())
            .map(|name| name.as_str().to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
            .into_iter()
            .map(|name| (name, String::new()))
            .collect()
    }
}

fn plain(candidates: Vec<(String, String)>) -> Answer {
    Answer {
        candidates,
        directive: directive::NO_FILES,
    }
}

fn files() -> Answer {
    Answer {
        candidates: Vec::new(),
        directive: directive::FILES,
    }
}

fn files_of(hint: ValueHint) -> u32 {
    match hint {
        ValueHint::DirPath => directive::FOLDERS,
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::ExecutablePath => directive::FILES,
        _ => directive::NO_FILES,
    }
}

fn owned(words: &[(&str, &str)]) -> Vec<(String, String)> {
    let words = words.iter();
    words
        .map(|(word, what)| ((*word).to_owned(), (*what).to_owned()))
        .collect()
}

fn described(verb: &Command) -> (String, String) {
    let about = verb.get_about().map(ToString::to_string);
    (verb.get_name().to_owned(), about.unwrap_or_default())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
