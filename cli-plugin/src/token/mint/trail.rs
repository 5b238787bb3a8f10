//! What claude writes, in the order in which it writes it: where a token is
//! begun, however the cursor is moved meanwhile.

use vte::{Params, Perform};

use super::veil::BEGINNING;
use crate::token::is_token_character;

/// How many line feeds with nothing between them end a token: a blank line.
const FEEDS: usize = 2;

/// What the last byte did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet: it is a part of something longer.
    Nothing,
    /// A character was written that may be shown.
    Shown,
    /// A character of a token was written.
    Secret,
    /// Something was written that is no character, or none that a screen
    /// shows.
    Garbled,
    /// Something was done to the screen.
    Moved,
}

/// Follows what is written.
#[derive(Debug)]
pub(super) struct Trail {
    /// What the last byte did.
    pub(super) step: Step,
    /// How much of a token's beginning was written last.
    begun: usize,
    secret: bool,
    feeds: usize,
}

impl Trail {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Nothing,
            begun: 0,
            secret: false,
            feeds: 0,
        }
    }

    fn write(&mut self, c: char) {
        self.feeds = 0;
        self.secret &= is_token_character(c);
        self.step = if self.secret {
            Step::Secret
        } else {
            Step::Shown
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
            self.secret &= self.feeds < FEEDS;
        }
    }

    fn csi_dispatch(&mut self, _: &Params, _: &[u8], _: bool, _: char) {
        self.step = Step::Moved;
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        self.step = Step::Moved;
    }
}
