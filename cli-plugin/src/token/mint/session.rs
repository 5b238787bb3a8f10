//! The user and claude at one terminal, until there is a token or none is to
//! be had.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, kill_current_process_group};
use signal_hook::flag;
use zeroize::Zeroizing;

use super::child::Claude;
use super::model::{Model, Size};
use super::picture::Picture;
use super::terminal::Terminal;
use crate::source::Watch;

/// How long is waited at most before looking at the clock and the signals.
const TICK: Duration = Duration::from_millis(50);

/// How long claude may take to end by itself once it has shown the token. It
/// takes a second.
const CODA: Duration = Duration::from_secs(2);

/// What Ctrl-C and Ctrl-Z type where they are no signals. The first does
/// nothing in claude, the second would stop it alone.
const INTERRUPT: u8 = 0x03;
const SUSPEND: u8 = 0x1a;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// claude ended.
    Ended(ExitStatus),
    /// It has shown a token, and did not end.
    Shown,
    /// The user gave up, or the system ended it.
    Interrupted(Signal),
    /// The time is over.
    TimedOut,
}

/// A session. The terminal is given back when it is dropped, and claude ended.
pub(super) struct Session<'a> {
    pub(super) claude: Claude,
    pub(super) model: Model,
    terminal: Terminal,
    size: Size,
    watch: &'a Watch,
    resized: Arc<AtomicBool>,
    continued: Arc<AtomicBool>,
}

impl<'a> Session<'a> {
    /// Begins one with a claude that was just started.
    pub(super) fn begin(claude: Claude, size: Size, watch: &'a Watch) -> io::Result<Self> {
        let noted = |signal: Signal| {
            let came = Arc::new(AtomicBool::new(false));
            // Both do nothing else by themselves, so it may stay so.
            flag::register(signal.as_raw(), Arc::clone(&came)).map(|_| came)
        };
        Ok(Self {
            claude,
            model: Model::new(size),
            resized: noted(Signal::WINCH)?,
            continued: noted(Signal::CONT)?,
            terminal: Terminal::take()?,
            size,
            watch,
        })
    }

    /// Gives the terminal back, and leaves the model.
    pub(super) fn leave(self) -> Model {
        self.model
    }

    /// Goes on until it ends.
    pub(super) fn run(&mut self, limit: Duration) -> io::Result<End> {
        let deadline = Instant::now() + limit;
        let mut shown: Option<Instant> = None;
        loop {
            if let Some(signal) = self.watch.take() {
                return Ok(End::Interrupted(signal));
            }
            // Looked at before its terminal: what it wrote is there by then.
            let ended = self.claude.ended()?;
            if let Some(status) = ended {
                self.claude.read_the_rest(&mut self.model)?;
                return Ok(End::Ended(status));
            }
            self.follow_signals()?;
            if let Some(signal) = self.pass_on()? {
                return Ok(End::Interrupted(signal));
            }
            self.draw()?;
            if self.model.has_a_token() {
                let since = *shown.get_or_insert_with(Instant::now);
                if since.elapsed() >= CODA {
                    return Ok(End::Shown);
                }
            } else if Instant::now() >= deadline {
                return Ok(End::TimedOut);
            }
        }
    }

    /// Waits for either of them, and passes on what they say.
    fn pass_on(&mut self) -> io::Result<Option<Signal>> {
        let stdin = io::stdin();
        let mut asked = vec![PollFd::new(&stdin, PollFlags::IN)];
        if self.claude.open {
            asked.push(self.claude.to_be_waited_for());
        }
        let wait = Timespec::try_from(TICK).unwrap_or_default();
        match poll(&mut asked, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let keys = !asked[0].revents().is_empty();
        let its = asked.get(1).map(PollFd::revents);
        if its.is_some_and(|its| !its.is_empty()) {
            self.claude.pass_on()?;
            self.claude.read(&mut self.model)?;
        }
        if keys { self.take_keys() } else { Ok(None) }
    }

    /// Takes what was typed; gives the signal that it stands for.
    fn take_keys(&mut self) -> io::Result<Option<Signal>> {
        let mut keys = Zeroizing::new([0; 1024]);
        let count = match rustix::io::read(io::stdin(), &mut keys[..]) {
            // The terminal is gone.
            Ok(0) | Err(Errno::IO) => return Ok(Some(Signal::HUP)),
            Ok(count) => count,
            Err(Errno::INTR | Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let keys = &keys[..count];
        if keys.contains(&INTERRUPT) {
            return Ok(Some(Signal::INT));
        }
        let mut parts = keys.split(|key| *key == SUSPEND);
        // There is one part more than there are keys that stop us.
        if let Some(part) = parts.next() {
            self.claude.type_in(part)?;
        }
        for part in parts {
            self.stop()?;
            self.claude.type_in(part)?;
        }
        Ok(None)
    }

    /// Stops us and all that was started with us, as Ctrl-Z does, until the
    /// shell goes on with us.
    fn stop(&mut self) -> io::Result<()> {
        self.terminal.give_back();
        let stopped = kill_current_process_group(Signal::TSTP);
        self.continued.store(false, Ordering::SeqCst);
        self.resized.store(true, Ordering::SeqCst);
        self.terminal.take_again()?;
        Ok(stopped?)
    }

    fn follow_signals(&mut self) -> io::Result<()> {
        if self.continued.swap(false, Ordering::SeqCst) {
            self.terminal.take_again()?;
            self.resized.store(true, Ordering::SeqCst);
        }
        // A token that is being written would be torn.
        if self.model.has_seen_a_token() || !self.resized.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        let size = Terminal::size();
        if size != self.size {
            self.size = size;
            self.model.resize(size);
            self.claude.resize(size)?;
        }
        self.terminal.draw_anew(Picture::of(&mut self.model))
    }

    fn draw(&mut self) -> io::Result<()> {
        if let Some(link) = self.model.notes().copy.take() {
            Terminal::copy(&link)?;
        }
        let picture = Picture::of(&mut self.model);
        if self.model.was_disturbed() {
            return self.terminal.draw_anew(picture);
        }
        self.terminal.draw(picture)
    }
}
