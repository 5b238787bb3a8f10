//! What stands on claude's screen, as lines of text: those that have scrolled
//! off its top lately, and those that are on it.

use std::ops::Range;
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::token::is_token_character;

/// How near to the right edge a row ends that goes on in the next one, in
/// columns: claude leaves one, and another might leave a margin.
const MARGIN: usize = 2;

/// How long a plain word is at most.
const LONGEST_WORD: usize = 16;

/// A line, a character a cell.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Line {
    letters: Rc<Zeroizing<Vec<char>>>,
    span: Range<usize>,
}

impl Line {
    pub(super) fn new(text: &str) -> Self {
        let mut letters = Zeroizing::new(Vec::with_capacity(text.len()));
        letters.extend(text.chars());
        let dark = |c: &char| *c != ' ';
        let begin = letters.iter().position(dark).unwrap_or_default();
        let end = letters.iter().rposition(dark).map_or(0, |end| end + 1);
        Self {
            letters: Rc::new(letters),
            span: begin..end,
        }
    }

    /// How many characters it has, those blanks with them that were written.
    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    /// Where its text stands in it.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Its text, without the blanks around it.
    pub(super) fn text(&self) -> &[char] {
        &self.letters[self.span()]
    }

    pub(super) fn is_blank(&self) -> bool {
        self.span().is_empty()
    }

    /// Whether it consists of plain words, as a token never does.
    pub(super) fn is_words(&self) -> bool {
        self.words().all(is_plain)
    }

    /// Whether its first two words are plain ones, and it goes on behind them.
    pub(super) fn begins_with_words(&self) -> bool {
        !self.is_token_part() && self.words().take(2).all(is_plain)
    }

    /// What a token may be or hold, one by one.
    fn words(&self) -> impl Iterator<Item = &[char]> {
        let parts = self.text().split(|c| !is_token_character(*c));
        parts.filter(|part| !part.is_empty())
    }

    pub(super) fn is_ascii(&self) -> bool {
        self.letters.iter().all(char::is_ascii)
    }

    /// Whether it may be a part of a token: nothing but its characters.
    pub(super) fn is_token_part(&self) -> bool {
        !self.is_blank() && self.text().iter().copied().all(is_token_character)
    }
}

/// All the lines.
#[derive(Clone)]
pub(super) struct Lines {
    /// From the top.
    pub(super) all: Vec<Line>,
    /// How many columns the screen has.
    pub(super) columns: usize,
    /// The line that the cursor is in.
    pub(super) cursor: usize,
}

impl Lines {
    /// Where lines with text follow each other without a blank one between.
    pub(super) fn blocks(&self) -> Vec<Range<usize>> {
        let mut blocks: Vec<Range<usize>> = Vec::new();
        for (number, line) in self.all.iter().enumerate() {
            match blocks.last_mut() {
                _ if line.is_blank() => {}
                Some(block) if block.end == number => block.end += 1,
                _ => blocks.push(number..number + 1),
            }
        }
        blocks
    }

    /// Where `needle` begins in a block, however it is wrapped: the lines, and
    /// the places in them.
    pub(super) fn find(&self, needle: &str, block: Range<usize>) -> Vec<(usize, usize)> {
        let needle: Vec<char> = needle.chars().collect();
        let places: Vec<_> = block
            .flat_map(|number| self.all[number].span().map(move |place| (number, place)))
            .collect();
        let letter = |(line, place): &(usize, usize)| self.all[*line].letters[*place];
        places
            .windows(needle.len())
            .filter(|window| window.iter().map(letter).eq(needle.iter().copied()))
            .map(|window| window[0])
            .collect()
    }

    /// Whether a line is so full that its text may go on in the next one.
    pub(super) fn is_full(&self, number: usize) -> bool {
        self.all[number].span().end + MARGIN >= self.columns
    }

    /// The first line with text from this one on.
    pub(super) fn next_text(&self, from: usize) -> Option<usize> {
        (from..self.all.len()).find(|number| !self.all[*number].is_blank())
    }

    /// The text of some lines as one, without what wraps it.
    pub(super) fn joined(&self, block: Range<usize>) -> Zeroizing<String> {
        let letters = || self.all[block.clone()].iter().flat_map(Line::text);
        // All the room at once: growing would leave copies behind.
        let mut joined = Zeroizing::new(String::with_capacity(4 * letters().count()));
        joined.extend(letters());
        joined
    }
}

/// Whether it is a word of letters, small but for the first one.
fn is_plain(word: &[char]) -> bool {
    let small = |c: &char| c.is_ascii_lowercase();
    let letters = word.iter().all(char::is_ascii_alphabetic);
    letters && word.iter().skip(1).all(small) && word.len() <= LONGEST_WORD
}
