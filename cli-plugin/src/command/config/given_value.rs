//! A value as it is given to a command: a reference in the arguments, or the
//! secret itself by another way than the arguments.

use secrecy::{ExposeSecret, SecretString};
use toml_edit::Value;
use zeroize::Zeroizing;

use crate::auth::credential::is_one_line;
use crate::config::Written;
use crate::config::edit::to_toml;
use crate::failure::{Failure, Kind};
use crate::prompt;

use crate::source::{FORMS, Source};

/// What stands for "ask for it": a terminal is asked, anything else is read.
pub(in crate::command) const ASK: &str = "-";

/// A value that the configuration's reader takes.
pub(in crate::command) struct GivenValue {
    written: Written,
    plain: bool,
}

/// The text may be a secret.
impl std::fmt::Debug for GivenValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl GivenValue {
    /// The value that an argument gives: `-` asks for the secret, all else is
    /// the value as the configuration has it.
    ///
    /// # Errors
    /// It is no source that can be read, or the secret cannot be had.
    pub(in crate::command) fn from_argument(
        text: &str,
        account: Option<&str>,
        what: &str,
    ) -> Result<Self, Failure> {
        if let Some(account) = account {
            return Self::of_account(text, account);
        }
        if text == ASK {
            return Self::from_secret(&prompt::secret(what)?);
        }
        Self::from_written(Written::Text(text.into()))
    }

    /// A field of 1Password in one of several accounts.
    fn of_account(reference: &str, account: &str) -> Result<Self, Failure> {
        if !reference.starts_with("op://") {
            let message = "--account goes with an op:// reference";
            return Err(Failure::new(Kind::Usage, message));
        }
        Self::from_written(Written::Op {
            reference: reference.to_owned(),
            account: Some(account.to_owned()),
        })
    }

    fn from_written(written: Written) -> Result<Self, Failure> {
        let source = Source::parse(&written).map_err(|error| {
            let message = format!("the source cannot be used: {error}");
            Failure::new(Kind::Usage, message)
        })?;
        let plain = matches!(source, Source::Plain(_));
        Ok(Self { written, plain })
    }

    /// The secret itself, written so that it is read as nothing else.
    fn from_secret(secret: &str) -> Result<Self, Failure> {
        let written = match secret.strip_prefix('$') {
            Some(_) => Zeroizing::new(["$", secret].concat()),
            None => Zeroizing::new(secret.to_owned()),
        };
        let written = Written::Text(SecretString::from(written.as_str()));
        match Source::parse(&written) {
            Ok(Source::Plain(_)) => Ok(Self {
                written,
                plain: true,
            }),
            // A file with plain text in it has no way to write such a secret.
            _ => Err(Failure::new(
                Kind::Usage,
                "what was read begins like a reference and not like a secret",
            )
            .hint("give a reference as an argument, and only the secret itself by `-`")),
        }
    }

    /// Whether it is the value itself and no reference to one.
    pub(in crate::command) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether it is more than a key or a token can be.
    pub(super) fn is_secret_of_several_lines(&self) -> bool {
        match &self.written {
            Written::Text(text) => self.plain && !is_one_line(text.expose_secret()),
            Written::Op { .. } | Written::Command(_) => false,
        }
    }

    /// As it is written.
    pub(in crate::command) fn written(&self) -> &Written {
        &self.written
    }

    /// What may be shown of it.
    pub(super) fn shown(&self) -> String {
        Source::shown(&self.written)
    }

    /// As it stands in the configuration.
    pub(super) fn to_toml(&self) -> Value {
        to_toml(&self.written)
    }
}

/// What a person is to know who has given a secret as an argument.
pub(in crate::command) fn on_the_command_line(subject: &str, ask: &str) -> Failure {
    let message =
        format!("{subject} is no reference, and a secret does not belong on a command line");
    Failure::new(Kind::Usage, message)
        .hint(format!("type or pipe the secret: {ask}"))
        .hint(format!("or give a reference: {FORMS}"))
        .hint("if it was the secret, it is in your shell's history now: take it out there")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str, account: Option<&str>) -> Result<String, String> {
        GivenValue::from_argument(text, account, "the value")
            .map(|value| format!("{} {}", value.shown(), value.to_toml()))
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_reference_is_written_as_it_was_given() {
        assert_eq!(given("$A", None).unwrap(), "$A \"$A\"");
        assert_eq!(given("file:/x", None).unwrap(), "file:/x \"file:/x\"");
        assert_eq!(
            given("op://a/b/c", Some("work")).unwrap(),
            "op://a/b/c in account work { op = \"op://a/b/c\", account = \"work\" }"
        );
    }

    #[test]
    fn what_cannot_be_read_later_is_refused_now() {
        for (text, account) in [
            ("$1", None),
            ("file:relative", None),
            ("op://-x/b/c", None),
            ("$A", Some("work")),
            ("op://a/b/c", Some("--flag")),
        ] {
            assert!(given(text, account).is_err(), "{text} {account:?}");
        }
    }

    #[test]
    fn scenario_20_a_secret_with_a_dollar_is_read_as_itself() {
        let value = GivenValue::from_secret("$canary").unwrap();
        assert_eq!(value.to_toml().as_str(), Some("$$canary"));
        assert!(value.is_plain() && format!("{value:?}") == "plain value");
        let failure = GivenValue::from_secret("op://canary/b/c").unwrap_err();
        assert!(!failure.to_string().contains("canary"));
    }
}
