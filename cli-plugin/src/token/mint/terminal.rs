//! The user's terminal while claude is at work: its keys come one by one, its
//! screen is ours, and it is as it was when this is dropped.

use std::fmt::Write;
use std::io;
use std::os::fd::AsFd;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};

use super::model::Size;
use super::picture::Picture;

/// A screen besides the one that the shell writes on; lines are not wrapped.
const ENTER: &str = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[0m\x1b[H\x1b[2J";

/// All that was set, as it was.
const LEAVE: &str = "\x1b[0m\x1b]8;;\x1b\\\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";

/// The sizes that are made use of: on less nothing can be read, and more only
/// costs time.
const COLUMNS: std::ops::RangeInclusive<u16> = 20..=1000;
const ROWS: std::ops::RangeInclusive<u16> = 5..=300;

/// How long is waited for room before it is tried again.
const ROOM: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// The size where the terminal does not know it.
const UNKNOWN: (u16, u16) = (80, 24);

/// The terminal.
pub(super) struct Terminal {
    before: Termios,
    drawn: Picture,
}

impl Terminal {
    /// Takes it over.
    pub(super) fn take() -> io::Result<Self> {
        let terminal = Self {
            before: tcgetattr(io::stdin())?,
            drawn: Picture::default(),
        };
        terminal.prepare()?;
        Ok(terminal)
    }

    fn prepare(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.input_modes = InputModes::empty();
        raw.local_modes -=
            LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        put(ENTER)
    }

    /// Takes it over again, after somebody else had it.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        self.drawn = Picture::default();
        self.prepare()
    }

    /// Gives it back. What is typed and not read yet is forgotten: it was meant
    /// for claude, and may be half a code.
    pub(super) fn give_back(&self) {
        let _ = put(LEAVE);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }

    /// Its size.
    pub(super) fn size() -> Size {
        let size = tcgetwinsize(io::stderr()).ok();
        let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
        let (columns, rows) = size.map_or(UNKNOWN, |size| (size.ws_col, size.ws_row));
        let within = |number: u16, range: std::ops::RangeInclusive<u16>| {
            let number = number.clamp(*range.start(), *range.end());
            std::num::NonZeroU16::new(number).unwrap_or(std::num::NonZeroU16::MIN)
        };
        Size {
            columns: within(columns, COLUMNS),
            rows: within(rows, ROWS),
        }
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, picture: Picture) -> io::Result<()> {
        let text = changes(&self.drawn, &picture);
        self.drawn = picture;
        if text.is_empty() { Ok(()) } else { put(&text) }
    }

    /// Draws everything, as after a change of its size.
    pub(super) fn draw_anew(&mut self, picture: Picture) -> io::Result<()> {
        self.drawn = Picture::default();
        put("\x1b[0m\x1b[H\x1b[2J")?;
        self.draw(picture)
    }

    /// Puts a link into the clipboard, on terminals that do so.
    pub(super) fn copy(link: &str) -> io::Result<()> {
        put(&format!("\x1b]52;c;{}\x07", BASE64_STANDARD.encode(link)))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What turns one picture on a terminal into another.
pub(super) fn changes(from: &Picture, to: &Picture) -> String {
    if from == to {
        return String::new();
    }
    let mut text = String::from("\x1b[?25l");
    if from.pasted != to.pasted {
        text += if to.pasted {
            "\x1b[?2004h"
        } else {
            "\x1b[?2004l"
        };
    }
    for (number, row) in to.rows.iter().enumerate() {
        if from.rows.get(number) != Some(row) {
            let _ = write!(text, "\x1b[{};1H\x1b[2K{row}", number + 1);
        }
    }
    if let Some((row, column)) = to.cursor {
        let _ = write!(text, "\x1b[{};{}H\x1b[?25h", row + 1, column + 1);
    }
    text
}

fn put(text: &str) -> io::Result<()> {
    let mut bytes = text.as_bytes();
    let screen = io::stderr();
    while !bytes.is_empty() {
        match rustix::io::write(screen.as_fd(), bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            // Another program of the session has made it so that it does not
            // wait; what is left out here would stay as it is afterwards.
            Err(rustix::io::Errno::AGAIN) => {
                let mut room = [PollFd::new(&screen, PollFlags::OUT)];
                let _ = poll(&mut room, Some(&ROOM));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
