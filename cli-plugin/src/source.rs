//! Where a value comes from: one file a kind of source.

pub(crate) mod age;
mod ask;
mod child;
mod command;
mod error;
mod file;
mod helper;
mod host_variable;
mod interrupt;
pub(crate) mod keychain;
mod keyring;
mod op;
mod plain;
mod program;
mod question;
mod reading;
mod ready;
pub(crate) mod secret_service;
#[cfg(test)]
mod stand_in_machine;
mod unsupported;
mod words;

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

pub use age::AgeTrouble;
pub use age::identity::NoIdentity;
pub use ask::Trouble;
pub use child::NoAnswer;
pub(crate) use child::{Answer, Question};
pub use command::{Line, NoCommand};
pub use error::SourceError;
pub use helper::{Credential, NoHelper};
pub use host_variable::Shell;
pub(crate) use interrupt::Watch;
pub use keyring::{Item, KeyringTrouble, NoItem};
pub(crate) use op::{
    Ambient as OpAmbient, PROGRAM as OP, ambient as op_ambient, environment as op_environment,
    why_not as why_op_does_not,
};
pub use op::{NoReference, OpTrouble, Reference};
pub(crate) use program::{find as find_program, whole_environment};
pub use reading::{Wanted, read_all, read_without_asking};

use crate::config::Written;

/// The forms of a reference, for people.
pub const FORMS: &str = "'$NAME', file:PATH, age:PATH, op://VAULT/ITEM/FIELD, helper:NAME/URL, \
    secret-service:SERVICE/ACCOUNT, keychain:SERVICE/ACCOUNT, cmd:COMMAND";

/// A source as it was written, told apart by its form.
pub enum Source {
    /// The text is the value.
    Plain(SecretString),
    /// `$NAME` or `${NAME}`: a variable of the shell at launch.
    HostVariable(String),
    /// `file:PATH`: a file's content.
    File(PathBuf),
    /// `op://…`: a field of 1Password.
    Op(Reference),
    /// `helper:NAME/SERVER`: what a docker-credential helper keeps.
    Helper(Credential),
    /// `cmd:`: what a program prints.
    Command(Line),
    /// `secret-service:SERVICE/ACCOUNT`: an item of the desktop's keyring.
    SecretService(Item),
    /// `keychain:SERVICE/ACCOUNT`: a generic password of the macOS Keychain.
    Keychain(Item),
    /// `age:PATH`: a file that is encrypted for the user's age identity.
    Age(PathBuf),
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
            Written::Op { reference, account } => {
                return Ok(Self::Op(Reference::parse(reference, account.as_deref())?));
            }
            Written::Command(words) => return Ok(Self::Command(Line::new(words.clone())?)),
        };
        if let Some(kind) = unsupported::kind(text) {
            return Err(SourceError::Unsupported { kind });
        }
        if let Some(path) = text.strip_prefix(file::SCHEME) {
            return file::parse(path, file::SCHEME).map(Self::File);
        }
        if let Some(path) = text.strip_prefix(age::SCHEME) {
            return file::parse(path, age::SCHEME).map(Self::Age);
        }
        if let Some(rest) = text.strip_prefix(secret_service::SCHEME) {
            return item(rest, secret_service::SCHEME).map(Self::SecretService);
        }
        if let Some(rest) = text.strip_prefix(keychain::SCHEME) {
            return item(rest, keychain::SCHEME).map(Self::Keychain);
        }
        if text.starts_with(op::SCHEME) {
            return Ok(Self::Op(Reference::parse(text, None)?));
        }
        if let Some(rest) = text.strip_prefix(helper::SCHEME) {
            return Ok(Self::Helper(Credential::parse(rest)?));
        }
        if let Some(line) = text.strip_prefix(command::SCHEME) {
            return Ok(Self::Command(Line::parse(line)?));
        }
        if let Some(name) = host_variable::parse(text)? {
            return Ok(Self::HostVariable(name));
        }
        Ok(Self::Plain(plain::parse(text)))
    }
}

