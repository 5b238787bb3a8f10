//! claude's screen as a model: all that it writes is drawn here first, and
//! only what is fit to be seen is drawn from here on the user's terminal.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU16;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use zeroize::Zeroizing;

use super::capture::Sight;
use super::lines::{Line, Lines};
use super::notes::Notes;
use super::trail::{Step, Trail};
use super::veil::Veil;
use crate::token::ClaudeToken;

/// How many lines are kept that have scrolled off the top.
const KEPT: usize = 128;

/// After how many characters is looked at the latest.
const PIECE: usize = 64;

/// How much of a line is seen before it is taken for words, in characters.
const DOUBT: usize = 14;

/// What stands where something was that is no text.
const GARBLED: &str = "▒";

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: NonZeroU16,
    pub(super) rows: NonZeroU16,
}

/// Why there is no token. Never carries what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missed {
    /// None was seen.
    #[error("it showed no token")]
    None,
    /// One was seen, and it was never whole, or not alone.
    #[error("it showed a token that is not whole, or not alone")]
    Broken,
    /// It was whole, and is no token.
    #[error("it showed no proper token: {0}")]
    Improper(#[from] crate::token::NoToken),
    /// Something of it was written over.
    #[error("it showed a token and wrote over a part of it")]
    Torn,
    /// There were several.
    #[error("it showed several tokens")]
    Several,
}

/// The model.
///
/// The parser's cells, which hold the token for a while, cannot be wiped: they
/// are its own. They are gone from the screen when the process ends, and the
/// process is kept out of core dumps.
pub(super) struct Model {
    parser: vt100::Parser<Notes>,
    /// Reads the same bytes as the parser, and tells what each of them did.
    reader: vte::Parser,
    trail: Trail,
    above: VecDeque<Line>,
    veil: Veil,
    unlooked: usize,
    disturbed: bool,
    /// The row in which something of a token was written last.
    secret: u16,
    /// The lines that were hidden behind a blank one.
    doubted: BTreeSet<usize>,
    token: Option<Zeroizing<String>>,
    several: bool,
    seen: bool,
}

impl Model {
    pub(super) fn new(size: Size) -> Self {
        let notes = Notes::default();
        Self {
            parser: vt100::Parser::new_with_callbacks(size.rows, size.columns, 0, notes),
            reader: vte::Parser::new(),
            trail: Trail::new(),
            above: VecDeque::new(),
            veil: Veil::default(),
            unlooked: 0,
            disturbed: false,
            secret: 0,
            doubted: BTreeSet::new(),
            token: None,
            several: false,
            seen: false,
        }
    }

    /// Takes in what was written, and looks so often that nothing can come and
    /// go unseen.
    pub(super) fn take_in(&mut self, written: &[u8]) {
        for byte in written {
            self.trail.step = Step::Nothing;
            self.reader
                .advance(&mut self.trail, std::slice::from_ref(byte));
            // Before the line is left in which something was written.
            if self.unlooked > 0 && (self.trail.step == Step::Moved || self.unlooked >= PIECE) {
                self.look();
            }
            self.process(std::slice::from_ref(byte));
            self.scroll();
            match self.trail.step {
                Step::Nothing => continue,
                Step::Secret => self.hide_what_was_written(),
                Step::Word => self.show_words(),
                Step::Garbled => self.process(GARBLED.as_bytes()),
                Step::Moved => self.follow_the_cursor(),
                Step::Shown => {}
            }
            self.unlooked += 1;
        }
        self.look();
    }

    /// Gives it to the parser, which fails on rare combinations, such as a symbol
    /// that becomes wide at the right edge. It goes on from there: what it drew
    /// is judged as any.
    fn process(&mut self, bytes: &[u8]) {
        let parser = &mut self.parser;
        let done = catch_unwind(AssertUnwindSafe(|| parser.process(bytes)));
        self.disturbed |= done.is_err();
    }

    /// Whether something was written on the user's terminal meanwhile that is no
    /// part of the picture.
    pub(super) fn was_disturbed(&mut self) -> bool {
        std::mem::take(&mut self.disturbed)
    }

