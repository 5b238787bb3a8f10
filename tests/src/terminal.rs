//! A program in a pseudo-terminal, and what its screen shows.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::pty::{Winsize, openpty};

const ROWS: NonZeroU16 = NonZeroU16::new(50).expect("not zero");
const COLUMNS: NonZeroU16 = NonZeroU16::new(160).expect("not zero");

/// A running program and its screen. It is killed when dropped.
pub struct Terminal {
    master: File,
    screen: Arc<Mutex<vt100::Parser>>,
    recording: Arc<Mutex<Vec<u8>>>,
    child: Child,
    drawing: JoinHandle<()>,
}

impl Terminal {
    /// Starts a program with a terminal as its own.
    pub fn start(command: &Command) -> Result<Self> {
        Self::start_sized(command, ROWS, COLUMNS)
    }

    /// The same with a terminal of another size.
    pub fn start_sized(command: &Command, rows: NonZeroU16, columns: NonZeroU16) -> Result<Self> {
        let size = Winsize {
            ws_row: rows.get(),
            ws_col: columns.get(),
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None)?;
        let child = in_session(command)
            .stdin(pty.slave.try_clone()?)
            .stdout(pty.slave.try_clone()?)
            .stderr(pty.slave)
            .spawn()?;
        let master = File::from(pty.master);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let recording = Arc::default();
        let drawing = draw(
            master.try_clone()?,
            Arc::clone(&screen),
            Arc::clone(&recording),
        );
        Ok(Self {
            master,
            screen,
            recording,
            child,
            drawing,
        })
    }

    /// Types something.
    pub fn send(&mut self, keys: &str) -> Result<()> {
        self.master.write_all(keys.as_bytes())?;
        Ok(())
    }

    /// What is on the screen now.
    pub fn contents(&self) -> String {
        self.parser().screen().contents()
    }

    /// Everything that the terminal was sent so far, byte for byte.
    pub fn recording(&self) -> Vec<u8> {
        let recording = self.recording.lock();
        recording.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until one of `texts` is on the screen; which one.
    ///
    /// Programs move the cursor instead of writing spaces, so runs of blanks
    /// count as one.
    pub fn wait_for(&self, texts: &[&str], limit: Duration) -> Result<usize> {
        let end = Instant::now() + limit;
        loop {
            let screen = self.contents();
            let words: Vec<_> = screen.split_whitespace().collect();
            let screen_text = words.join(" ");
            if let Some(index) = texts.iter().position(|text| screen_text.contains(text)) {
                return Ok(index);
            }
            if Instant::now() > end {
                bail!("none of {texts:?} came up on the screen:\n{screen}");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Changes the terminal's size, as a person does with a window.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        let size = rustix::termios::Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(rustix::termios::tcsetwinsize(&self.master, size)?)
    }

    /// Waits until the program has ended and all it wrote is on the screen;
    /// its exit code.
    pub fn finish(&mut self, limit: Duration) -> Result<i32> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()?
                && self.drawing.is_finished()
            {
                return status.code().context("ended by a signal");
            }
            if Instant::now() > end {
                bail!("it does not end:\n{}", self.contents());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn parser(&self) -> MutexGuard<'_, vt100::Parser> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same command as leader of a session with a controlling terminal.
fn in_session(command: &Command) -> Command {
    let mut session = Command::new("setsid");
    session.args(["--ctty", "--wait"]);
    session.arg(command.get_program()).args(command.get_args());
    session.env_clear();
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    session.envs(set).env("TERM", "xterm-256color");
    session
}

fn draw(
    mut from: File,
    screen: Arc<Mutex<vt100::Parser>>,
    recording: Arc<Mutex<Vec<u8>>>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Reading ends with an error when the last program has gone.
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let mut parser = screen.lock().unwrap_or_else(PoisonError::into_inner);
            parser.process(&buffer[..read]);
            let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
            recording.extend_from_slice(&buffer[..read]);
        }
    })
}
