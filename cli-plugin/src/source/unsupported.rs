//! The kinds of source that this version knows by name only, so that none of
//! them is ever delivered as if it were the value.

/// How each of them begins.
const KINDS: [&str; 1] = ["se://"];

/// The kind that `text` has, if it is one of these.
pub(super) fn kind(text: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| text.starts_with(kind))
}