    /// Takes the lines over that have just scrolled off the top.
    fn scroll(&mut self) {
        let gone = &mut self.parser.callbacks_mut().gone;
        self.above.extend(gone.drain(..));
        let excess = self.above.len().saturating_sub(KEPT);
        self.above.drain(..excess);
        self.veil.forget(excess);
        if excess > 0 {
            let left = self
                .doubted
                .iter()
                .filter_map(|line| line.checked_sub(excess));
            self.doubted = left.collect();
        }
    }

    fn hide_what_was_written(&mut self) {
        let (row, behind) = self.parser.screen().cursor_position();
        let line = self.above.len() + usize::from(row);
        self.veil.hide(line, usize::from(behind).saturating_sub(1));
        self.secret = row;
        if self.trail.is_in_doubt() {
            self.doubted.insert(line);
        } else {
            self.doubted.clear();
        }
    }

    /// Shows what was hidden behind a blank line, if those are words.
    fn show_words(&mut self) {
        self.hide_what_was_written();
        let lines = self.lines();
        let doubted = || self.doubted.iter().map(|line| &lines.all[*line]);
        let enough = doubted().map(|line| line.text().len()).sum::<usize>() > DOUBT;
        if enough && doubted().all(Line::is_words) {
            self.trail.end();
            for line in std::mem::take(&mut self.doubted) {
                self.veil.show(line);
            }
        }
    }

    /// What is written behind a blank line is not the same token any more.
    fn follow_the_cursor(&mut self) {
        if self.parser.screen().cursor_position().0 > self.secret + 1 {
            self.trail.end_run();
        }
    }

    fn look(&mut self) {
        self.unlooked = 0;
        let lines = self.lines();
        self.veil.look(&lines);
        self.note(Sight::of(&lines, false));
    }

    fn note(&mut self, sight: Sight) {
        self.seen |= !sight.is_none();
        for token in sight.whole {
            match &self.token {
                Some(known) => self.several |= *known != token,
                None => self.token = Some(token),
            }
        }
    }

    /// The lines as they are now.
    pub(super) fn lines(&self) -> Lines {
        let screen = self.parser.screen();
        let (_, columns) = screen.size();
        let rows = screen.rows(0, columns.get()).map(Zeroizing::new);
        let above = self.above.iter().cloned();
        let row = usize::from(screen.cursor_position().0);
        Lines {
            all: above.chain(rows.map(|row| Line::new(&row))).collect(),
            columns: usize::from(columns.get()),
            cursor: self.above.len() + row,
        }
    }

    /// How many of the lines are above the screen.
    pub(super) fn above(&self) -> usize {
        self.above.len()
    }

    /// What is not shown of each line; `links` are.
    pub(super) fn hidden(&self, lines: &Lines, links: &[String]) -> Vec<Vec<Range<usize>>> {
        self.veil.hidden(lines, links, &self.trail)
    }

    pub(super) fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    pub(super) fn notes(&mut self) -> &mut Notes {
        self.parser.callbacks_mut()
    }

    /// Whether a token is there, whole or not.
    pub(super) fn has_seen_a_token(&self) -> bool {
        self.seen
    }

    /// Whether a whole token is there.
    pub(super) fn has_a_token(&self) -> bool {
        self.token.is_some()
    }

    /// Makes the screen as large as the user's now is.
    pub(super) fn resize(&mut self, size: Size) {
        self.parser.set_size(size.rows, size.columns);
        self.scroll();
        self.veil.hide_all();
        self.look();
    }

    /// The token, now that nothing more will come; `well` if claude ended as
    /// it should.
    pub(super) fn token(&mut self, well: bool) -> Result<ClaudeToken, Missed> {
        let sight = Sight::of(&self.lines(), well);
        // What is there besides, and is no part of the token, may be another.
        let known = |text: &Zeroizing<String>| {
            let token = self.token.as_ref();
            token.is_none_or(|token| token.contains(text.as_str()))
        };
        self.several |= !sight.broken.iter().all(known);
        self.note(sight);
        match self.token.take() {
            Some(_) if self.several => Err(Missed::Several),
            Some(token) if !self.trail.agrees_with(&token) => Err(Missed::Torn),
            Some(token) => {
                let token = secrecy::SecretString::from(token.as_str());
                Ok(ClaudeToken::parse(&token)?)
            }
            None if self.seen => Err(Missed::Broken),
            None => Err(Missed::None),
        }
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
