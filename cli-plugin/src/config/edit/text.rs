//! The configuration's text by lines: where a table's lines are, and how lines
//! come and go without a change to any other.

use std::ops::Range;

use toml_edit::{Document, Item, Table};
use zeroize::Zeroizing;

/// Why a text cannot be edited in the way asked for. The strict reader has
/// accepted it before, so this is trouble of our own.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    /// It is no TOML for `toml_edit`, while it was for `toml`.
    #[error("the text is no TOML")]
    Syntax,
    /// Something stands where a table should.
    #[error("no table where one should be")]
    NoTable,
    /// The parser does not say where an item stands.
    #[error("an item without a place")]
    NoPlace,
}

/// The text taken apart, with the place of everything in it.
pub(super) fn parsed(text: &str) -> Result<Document<&str>, Misfit> {
    Document::parse(text).map_err(|_| Misfit::Syntax)
}

/// Whether a table has a header of its own, `[like.this]`.
pub(super) fn has_header(table: &Table) -> bool {
    !table.is_implicit() && !table.is_dotted()
}

/// One `key = value` of a table.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Where its key begins.
    pub(super) key: usize,
    /// Where its value ends.
    pub(super) end: usize,
}

/// The entries that stand under a table's own header, dotted ones included.
pub(super) fn own_entries(table: &Table) -> Result<Vec<Entry>, Misfit> {
    let mut entries = Vec::new();
    for (name, item) in table {
        match item {
            Item::Value(value) => {
                let (key, _) = table.get_key_value(name).ok_or(Misfit::NoPlace)?;
                entries.push(Entry {
                    key: key.span().ok_or(Misfit::NoPlace)?.start,
                    end: value.span().ok_or(Misfit::NoPlace)?.end,
                });
            }
            Item::Table(inner) if inner.is_dotted() => entries.extend(own_entries(inner)?),
            _ => {}
        }
    }
    entries.sort_by_key(|entry| entry.key);
    Ok(entries)
}

/// Where the last of a table and of all tables in it ends; `None` for an
/// implicit table that holds nothing.
pub(super) fn end_of(table: &Table) -> Result<Option<usize>, Misfit> {
    let mut ends = Vec::new();
    if has_header(table) {
        ends.extend(table.span().map(|span| span.end));
    }
    ends.extend(own_entries(table)?.iter().map(|entry| entry.end));
    for (_, item) in table {
        for inner in tables_in(item) {
            ends.extend(end_of(inner)?);
        }
    }
    Ok(ends.into_iter().max())
}

/// The tables that an item is: one, each of `[[these]]`, or none.
pub(super) fn tables_in(item: &Item) -> Vec<&Table> {
    match item {
        Item::Table(table) => vec![table],
        Item::ArrayOfTables(tables) => tables.iter().collect(),
        _ => Vec::new(),
    }
}

/// Where the line that holds `at` begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |before| before + 1)
}

/// Where the line that holds `at` ends, its line break included.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |to| at + to + 1)
}

/// The white space before what stands at `at`, if it begins its line.
pub(super) fn indentation(text: &str, at: usize) -> &str {
    let start = line_start(text, at);
    let line = &text[start..at];
    let white = line.len() - line.trim_start_matches([' ', '\t']).len();
    &line[..white]
}

/// The line break that this text uses.
pub(super) fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The text with another piece in the place of `range`.
pub(super) fn replaced(text: &str, range: Range<usize>, piece: &str) -> Zeroizing<String> {
    // With room for all of it, so that no copy is left behind.
    let room = text.len() + piece.len();
    let mut new = Zeroizing::new(String::with_capacity(room));
    new.push_str(&text[..range.start]);
    new.push_str(piece);
    new.push_str(&text[range.end..]);
    new
}

/// The text with whole lines put in at `at`, where a line begins or the text
/// ends.
pub(super) fn with_lines(text: &str, at: usize, lines: &[&str]) -> Zeroizing<String> {
    let end = line_break(text);
    let room = lines
        .iter()
        .map(|line| line.len() + end.len())
        .sum::<usize>()
        + end.len();
    let mut piece = Zeroizing::new(String::with_capacity(room));
    if !text[..at].is_empty() && !text[..at].ends_with('\n') {
        piece.push_str(end);
    }
    for line in lines {
        piece.push_str(line);
        piece.push_str(end);
    }
    replaced(text, at..at, &piece)
}

/// The text without some pieces, which are whole lines. Where one leaves two
/// runs of blank lines on each other, or one at an end, one run goes.
pub(super) fn without(text: &str, pieces: Vec<Range<usize>>) -> Zeroizing<String> {
    let mut new = Zeroizing::new(text.to_owned());
    for piece in merged(pieces).into_iter().rev() {
        let gap = widened(&new, piece);
        new = replaced(&new, gap, "");
    }
    new
}

/// The pieces in order, with those that overlap or touch as one.
fn merged(mut pieces: Vec<Range<usize>>) -> Vec<Range<usize>> {
    pieces.sort_by_key(|piece| piece.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for piece in pieces {
        match merged.last_mut() {
            Some(last) if piece.start <= last.end => last.end = last.end.max(piece.end),
            _ => merged.push(piece),
        }
    }
    merged
}

fn widened(text: &str, piece: Range<usize>) -> Range<usize> {
    let is_blank = |line: &str| line.trim().is_empty();
    let before = &text[..piece.start];
    let after = &text[piece.end..];
    let blank_before = before.is_empty() || before.lines().next_back().is_some_and(is_blank);
    let mut gap = piece;
    if blank_before {
        for line in after
            .split_inclusive('\n')
            .take_while(|line| is_blank(line))
        {
            gap.end += line.len();
        }
    }
    if gap.end == text.len() {
        let kept = before.trim_end_matches([' ', '\t', '\r', '\n']);
        // Up to the break of the last line that stays.
        gap.start = if kept.is_empty() {
            0
        } else {
            line_end(text, kept.len()).min(gap.start)
        };
    }
    gap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_leave_one_run_of_blank_lines() {
        let cut = |text: &str, piece: &str| {
            let at = text.find(piece).unwrap();
            let piece = at..at + piece.len();
            without(text, [piece].into()).to_string()
        };
        assert_eq!(cut("a\n\nb\n\nc\n", "b\n"), "a\n\nc\n");
        assert_eq!(cut("a\nb\n\nc\n", "b\n"), "a\n\nc\n");
        assert_eq!(cut("a\n\nb\nc\n", "b\n"), "a\n\nc\n");
        assert_eq!(cut("a\n\nb\n", "b\n"), "a\n");
        assert_eq!(cut("b\n\nc\n", "b\n"), "c\n");
        assert_eq!(cut("b\n", "b\n"), "");
        assert_eq!(cut("a\r\n\r\nb\r\n\r\nc\r\n", "b\r\n"), "a\r\n\r\nc\r\n");
    }

    #[test]
    fn pieces_that_overlap_go_once() {
        assert_eq!(merged(vec![8..9, 1..3, 1..6, 2..4, 6..7]), [1..7, 8..9]);
        assert_eq!(*without("0123456789", vec![2..4, 1..6]), "06789");
    }

    #[test]
    fn lines_begin_on_a_line_of_their_own() {
        assert_eq!(*with_lines("a", 1, &["b"]), "a\nb\n");
        assert_eq!(*with_lines("a\r\n", 3, &["b"]), "a\r\nb\r\n");
        assert_eq!(*with_lines("", 0, &["b"]), "b\n");
    }
}
