//! Where a value comes from: one file a kind of source.

mod file;
mod host_variable;
mod plain;
mod unsupported;

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

pub use host_variable::Shell;

use crate::config::{Value, Written};
use crate::host::Host;

/// A source as it was written, told apart by its form.
pub enum Source {
    /// The text is the value.
    Plain(SecretString),
    /// `$NAME` or `${NAME}`: a variable of the shell at launch.
    HostVariable(String),
    /// `file:PATH`: a file's content.
    File(PathBuf),
}

/// Why a source gives no value. Never carries one.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A `$` that begins no variable's name.
    #[error(
        "it begins with `$` and is no $NAME or ${{NAME}}; write a literal `$` at the beginning as `$$`"
    )]
    Dollar,
    /// A kind of source that this version knows by name only.
    #[error("sources of the kind `{kind}` are not supported yet by this version")]
    Unsupported {
        /// The kind, as it is written.
        kind: &'static str,
    },
    /// A variable of the shell that is not there.
    #[error("${name} is not set in the environment of this command")]
    Unset {
        /// The variable.
        name: String,
    },
    /// A value that is no text, or holds a NUL.
    #[error("{place} does not hold UTF-8 text without NUL")]
    NoText {
        /// The file or the variable.
        place: String,
    },
    /// A variable of a shell that is gone, with nothing delivered from it.
    #[error("${name} was read from the shell at launch and cannot be read again")]
    ShellGone {
        /// The variable.
        name: String,
    },
    /// A path that depends on the folder the command is given in.
    #[error("`file:` wants an absolute path, or one that begins with ~/")]
    RelativeFile,
    /// A file that cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file that is no file, or too large for a variable.
    #[error("{} is no regular file of at most {limit} bytes", path.display())]
    NoValueFile {
        /// The file.
        path: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
}

impl Source {
    /// Tells a source by its form.
    ///
    /// # Errors
    /// It has the form of a source that is wrong or not supported: such a
    /// text is never taken for the value itself.
    pub fn parse(written: &Written) -> Result<Self, SourceError> {
        let text = match written {
            Written::Text(text) => text.expose_secret(),
            Written::Op { .. } => return Err(SourceError::Unsupported { kind: "op://" }),
            Written::Command(_) => return Err(SourceError::Unsupported { kind: "cmd:" }),
        };
        if let Some(kind) = unsupported::kind(text) {
            return Err(SourceError::Unsupported { kind });
        }
        if let Some(path) = text.strip_prefix("file:") {
            return file::parse(path).map(Self::File);
        }
        if let Some(name) = host_variable::parse(text)? {
            return Ok(Self::HostVariable(name));
        }
        Ok(Self::Plain(plain::parse(text)))
    }
}

impl Source {
    /// What may be shown of what was written, whether it can be read or not.
    pub fn shown(written: &Written) -> String {
        match Self::parse(written) {
            Ok(source) => source.to_string(),
            // What is wrong may be a secret in the wrong place.
            Err(_) => "unreadable value".to_owned(),
        }
    }
}

/// What may be shown of a source: all but the value.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("plain value"),
            Self::HostVariable(name) => write!(f, "${name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// A value that is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where it comes from.
    pub value: &'a Value,
    /// The variable that it becomes.
    pub delivered_as: &'a str,
    /// The shell whose variables are read, or what is left of it.
    pub shell: Shell<'a>,
}

/// Reads all the values, each of which may fail for itself. An empty value is
/// no error here.
pub fn read_all(host: &Host, wanted: &[Wanted<'_>]) -> Vec<Result<SecretString, SourceError>> {
    wanted.iter().map(|one| read(host, one)).collect()
}

fn read(host: &Host, wanted: &Wanted<'_>) -> Result<SecretString, SourceError> {
    match Source::parse(&wanted.value.written)? {
        Source::Plain(value) => Ok(value),
        Source::HostVariable(name) => wanted.shell.read(&name, wanted.delivered_as),
        Source::File(path) => file::read(&path, host.home()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Source::parse(&Written::Text(text.into())) {
            Ok(Source::Plain(value)) => format!("value {}", value.expose_secret()),
            Ok(source) => source.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn scenario_20_a_dollar_counts_as_the_whole_value_only() {
        for (written, meant) in [
            ("$NAME", "$NAME"),
            ("${NAME}", "$NAME"),
            ("$_a1", "$_a1"),
            ("$$NAME", "value $NAME"),
            ("$$", "value $"),
            ("$$$x", "value $$x"),
            ("a$NAME", "value a$NAME"),
            ("a$$b", "value a$$b"),
            ("", "value "),
        ] {
            assert_eq!(shown(written), meant);
        }
        for refused in ["$", "$1", "$a-b", "${a", "${}", "$a b", "$NAME$", "${A}x"] {
            assert!(
                shown(refused).starts_with("error: it begins with `$`"),
                "{refused}"
            );
        }
    }

    #[test]
    fn sources_of_later_versions_are_never_taken_for_the_value() {
        for (text, kind) in [
            ("op://vault/item/field", "op://"),
            ("helper:name/x", "helper:"),
            ("keychain:x", "keychain:"),
            ("secret-service:x", "secret-service:"),
            ("se://x", "se://"),
            ("cmd:x", "cmd:"),
        ] {
            let expected = format!(
                "error: sources of the kind `{kind}` are not supported yet by this version"
            );
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown("opera"), "value opera");
    }
}
