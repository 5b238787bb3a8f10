//! A command line up to the word that is being written: which verb it is, and
//! what that word is to be.

use clap::{Arg, ArgAction, Command};

/// The line as far as it is written.
pub(super) struct Line<'a> {
    /// The verb, or its verb, or the whole program.
    pub(super) command: &'a Command,
    /// What the next word is.
    pub(super) next: Next<'a>,
    /// Flags of the command with their values, in the order given.
    pub(super) given: Vec<(&'a Arg, String)>,
    /// How many words the command was given that are no flags.
    pub(super) positionals: usize,
    /// Whether the rest is handed on to docker.
    handed_on: bool,
}

/// What a word is to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next<'a> {
    /// The value of this flag.
    ValueOf(&'a Arg),
    /// Anything that can follow.
    Any,
    /// A flag or a value of docker's, or one of ours among them.
    Dockers,
    /// A word of the container's command.
    OfTheCommand,
}

impl<'a> Line<'a> {
    /// Reads the words before the unfinished one.
    pub(super) fn read(root: &'a Command, before: &[&str]) -> Self {
        let mut line = Self {
            command: root,
            next: Next::Any,
            given: Vec::new(),
            positionals: 0,
            handed_on: false,
        };
        for word in before {
            line.take(word);
        }
        line
    }

    /// The last value that a flag was given.
    pub(super) fn value_of(&self, long: &str) -> Option<&str> {
        let mut given = self.given.iter().rev();
        let found = given.find(|(flag, _)| flag.get_long() == Some(long));
        found.map(|(_, value)| value.as_str())
    }

    /// The positional argument that comes next.
    pub(super) fn positional(&self) -> Option<&'a Arg> {
        self.command.get_positionals().nth(self.positionals)
    }

    fn take(&mut self, word: &str) {
        match self.next {
            Next::ValueOf(flag) => {
                self.given.push((flag, word.to_owned()));
                self.next = if self.handed_on {
                    Next::Dockers
                } else {
                    Next::Any
                };
            }
            Next::Any | Next::Dockers if word == "--" => self.next = Next::OfTheCommand,
            Next::Dockers if self.takes_flags_anywhere() => self.take_flag(word),
            Next::Dockers | Next::OfTheCommand => {}
            Next::Any if word.len() > 1 && word.starts_with('-') => self.take_flag(word),
            Next::Any => self.take_word(word),
        }
    }

    fn take_flag(&mut self, word: &str) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let Some(flag) = flag(self.command, name) else {
            return;
        };
        match value {
            Some(value) => self.given.push((flag, value.to_owned())),
            None if takes_the_next_word(flag) => self.next = Next::ValueOf(flag),
            None => self.given.push((flag, String::new())),
        }
    }

    fn take_word(&mut self, word: &str) {
        if let Some(verb) = self.command.find_subcommand(word) {
            self.command = verb;
            return;
        }
        // Behind the first word of `run` and `exec` comes what is docker's.
        let hands_on = self.positional().is_some_and(Arg::is_trailing_var_arg_set);
        self.positionals += 1;
        if hands_on {
            self.handed_on = true;
            self.next = Next::Dockers;
        }
    }

    /// Whether our flags may stand among docker's.
    pub(super) fn takes_flags_anywhere(&self) -> bool {
        self.command.get_name() == "exec"
    }
}

/// A flag of a command, by its name with the dashes.
pub(super) fn flag<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let mut flags = command.get_opts();
    match name.strip_prefix("--") {
        Some(long) => flags.find(|flag| flag.get_long() == Some(long)),
        None => flags.find(|flag| {
            let short = flag.get_short().map(String::from);
            short.is_some_and(|short| name.strip_prefix('-') == Some(&short))
        }),
    }
}

fn takes_the_next_word(flag: &Arg) -> bool {
    let takes_values = matches!(flag.get_action(), ArgAction::Set | ArgAction::Append);
    takes_values && !flag.is_require_equals_set()
}
