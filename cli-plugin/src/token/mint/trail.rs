//! What claude writes, in the order in which it writes it: where a token is
//! begun, however the cursor is moved meanwhile.

use vte::{Params, Perform};
use zeroize::Zeroizing;

use super::veil::BEGINNING;
use crate::token::is_token_character;

/// How many line feeds with nothing between them are a blank line.
const FEEDS: usize = 2;

/// How long what is written of a token may be, and how often one may be begun.
const LONGEST: usize = 4096;
const MOST: usize = 16;

/// How much of a token it is known by wherever it stands, in characters.
const PIECE: usize = 5;

/// What the last byte did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet: it is a part of something longer.
    Nothing,
    /// A character was written that may be shown.
    Shown,
    /// A character was written that may be a token's.
    Secret,
    /// A character was written, behind a blank line, that is no token's: what
    /// stands before it in its line may be words.
    Word,
    /// Something was written that is no character, or none that a screen
    /// shows.
    Garbled,
    /// Something was done to the screen.
    Moved,
}

/// Follows what is written.
pub(super) struct Trail {
    /// What the last byte did.
    pub(super) step: Step,
    /// How much of a token's beginning was written last.
    begun: usize,
    /// Whether what is written may be a token's.
    secret: bool,
    /// Whether a blank line was written since it began.
    feeds_behind: bool,
    feeds: usize,
    /// All that was written of tokens, in its order.
    runs: Vec<Zeroizing<String>>,
    running: bool,
}

impl Trail {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Nothing,
            begun: 0,
            secret: false,
            feeds_behind: false,
            feeds: 0,
            runs: Vec::new(),
            running: false,
        }
    }

    /// What is written from now on is no part of a token that was begun.
    pub(super) fn end_run(&mut self) {
        self.running = false;
    }

    /// What is written from now on is no token's, until another one begins.
    pub(super) fn end(&mut self) {
        self.secret = false;
        self.running = false;
    }

    /// Whether what is written now may be behind a token.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.feeds_behind
    }

    /// Whether a token that is on the screen is all that was written of one:
    /// characters that were there already need not be written again, but none
    /// may have been lost on the way.
    pub(super) fn agrees_with(&self, token: &str) -> bool {
        let within = |run: &Zeroizing<String>| {
            let mut letters = token.chars();
            run.len() < LONGEST && run.chars().all(|c| letters.any(|letter| letter == c))
        };
        self.runs.len() < MOST && self.runs.iter().all(within)
    }

    /// Whether there is a piece of a token in this, wherever on the screen it has
    /// come to stand.
    pub(super) fn has_piece_of(&self, word: &[char]) -> bool {
        !self.runs.is_empty()
            && word.windows(PIECE).any(|piece| {
                let mut text = Zeroizing::new(String::with_capacity(4 * PIECE));
                text.extend(piece);
                self.runs.iter().any(|run| run.contains(&**text))
            })
    }

    fn begin_run(&mut self) {
        self.running = true;
        if self.runs.len() < MOST {
            // All the room at once: growing would leave copies behind.
            let mut run = Zeroizing::new(String::with_capacity(LONGEST));
            run.push_str(BEGINNING);
            self.runs.push(run);
        }
    }

    fn run_on(&mut self, c: char) {
        let run = self.runs.last_mut().filter(|run| run.len() < LONGEST);
        if let Some(run) = run {
            run.push(c);
        }
    }

    fn write(&mut self, c: char) {
        // Blanks may stand around the rows of a token, and in a blank line.
        if c != ' ' {
            self.feeds = 0;
            self.running &= is_token_character(c);
            if self.running {
                self.run_on(c);
            }
        }
        self.step = match self.secret {
            true if self.feeds_behind && !is_token_character(c) => Step::Word,
            true => Step::Secret,
            false => Step::Shown,
        };
        let letters = BEGINNING.as_bytes();
        // No part of it begins as the whole does, but for its first letter.
        self.begun = match u8::try_from(c) {
            Ok(c) if c == letters[self.begun] => self.begun + 1,
            Ok(c) if c == letters[0] => 1,
            _ => 0,
        };
        if self.begun == letters.len() {
            self.begun = 0;
            self.secret = true;
            self.feeds_behind = false;
            self.begin_run();
        }
    }
}

impl Perform for Trail {
    fn print(&mut self, c: char) {
        // A byte that is no UTF-8 comes as a replacement character, perhaps
        // together with the character behind it.
        if c == char::REPLACEMENT_CHARACTER || c.is_control() {
            self.step = Step::Garbled;
        } else if self.step == Step::Garbled {
            self.write(c);
            self.step = Step::Garbled;
        } else {
            self.write(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        self.step = Step::Moved;
        if byte == b'\n' {
            self.feeds += 1;
            self.feeds_behind |= self.feeds >= FEEDS;
            self.running &= !self.feeds_behind;
        }
    }

    fn csi_dispatch(&mut self, _: &Params, _: &[u8], _: bool, _: char) {
        self.step = Step::Moved;
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        self.step = Step::Moved;
    }
}
