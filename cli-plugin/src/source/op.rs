//! `op://vault/item/[section/]field`: a field of 1Password, by reference.

mod environment;
mod read;
mod session;
mod trouble;

use std::fmt;

pub(crate) use environment::{Ambient, ambient, environment};
pub(crate) use read::why_not;
pub use trouble::OpTrouble;

use crate::config::Written;

/// 1Password's command line.
pub(crate) const PROGRAM: &str = "op";

/// How a reference begins.
pub(super) const SCHEME: &str = "op://";

/// What 1Password documents to stand behind a `?`.
/// <https://developer.1password.com/docs/cli/secret-reference-syntax>
const QUERIES: [&str; 10] = [
    "attribute=value",
    "attribute=otp",
    "attribute=content",
    "attribute=type",
    "attribute=title",
    "attribute=id",
    "attribute=purpose",
    "attribute=size",
    "attribute=name",
    "ssh-format=openssh",
];

/// The longest reference and the longest account, in bytes.
const MAX_REFERENCE: usize = 1024;
const MAX_ACCOUNT: usize = 256;

/// A reference that `op` can be given as an argument: it is told from a flag
/// by its beginning, and none of its parts could be taken for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    text: String,
    account: Option<String>,
}

/// Why a text is no reference, or no account. Never carries the text, which
/// may be a secret in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReference {
    /// It does not begin as one.
    #[error("it does not begin with op://")]
    Scheme,
    /// It holds what no name of 1Password's holds.
    #[error("it holds a control character")]
    Control,
    /// It is longer than any reference.
    #[error("it is longer than {MAX_REFERENCE} bytes")]
    Length,
    /// It has too few or too many parts.
    #[error("it does not have the three or four parts of op://vault/item/[section/]field")]
    Parts,
    /// One of its parts is empty.
    #[error("one of its parts is empty")]
    EmptyPart,
    /// One of its parts could be taken for a flag.
    #[error("one of its parts begins with `-`, as a flag does; name it by its ID")]
    FlagPart,
    /// What stands behind its `?` is unknown.
    #[error("what stands behind its `?` is none of 1Password's attributes, such as attribute=otp")]
    Query,
    /// The account is no account.
    #[error("its account is no sign-in address, such as my.1password.com, and no ID")]
    Account,
}

impl Reference {
    /// The reference that was written; `None` for a source of another kind.
    ///
    /// # Errors
    /// It could be taken for something else by `op`.
    pub(crate) fn of(written: &Written) -> Result<Option<Self>, NoReference> {
        match written {
            Written::Op { reference, account } => {
                Self::parse(reference, account.as_deref()).map(Some)
            }
            Written::Text(_) | Written::Command(_) => Ok(None),
        }
    }

    /// Checks a reference before anything is run with it.
    ///
    /// # Errors
    /// It is none, or could be taken for something else by `op`.
    pub(super) fn parse(text: &str, account: Option<&str>) -> Result<Self, NoReference> {
        let rest = text.strip_prefix(SCHEME).ok_or(NoReference::Scheme)?;
        if text.len() > MAX_REFERENCE {
            return Err(NoReference::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(NoReference::Control);
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        if query.is_some_and(|query| !QUERIES.contains(&query)) {
            return Err(NoReference::Query);
        }
        check_parts(path)?;
        if account.is_some_and(|account| !is_account(account)) {
            return Err(NoReference::Account);
        }
        Ok(Self {
            text: text.to_owned(),
            account: account.map(str::to_owned),
        })
    }
}

fn check_parts(path: &str) -> Result<(), NoReference> {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| part.trim().is_empty()) {
        return Err(NoReference::EmptyPart);
    }
    if parts.iter().any(|part| part.trim_start().starts_with('-')) {
        return Err(NoReference::FlagPart);
    }
    if !(3..=4).contains(&parts.len()) {
        return Err(NoReference::Parts);
    }
    Ok(())
}

fn is_account(text: &str) -> bool {
    let strange = |c: char| c.is_control() || c.is_whitespace();
    !text.is_empty()
        && text.len() <= MAX_ACCOUNT
        && !text.starts_with('-')
        && !text.contains(strange)
}

/// As it was written; with its account, since two accounts may hold the same
/// path.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.account {
            Some(account) => write!(f, " in account {account}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_22_a_reference_that_could_be_taken_for_a_flag_is_refused() {
        use NoReference::{Control, EmptyPart, FlagPart, Length, Parts, Query, Scheme};
        let long = format!("op://v/i/{}", "f".repeat(MAX_REFERENCE));
        for (text, why) in [
            ("op://-v/item/field", FlagPart),
            ("op://vault/--account=x/field", FlagPart),
            ("op://vault/item/-field", FlagPart),
            ("op://vault/item/ --out-file=x", FlagPart),
            ("op://vault/item/-/field", FlagPart),
            ("op://vault//field", EmptyPart),
            ("op:///item/field", EmptyPart),
            ("op://vault/item/", EmptyPart),
            ("op://vault/ /field", EmptyPart),
            ("op://", EmptyPart),
            ("op://vault/item", Parts),
            ("op://a/b/c/d/e", Parts),
            ("op://vault/item/fi\neld", Control),
            ("op://vault/item/fi\u{1b}[0meld", Control),
            ("op://vault/item/fi\u{9b}eld", Control),
            ("op://vault/item/field?", Query),
            ("op://vault/item/field?attribute=", Query),
            ("op://vault/item/field?out-file=/tmp/x", Query),
            ("op://vault/item/field?attribute=otp&x=y", Query),
            ("op://vault/item/field?attribute=otp?attribute=otp", Query),
            ("--account=op://vault/item/field", Scheme),
            (&long, Length),
        ] {
            assert_eq!(Reference::parse(text, None), Err(why), "{text}");
        }
    }

    #[test]
    fn scenario_22_an_account_that_could_be_taken_for_a_flag_is_refused() {
        let long = "a".repeat(MAX_ACCOUNT + 1);
        for account in ["", "-x", "--help", "a b", "a\nb", "\u{7f}", &long] {
            let parsed = Reference::parse("op://vault/item/field", Some(account));
            assert_eq!(parsed, Err(NoReference::Account), "{account:?}");
        }
    }

    #[test]
    fn a_reference_is_shown_as_it_was_written_and_with_its_account() {
        for text in [
            "op://Personal/my-app/token",
            "op://Personal Vault/my app/Section 1/token_a.b",
            "op://prod/yj3jfj2vzsbiwqabprflnl27lm/password",
            "op://v/i/one-time password?attribute=otp",
            "op://v/i/private key?ssh-format=openssh",
        ] {
            assert_eq!(Reference::parse(text, None).unwrap().to_string(), text);
        }
        let work = Reference::parse("op://a/b/c", Some("work.1password.com")).unwrap();
        assert_eq!(work.to_string(), "op://a/b/c in account work.1password.com");
    }
}
