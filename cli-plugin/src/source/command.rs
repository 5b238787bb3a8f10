//! `cmd:`: what a program prints.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::ask::{self, Patience, Trouble};
use super::interrupt::Watch;
use super::program;
use super::words;
use crate::host::Host;

/// How such a source begins when it is written as one text.
pub(super) const SCHEME: &str = "cmd:";

/// A program with its arguments. No shell is between: nothing is expanded,
/// and `|`, `>` and `$` are letters like any other.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    program: String,
    arguments: Vec<String>,
}

/// Why a text is no command. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCommand {
    /// A quote that is never closed.
    #[error("a quote is not closed")]
    Quote,
    /// Nothing is to be run.
    #[error("it names no program")]
    Empty,
    /// The program depends on the folder the command is given in.
    #[error(
        "its program is a relative path; write a name to be found in PATH, or an absolute path"
    )]
    Relative,
    /// An argument that no program can be given.
    #[error("it holds a NUL")]
    Nul,
}

impl Line {
    /// Takes one text apart as a shell would.
    ///
    /// # Errors
    /// A shell would refuse it, or it names no program.
    pub(super) fn parse(text: &str) -> Result<Self, NoCommand> {
        Self::new(shell_words::split(text).map_err(|_| NoCommand::Quote)?)
    }

    /// Takes a list as it is.
    ///
    /// # Errors
    /// It names no program.
    pub(super) fn new(words: Vec<String>) -> Result<Self, NoCommand> {
        if words.iter().any(|word| word.contains('\0')) {
            return Err(NoCommand::Nul);
        }
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        let program = program.ok_or(NoCommand::Empty)?;
        if program.contains('/') && !program.starts_with('/') {
            return Err(NoCommand::Relative);
        }
        Ok(Self {
            program,
            arguments: words.collect(),
        })
    }

    /// Its program, by name or absolute path.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// Runs it for the value.
    pub(super) fn read(
        &self,
        host: &Host,
        patience: Patience,
        watch: &Watch,
    ) -> Result<SecretString, Trouble> {
        let file = if self.program.starts_with('/') {
            PathBuf::from(&self.program)
        } else {
            let program = self.program.clone();
            program::find(&program, host).ok_or(Trouble::NotInstalled { program })?
        };
        let answer = ask::Program {
            file: &file,
            arguments: self.arguments.iter().map(String::as_str).collect(),
            variables: program::whole_environment(host),
            input: None,
        }
        .ask(host, patience, watch)?;
        if answer.status.success() {
            return ask::text(&answer.output);
        }
        let said = words::first_line(&answer.complaint, &answer.output, &self.program);
        Err(ask::failed(answer.status, said))
    }

    /// What tells this command from another without showing its arguments: the
    /// program and 32 bits of a hash, which no secret can be found from.
    pub(super) fn identity(&self) -> String {
        let mut hash = Sha256::new();
        for word in std::iter::once(&self.program).chain(&self.arguments) {
            hash.update(word);
            hash.update([0]);
        }
        let hash = hash.finalize();
        format!("{self}#{}", hex::encode(&hash[..4]))
    }
}

/// The program alone: its arguments may hold a secret.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program.chars().filter(|c| !c.is_control());
        write!(f, "{SCHEME}{}", program.collect::<String>())
    }
}

/// The program alone, as on the screen.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let line = Line::parse(text).unwrap();
        std::iter::once(line.program)
            .chain(line.arguments)
            .collect()
    }

    #[test]
    fn a_text_is_split_as_a_shell_would_and_nothing_in_it_is_expanded() {
        assert_eq!(words("pass show token"), ["pass", "show", "token"]);
        assert_eq!(
            words(r#"a 'b c' "d \" e" f\ g"#),
            ["a", "b c", "d \" e", "f g"]
        );
        assert_eq!(
            words("echo $HOME *.txt ~ | cat > x; `id`"),
            ["echo", "$HOME", "*.txt", "~", "|", "cat", ">", "x;", "`id`"]
        );
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for (text, why) in [
            ("", NoCommand::Empty),
            ("  ", NoCommand::Empty),
            ("''", NoCommand::Empty),
            ("pass 'show", NoCommand::Quote),
            ("./script", NoCommand::Relative),
            ("bin/script x", NoCommand::Relative),
            ("~/bin/script", NoCommand::Relative),
        ] {
            assert_eq!(Line::parse(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn scenario_24_no_argument_is_shown() {
        let line = Line::parse("/opt/bin/vault read canary --token canary").unwrap();
        assert_eq!(
            format!("{line} {line:?}"),
            "cmd:/opt/bin/vault <cmd:/opt/bin/vault>"
        );
        assert!(!line.identity().contains("canary"));
        let other = Line::parse("/opt/bin/vault read other").unwrap();
        assert_ne!(line.identity(), other.identity());
        // The same letters in other words are another command.
        let joined = Line::new(vec!["a".into(), "bc".into()]).unwrap();
        let split = Line::new(vec!["ab".into(), "c".into()]).unwrap();
        assert_ne!(joined.identity(), split.identity());
    }
}
