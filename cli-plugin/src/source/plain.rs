//! Plain text: the value itself.

use secrecy::SecretString;

/// The value of a plain text, in which `$$` at the beginning is a literal `$`.
pub(super) fn parse(text: &str) -> SecretString {
    // Taken from the text as it lies: putting `$` and the rest together would
    // leave a copy that nobody wipes.
    if text.starts_with("$$") {
        return text[1..].into();
    }
    text.into()
}