fn item(rest: &str, scheme: &'static str) -> Result<Item, SourceError> {
    Item::parse(rest).map_err(|why| SourceError::NoItem { scheme, why })
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

    /// What tells this source from another that is shown alike; without the
    /// value, and so the same for all plain values.
    pub fn identity(&self) -> String {
        match self {
            Self::Command(line) => line.identity(),
            other => other.to_string(),
        }
    }

    /// Whether a program has to be run for it.
    pub fn asks_a_program(&self) -> bool {
        match self {
            Self::Plain(_) | Self::HostVariable(_) | Self::File(_) | Self::Age(_) => false,
            Self::Op(_)
            | Self::Helper(_)
            | Self::Command(_)
            | Self::SecretService(_)
            | Self::Keychain(_) => true,
        }
    }

    /// The same of what was written; what is no source asks nothing.
    pub fn would_ask_a_program(written: &Written) -> bool {
        Self::parse(written).is_ok_and(|source| source.asks_a_program())
    }

    /// Whether it can be read only while its user is there: later the shell of
    /// the launch is gone, and `op` or a command would prompt nobody.
    pub fn needs_its_user(&self) -> bool {
        matches!(self, Self::HostVariable(_) | Self::Op(_) | Self::Command(_))
    }
}

/// What may be shown of a source: all but the value.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("plain value"),
            Self::HostVariable(name) => write!(f, "${name}"),
            Self::File(path) => write!(f, "{}{}", file::SCHEME, path.display()),
            Self::Op(reference) => reference.fmt(f),
            Self::Helper(credential) => credential.fmt(f),
            Self::Command(line) => line.fmt(f),
            Self::SecretService(item) => write!(f, "{}{item}", secret_service::SCHEME),
            Self::Keychain(item) => write!(f, "{}{item}", keychain::SCHEME),
            Self::Age(path) => write!(f, "{}{}", age::SCHEME, path.display()),
        }
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
    fn every_kind_is_told_by_its_beginning_and_shown_without_its_value() {
        for (written, meant) in [
            ("op://vault/item/field", "op://vault/item/field"),
            ("helper:pass/https://x", "helper:pass/https://x"),
            ("cmd:pass show 'to ken'", "cmd:pass"),
            ("file:/x", "file:/x"),
            ("age:~/x", "age:~/x"),
            ("secret-service:a b/c/d", "secret-service:a b/c/d"),
            ("keychain:a/b", "keychain:a/b"),
            ("ages", "value ages"),
            ("op:/x", "value op:/x"),
            ("opera", "value opera"),
        ] {
            assert_eq!(shown(written), meant);
        }
        for broken in [
            "op://-x/y/z",
            "helper:x",
            "cmd:'",
            "file:x",
            "age:x",
            "keychain:x",
        ] {
            assert!(shown(broken).starts_with("error: "), "{broken}");
            assert_eq!(
                Source::shown(&Written::Text(broken.into())),
                "unreadable value"
            );
        }
    }

    #[test]
    fn scenario_24_no_refusal_of_a_form_shows_what_was_written() {
        for written in [
            "op://canary",
            "op://a/b/c?canary",
            "op://a/-canary/c",
            "op://a/b/canary\u{7}",
            "helper:CANARY/canary",
            "helper:canary",
            "helper:x/https://me:canary@host",
            "cmd:'canary",
            "cmd:./canary",
            "cmd:",
            "file:canary",
            "$canary-",
            "keychain:canary",
            "secret-service:canary",
            "secret-service:-canary/canary",
            "keychain:canary/ca\u{7}nary",
            "age:canary",
            "se://canary",
        ] {
            let error = Source::parse(&Written::Text(written.into())).err().unwrap();
            let told = format!("{error} {error:?} {:?}", error.hint()).to_lowercase();
            assert!(!told.contains("canary"), "{written}: {told}");
        }
    }

    #[test]
    fn scenario_15_an_account_is_part_of_what_a_source_is() {
        let written = |account: Option<&str>| Written::Op {
            reference: "op://a/b/c".into(),
            account: account.map(str::to_owned),
        };
        assert_eq!(Source::shown(&written(None)), "op://a/b/c");
        assert_eq!(
            Source::shown(&written(Some("work"))),
            "op://a/b/c in account work"
        );
    }

    #[test]
    fn sources_of_later_versions_are_never_taken_for_the_value() {
        assert_eq!(
            shown("se://x"),
            "error: sources of the kind `se://` are not supported yet by this version"
        );
    }
}
