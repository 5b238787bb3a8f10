//! What may be shown of a program's words: they may hold the very secret that
//! it was asked for.

use zeroize::Zeroizing;

/// The longest line that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// The shortest word with a digit, and the shortest of all, that is hidden.
const LIKE_A_TOKEN: usize = 12;
const TOO_LONG: usize = 32;

/// What stands for a hidden word.
const HIDDEN: &str = "<hidden>";

/// The first line of `complaint` that says something, without control
/// characters; `None` if there is none, or if it repeats `output`.
///
/// What we know to be no secret is in `known`. Any other word that looks like
/// a token is hidden, since a tool may print the request it made.
pub(super) fn first_line(complaint: &[u8], output: &[u8], known: &str) -> Option<String> {
    let complaint = Zeroizing::new(String::from_utf8_lossy(complaint).into_owned());
    let line = complaint
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    let output = Zeroizing::new(String::from_utf8_lossy(output).into_owned());
    let mut printed = output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    if printed.any(|printed| line.contains(printed) || printed.contains(line)) {
        return None;
    }
    let words: Vec<_> = line
        .split_whitespace()
        .map(|word| {
            if may_be_shown(word, known) {
                word
            } else {
                HIDDEN
            }
        })
        .collect();
    let shown = words.join(" ");
    let shown = shown.chars().filter(|c| !c.is_control());
    Some(shown.take(MAX_SHOWN).collect())
}

fn may_be_shown(word: &str, known: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let length = bare.chars().count();
    let token = length >= LIKE_A_TOKEN && bare.chars().any(|c| c.is_ascii_digit());
    known.contains(bare) || !(token || length >= TOO_LONG)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(complaint: &str) -> String {
        let line = first_line(
            complaint.as_bytes(),
            b"",
            "op://Vault 1/item-12345678/field",
        );
        line.unwrap_or_default()
    }

    #[test]
    fn the_first_line_is_shown_without_what_could_drive_a_terminal() {
        assert_eq!(
            shown("\n  \ngpg: decryption failed: No secret key\nmore"),
            "gpg: decryption failed: No secret key"
        );
        assert_eq!(shown("a\u{1b}[2Jb\u{9b}c\td"), "a[2Jbc d");
        assert_eq!(shown(""), "");
        assert_eq!(shown(&"word ".repeat(100)).chars().count(), MAX_SHOWN);
    }

    #[test]
    fn scenario_24_a_word_that_looks_like_a_token_is_hidden() {
        assert_eq!(shown("denied: sk-ant-oat01-abcdefgh"), "denied: <hidden>");
        assert_eq!(
            shown("denied: \"sk-ant-oat01-abcdefgh\"."),
            "denied: <hidden>"
        );
        assert_eq!(shown(&"x".repeat(TOO_LONG)), HIDDEN);
        let known = "no item item-12345678 here";
        assert_eq!(shown(known), known);
    }

    #[test]
    fn scenario_24_a_line_that_repeats_what_was_printed_is_not_shown() {
        for complaint in ["canary", "not valid: canary", "can"] {
            let line = first_line(complaint.as_bytes(), b"\ncanary\n", "");
            assert_eq!(line, None, "{complaint}");
        }
    }

    proptest! {
        #[test]
        fn scenario_24_no_token_is_shown_whatever_stands_around_it(
            before in "[ -~]{0,40}", token in "[A-Za-z0-9][A-Za-z0-9_+/=-]{10,60}[0-9][A-Za-z0-9]", after in "[ -~\\t]{0,40}"
        ) {
            let complaint = format!("{before}{token}{after}");
            let shown = first_line(complaint.as_bytes(), b"", "").unwrap_or_default();
            prop_assert!(!shown.contains(&token), "{shown}");
        }
    }
}
