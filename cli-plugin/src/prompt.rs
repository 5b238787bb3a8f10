//! A secret from its user: typed unseen on a terminal, or read from a pipe.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::failure::{Failure, Kind};

/// The longest secret, in bytes.
const LIMIT: usize = 64 << 10;

/// What Ctrl-C types where it is no signal.
const INTERRUPT: u8 = 3;

/// Asks for `what` and gives it without the line break at its end.
///
/// # Errors
/// Nothing came, or no text, or too much; or the user gave up.
pub fn secret(what: &str) -> Result<Zeroizing<String>, Failure> {
    let stdin = std::io::stdin();
    let read = if stdin.is_terminal() {
        typed(what)?
    } else {
        piped()?
    };
    checked(&read, what)
}

/// One line from the terminal, which shows nothing of it.
fn typed(what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let _hidden = Hidden::new().map_err(unread)?;
    let mut screen = std::io::stderr();
    let _ = write!(screen, "{what} (not shown): ");
    let read = read_until(|bytes| matches!(bytes.last(), Some(b'\n' | &INTERRUPT)));
    let _ = writeln!(screen);
    let read = read.map_err(unread)?;
    if read.contains(&INTERRUPT) {
        let message = "given up; nothing was changed";
        return Err(Failure::new(Kind::Configuration, message));
    }
    Ok(read)
}

fn piped() -> Result<Zeroizing<Vec<u8>>, Failure> {
    read_until(|_| false).map_err(unread)
}

/// Reads standard input up to its end, its limit, or where `enough` says so.
///
/// By the descriptor itself: the standard library's buffer is never wiped.
fn read_until(enough: impl Fn(&[u8]) -> bool) -> Result<Zeroizing<Vec<u8>>, Errno> {
    let stdin = std::io::stdin();
    let mut room = Zeroizing::new(vec![0; LIMIT + 1]);
    let mut length = 0;
    while length < room.len() && !enough(&room[..length]) {
        match rustix::io::read(stdin.as_fd(), &mut room[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    room.truncate(length);
    Ok(room)
}

fn checked(read: &[u8], what: &str) -> Result<Zeroizing<String>, Failure> {
    let refuse = |why: &str| Err(Failure::new(Kind::Usage, format!("{what} {why}")));
    if read.len() > LIMIT {
        return refuse("is longer than 64 KiB");
    }
    let Ok(text) = str::from_utf8(read) else {
        return refuse("is no UTF-8 text");
    };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return refuse("is empty: type or pipe it");
    }
    if text.contains('\0') {
        return refuse("holds a NUL");
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn unread(error: Errno) -> Failure {
    let message = format!("failed to read from standard input: {error}");
    Failure::new(Kind::Configuration, message)
}

/// A terminal that shows nothing of what is typed, until this is dropped.
///
/// Ctrl-C is no signal meanwhile but the end of the line: a signal would end
/// us and leave the terminal silent.
struct Hidden(Termios);

impl Hidden {
    fn new() -> Result<Self, Errno> {
        let before = tcgetattr(std::io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        silent.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked_text(read: &[u8]) -> Result<String, String> {
        checked(read, "the key")
            .map(|text| text.to_string())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_it() {
        assert_eq!(checked_text(b"canary\r\n").unwrap(), "canary");
        assert_eq!(checked_text(b"two\nlines\n\n").unwrap(), "two\nlines\n");
    }

    #[test]
    fn what_is_no_text_or_none_at_all_is_refused_without_showing_it() {
        let long = vec![b'x'; LIMIT + 1];
        for read in [&b""[..], b" \n", b"canary\0", b"canary\xff", &long] {
            let refused = checked_text(read).unwrap_err();
            assert!(refused.starts_with("the key "), "{refused}");
            assert!(!refused.contains("canary"));
        }
    }
}
