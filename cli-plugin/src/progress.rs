//! What is waited for, on a line of the terminal that is gone afterwards.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long nothing is shown: what is done by then needs no explanation.
const SILENCE: Duration = Duration::from_secs(1);

/// How often the line is drawn.
const BEAT: Duration = Duration::from_millis(120);

/// Shows on stderr what is waited for once it takes longer than a second.
/// Where stderr is no terminal, or one that cannot move its cursor, it shows
/// nothing. Dropping it erases the line.
#[derive(Debug)]
pub struct Progress {
    words: Option<Sender<String>>,
    drawer: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to wait for what `words` say, such as `waiting for op://a/b/c`.
    pub fn begin(words: impl Into<String>) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let target = if dumb {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        Self::on(target, words.into())
    }

    fn on(target: ProgressDrawTarget, words: String) -> Self {
        if target.is_hidden() {
            return Self {
                words: None,
                drawer: None,
            };
        }
        let (sender, receiver) = channel();
        let drawer = std::thread::spawn(move || draw(target, words, &receiver));
        Self {
            words: Some(sender),
            drawer: Some(drawer),
        }
    }

    /// Says something else from now on.
    pub fn say(&self, words: impl Into<String>) {
        if let Some(sender) = &self.words {
            // Nobody draws any more: then nobody needs to know.
            let _ = sender.send(words.into());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.words.take());
        if let Some(drawer) = self.drawer.take() {
            let _ = drawer.join();
        }
    }
}

/// Waits in silence, then draws, until the other end is dropped.
fn draw(target: ProgressDrawTarget, mut words: String, said: &Receiver<String>) {
    let silence = std::time::Instant::now() + SILENCE;
    loop {
        match said.recv_timeout(silence.saturating_duration_since(std::time::Instant::now())) {
            Ok(more) => words = more,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    let bar = ProgressBar::with_draw_target(None, target)
        .with_elapsed(SILENCE)
        .with_style(style())
        .with_message(words);
    bar.enable_steady_tick(BEAT);
    for words in said {
        bar.set_message(words);
    }
    bar.finish_and_clear();
}

/// Without any colour, so that there is none to be turned off. The seconds come
/// first: a long line is cut at its end.
fn style() -> ProgressStyle {
    // It is a constant: if it were wrong, a test would say so.
    ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// `waiting for a, b and 2 more`, of at most three names.
pub fn waiting_for<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let (shown, rest) = names.split_at(names.len().min(3));
    let shown = shown.join(", ");
    match rest.len() {
        0 => format!("waiting for {shown}"),
        more => format!("waiting for {shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that notes what is written and when it is erased.
    #[derive(Debug, Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<String>>>);

    impl Terminal {
        fn note(&self, what: &str) {
            self.0.lock().unwrap().push(what.trim_end().to_owned());
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            60
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.note(text);
            Ok(())
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.note(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.note("<erased>");
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown_during(wait: Duration, more: Option<&str>) -> Vec<String> {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let progress = Progress::on(target, waiting_for(["op://a/b/c", "cmd:pass"]));
        std::thread::sleep(wait / 2);
        if let Some(words) = more {
            progress.say(words);
        }
        std::thread::sleep(wait / 2);
        drop(progress);
        let shown = terminal.0.lock().unwrap();
        shown.clone()
    }

    #[test]
    fn what_takes_less_than_a_second_is_not_shown() {
        assert_eq!(shown_during(Duration::from_millis(200), Some("x")), [""; 0]);
    }

    #[test]
    fn what_takes_longer_is_named_and_erased_afterwards() {
        let shown = shown_during(Duration::from_millis(2600), Some("waiting for cmd:pass"));
        let all = shown.join("\n");
        assert!(all.contains("1s waiting for op://a/b/c, cmd:pass"), "{all}");
        assert!(all.contains("waiting for cmd:pass"), "{all}");
        assert!(!all.contains('\u{1b}'), "without colour: {all}");
        assert_eq!(shown.last().map(String::as_str), Some("<erased>"), "{all}");
    }

    #[test]
    fn many_names_are_counted() {
        assert_eq!(waiting_for(["a"]), "waiting for a");
        assert_eq!(
            waiting_for(["a", "b", "c", "d", "e"]),
            "waiting for a, b, c and 2 more"
        );
    }
}
