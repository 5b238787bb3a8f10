//! Plain text: the value itself.

use secrecy::SecretString;

/// The value of a plain text, in which `$$` at the beginning is a literal `$`.
pub(super) fn parse(text: &str) -> SecretString {
    match text.strip_prefix("$$") {
        Some(rest) => format!("${rest}").into(),
        None => text.into(),
    }
}
