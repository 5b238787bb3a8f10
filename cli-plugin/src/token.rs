//! The life of a Claude token: minted by the vendor's own program, kept where
//! the user keeps secrets, checked, replaced and taken back.

pub mod check;
pub mod claude;
mod home;
pub mod known;
pub mod life;
pub mod mint;
pub mod record;
pub mod scope;
pub mod store;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use scope::TokenScope;

/// How every long-lived token of Claude's begins. Public knowledge, so that it
/// may be shown, unlike all that stands behind it.
pub const PREFIX: &str = "sk-ant-oat";

/// The shortest and the longest token that is taken for one, in bytes. Those of
/// today have 108; the vendor promises no length.
const LENGTHS: std::ops::RangeInclusive<usize> = 40..=1024;

/// A long-lived token: well-formed, and shown nowhere.
pub struct ClaudeToken(SecretString);

/// Why a text is no token. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// It does not begin as one.
    #[error("it does not begin with {PREFIX}")]
    Prefix,
    /// It is too short or too long.
    #[error("it has {found} characters, and a token has {} to {}", LENGTHS.start(), LENGTHS.end())]
    Length {
        /// How many characters it has.
        found: usize,
    },
    /// It holds what no token holds.
    #[error("it holds a character that no token has")]
    Character,
}

impl ClaudeToken {
    /// Takes a text for a token, without the white space around it.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &SecretString) -> Result<Self, NoToken> {
        let text = text.expose_secret().trim();
        let rest = text.strip_prefix(PREFIX).ok_or(NoToken::Prefix)?;
        if !LENGTHS.contains(&text.len()) {
            let found = text.chars().count();
            return Err(NoToken::Length { found });
        }
        if !rest.chars().all(is_token_character) {
            return Err(NoToken::Character);
        }
        Ok(Self(text.into()))
    }

    /// The token itself.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// What tells this token from another.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

/// Whether a token may hold `c` behind its prefix.
pub fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// Shows what tells it from another, which gives nothing of it away.
impl fmt::Debug for ClaudeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<token {}>", self.fingerprint())
    }
}

/// The first 12 hexadecimal digits of a token's SHA-256: enough to tell tokens
/// apart, and too little to find one by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Fingerprint(String);

impl Fingerprint {
    const LENGTH: usize = 12;

    /// The fingerprint of a secret, without the white space around it.
    pub fn of(secret: &SecretString) -> Self {
        let digest = Sha256::digest(secret.expose_secret().trim().as_bytes());
        Self(hex::encode(digest)[..Self::LENGTH].to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.len() == Self::LENGTH && text.chars().all(|c| c.is_ascii_hexdigit());
        digits.then_some(Self(text)).ok_or("no fingerprint")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ClaudeToken, NoToken> {
        ClaudeToken::parse(&text.into())
    }

    #[test]
    fn scenario_60_what_is_no_token_is_refused_and_never_repeated() {
        let long = format!("sk-ant-oat01-{}", "a".repeat(95));
        assert!(parse(&format!(" {long}\n")).is_ok());
        for (text, why) in [
            ("", NoToken::Prefix),
            (
                "sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                NoToken::Prefix,
            ),
            ("sk-ant-oat01-canary", NoToken::Length { found: 19 }),
            (&long.replace("aaaa", "a a"), NoToken::Character),
            (&long.replace("aaaa", "aéa"), NoToken::Character),
            (&long.replace("aaaa", "a\na"), NoToken::Character),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error, why, "{text}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_token_shows_what_tells_it_from_another_and_no_more() {
        let token = parse(&format!("sk-ant-oat01-{}", "canary".repeat(9))).unwrap();
        let shown = format!("{token:?}");
        assert!(!shown.contains("canary") && shown.contains(token.fingerprint().as_str()));
        // printf %s secret | sha256sum
        assert_eq!(
            Fingerprint::of(&" secret\n".into()).as_str(),
            "2bb80d537b1d"
        );
    }
}
