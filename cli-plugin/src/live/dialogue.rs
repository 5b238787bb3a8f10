//! Talking with a vendor's program that renews a login on request, and not by
//! its arguments alone.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::Child;
use std::thread;
use std::time::Duration;

use crate::agent::Dialogue;

/// The longest line that is looked at, in bytes. A longer one is looked at in
/// pieces, none of which is an answer.
const LONGEST_LINE: u64 = 1 << 20;

/// Holds a dialogue with a program of a login that ends in so long. Its
/// standard streams are hidden in a thread that ends when it does.
///
/// # Errors
/// The system gives us no thread.
pub(super) fn hold(child: &mut Child, dialogue: Dialogue, left: Duration) -> io::Result<()> {
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Ok(());
    };
    thread::Builder::new()
        .name("dialogue".to_owned())
        .spawn(move || talk(input, output, dialogue, left))
        .map(drop)
}

/// Says everything, and hears until there is nothing more: who is not listened
/// to could be kept from ending.
fn talk(mut input: impl Write, output: impl Read, dialogue: Dialogue, left: Duration) {
    let said = input.write_all((dialogue.says)(left).as_bytes());
    // One that does not listen is about to end.
    let mut input = said.is_ok().then_some(input);
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut output)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line);
        if !read.is_ok_and(|read| read > 0) {
            return;
        }
        if (dialogue.is_answer)(&line) {
            drop(input.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    const DIALOGUE: Dialogue = Dialogue {
        says: |left| format!("{}\n", left.as_secs()),
        is_answer: |line| line == b"answer\n",
    };

    #[test]
    fn the_input_stays_open_until_there_is_an_answer() {
        let (input, mut heard) = UnixStream::pair().unwrap();
        let (mut says, output) = UnixStream::pair().unwrap();
        let talk = thread::spawn(move || talk(input, output, DIALOGUE, Duration::from_secs(7)));
        let mut told = [0; 2];
        heard.read_exact(&mut told).unwrap();
        assert_eq!(&told, b"7\n");
        says.write_all(b"a notice\n").unwrap();
        says.write_all(&vec![b'x'; 3 << 20]).unwrap();
        heard
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let still = heard.read(&mut told).unwrap_err();
        assert_eq!(still.kind(), io::ErrorKind::WouldBlock);
        says.write_all(b"\nanswer\n").unwrap();
        heard.set_read_timeout(None).unwrap();
        assert_eq!(heard.read(&mut told).unwrap(), 0, "it is closed");
        says.write_all(b"a last word\n").unwrap();
        drop(says);
        talk.join().unwrap();
    }

    #[test]
    fn one_that_hears_nothing_is_heard_to_its_end() {
        let (input, heard) = UnixStream::pair().unwrap();
        let (mut says, output) = UnixStream::pair().unwrap();
        drop(heard);
        let talk = thread::spawn(move || talk(input, output, DIALOGUE, Duration::ZERO));
        says.write_all(b"no end of a line").unwrap();
        drop(says);
        talk.join().unwrap();
    }
}
