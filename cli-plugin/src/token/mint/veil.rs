//! Which part of claude's screen is never shown: all that is, or may be, of a
//! token.
//!
//! It errs towards hiding. What has begun as a token hides the rest of its
//! line and the lines below it, and a line that was hidden stays so until it
//! is blank, whatever is written over it meanwhile.

use std::ops::Range;

use super::lines::{Line, Lines};
use super::trail::Trail;
use crate::token::is_token_character;

/// What hides all behind it: every credential of the vendor's begins so.
pub(super) const BEGINNING: &str = "sk-ant-";

/// The length from which a word that looks random is hidden, wherever it is.
const RANDOM: usize = 20;

/// How many blank lines may be in a token.
const GAP: usize = 2;

/// What is hidden of some lines, for as long as they are there.
#[derive(Debug, Default)]
pub(super) struct Veil {
    /// From which place on each line is hidden, if it is.
    from: Vec<Option<usize>>,
}

impl Veil {
    /// Hides what was just written into a line, and all behind it.
    pub(super) fn hide(&mut self, line: usize, place: usize) {
        if self.from.len() <= line {
            self.from.resize(line + 1, None);
        }
        self.hide_from(line, place);
    }

    /// Shows a line again that was hidden by mistake.
    pub(super) fn show(&mut self, line: usize) {
        self.from[line] = None;
    }

    fn hide_from(&mut self, line: usize, place: usize) {
        let before = self.from[line].unwrap_or(place);
        self.from[line] = Some(before.min(place));
    }

    /// Forgets the first lines, which are no longer kept.
    pub(super) fn forget(&mut self, count: usize) {
        self.from.drain(..count.min(self.from.len()));
    }

    /// Hides everything, where lines have moved and nobody knows which.
    pub(super) fn hide_all(&mut self) {
        if self.from.iter().any(Option::is_some) {
            self.from.fill(Some(0));
        }
    }

    /// Looks at the lines as they are now.
    pub(super) fn look(&mut self, lines: &Lines) {
        self.from.resize(lines.all.len(), None);
        for (from, line) in self.from.iter_mut().zip(&lines.all) {
            *from = from.filter(|_| !line.is_blank());
        }
        for block in lines.blocks() {
            let Some((first, place)) = lines.find(BEGINNING, block.clone()).first().copied() else {
                continue;
            };
            self.hide_from(first, place);
            for below in first + 1..block.end {
                self.hide_from(below, 0);
            }
        }
    }

    /// What is not shown of each line.
    pub(super) fn hidden(
        &self,
        lines: &Lines,
        public: &[String],
        trail: &Trail,
    ) -> Vec<Vec<Range<usize>>> {
        let mut from = self.from.clone();
        from.resize(lines.all.len(), None);
        hide_what_follows(&mut from, lines);
        let lines = lines.all.iter().zip(from);
        lines
            .map(|(line, from)| {
                let end = line.span().end;
                // Where a character takes two cells, places and columns differ.
                let from = from.map(|from| if line.is_ascii() { from } else { 0 });
                let mut hidden = secret_words(line, public, trail);
                hidden.retain(|word| from.is_none_or(|from| word.start < from));
                hidden.extend(from.map(|from| from.min(end)..end));
                hidden
            })
            .collect()
    }
}

/// Hides what may go on behind a gap. That is undone once there is something
/// in the line that no token has.
fn hide_what_follows(from: &mut [Option<usize>], lines: &Lines) {
    for number in 1..lines.all.len() {
        let above = (number.saturating_sub(GAP + 1)..number).rev();
        let mut above = above.skip_while(|above| lines.all[*above].is_blank());
        let follows = above.next().is_some_and(|above| from[above].is_some());
        if follows && from[number].is_none() && lines.all[number].is_token_part() {
            from[number] = Some(0);
        }
    }
}

/// The words in a line that look as a token does, or hold a piece of one, and
/// are no part of what is public.
fn secret_words(line: &Line, public: &[String], trail: &Trail) -> Vec<Range<usize>> {
    let span = line.span();
    let mut words: Vec<Range<usize>> = Vec::new();
    for (place, c) in span.clone().zip(line.text()) {
        match words.last_mut() {
            _ if !is_token_character(*c) => {}
            Some(word) if word.end == place => word.end += 1,
            _ => words.push(place..place + 1),
        }
    }
    words.retain(|word| {
        let letters = &line.text()[word.start - span.start..word.end - span.start];
        let has = |kind: fn(&char) -> bool| letters.iter().any(kind);
        let mixed = has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
        let random = mixed || has(char::is_ascii_digit);
        let text = || letters.iter().collect::<String>();
        let looks_so = letters.len() >= RANDOM && random;
        (looks_so || trail.has_piece_of(letters))
            && !public.iter().any(|link| link.contains(&text()))
    });
    words
}
