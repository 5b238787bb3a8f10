//! Finding a token on claude's screen: whole, or not at all.
//!
//! claude writes it as a paragraph of its own. It is wrapped at the right edge,
//! with a blank line behind it and then words. So a token is whole when nothing
//! but its characters is in its lines, when all of them but the last are full,
//! and when the cursor has left it behind, and a blank line too.

use std::ops::Range;

use zeroize::Zeroizing;

use super::lines::{Line, Lines};
use crate::token::PREFIX;

/// What is seen of tokens on a screen.
#[derive(Default)]
pub(super) struct Sight {
    /// The tokens that are whole.
    pub(super) whole: Vec<Zeroizing<String>>,
    /// What begins as a token, and is not whole, or not yet.
    pub(super) broken: Vec<Zeroizing<String>>,
}

impl Sight {
    /// What is seen on these lines; `ended` when nothing more will come.
    pub(super) fn of(lines: &Lines, ended: bool) -> Self {
        let mut sight = Self::default();
        for block in lines.blocks() {
            let begins = lines.find(PREFIX, block.clone());
            let Some(first) = begins.first() else {
                continue;
            };
            let text = lines.joined(block.clone());
            let alone = begins.len() == 1 && *first == beginning(lines, &block);
            if alone && is_well_wrapped(lines, &block) && is_left_behind(lines, &block, ended) {
                sight.whole.push(text);
            } else {
                sight.broken.push(text);
            }
        }
        sight
    }

    /// Whether there is anything of a token.
    pub(super) fn is_none(&self) -> bool {
        self.whole.is_empty() && self.broken.is_empty()
    }
}

fn beginning(lines: &Lines, block: &Range<usize>) -> (usize, usize) {
    (block.start, lines.all[block.start].span().start)
}

/// Whether a paragraph holds nothing else, and is broken at the edge only.
fn is_well_wrapped(lines: &Lines, block: &Range<usize>) -> bool {
    let last = block.end - 1;
    let only_it = lines.all[block.clone()].iter().all(Line::is_token_part);
    only_it && (block.start..last).all(|line| lines.is_full(line))
}

/// Whether nothing more will be written into a paragraph.
fn is_left_behind(lines: &Lines, block: &Range<usize>, ended: bool) -> bool {
    // `block.end` is the blank line.
    match lines.next_text(block.end) {
        // It may be the rest of the token, or words that have just begun.
        Some(next) => lines.all[next].begins_with_words() && lines.cursor > block.end,
        None if !ended => false,
        // A full line may have had one to follow.
        None if lines.is_full(block.end - 1) => lines.cursor > block.end,
        None => lines.cursor >= block.end,
    }
}
