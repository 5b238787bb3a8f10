//! claude itself, in a pseudo-terminal and a session of its own.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use zeroize::Zeroizing;

use super::model::{Model, Size};

/// How long it may take to end once it was told to. It takes 0.3 s.
const GRACE: Duration = Duration::from_secs(1);

/// How much is read at once, in bytes.
const PART: usize = 4096;

/// How often more is read once it has ended: as much as a terminal holds.
/// What comes later is somebody else's.
const LAST: usize = 64;

/// The most that waits to be typed, in bytes.
const TYPED: usize = 64 << 10;

/// claude, which ends when nobody waits for it.
pub(super) struct Claude {
    process: Child,
    terminal: Pty,
    /// What was typed and is not read yet. It may hold a code.
    typed: Zeroizing<Vec<u8>>,
    /// Whether its terminal is still held open by anybody.
    pub(super) open: bool,
}

impl Claude {
    /// Starts `claude setup-token`.
    pub(super) fn start(
        program: &Path,
        variables: Vec<(OsString, OsString)>,
        folder: &Path,
        size: Size,
    ) -> io::Result<Self> {
        let failed = |error: pty_process::Error| io::Error::other(error);
        let (terminal, its_end) = open().map_err(failed)?;
        resize(&terminal, size)?;
        ioctl_fionbio(&terminal, true)?;
        let process = Command::new(program)
            .arg("setup-token")
            .env_clear()
            .envs(variables)
            .current_dir(folder)
            .spawn(its_end)
            .map_err(failed)?;
        Ok(Self {
            process,
            terminal,
            typed: Zeroizing::new(Vec::with_capacity(TYPED)),
            open: true,
        })
    }

    /// Its terminal, to be waited for: for room too when something was typed.
    pub(super) fn to_be_waited_for(&self) -> PollFd<'_> {
        let mut what = PollFlags::IN;
        if !self.typed.is_empty() {
            what |= PollFlags::OUT;
        }
        PollFd::new(&self.terminal, what)
    }

    /// Takes in what it has written, and says whether that was anything.
    pub(super) fn read(&mut self, model: &mut Model) -> io::Result<bool> {
        let mut part = Zeroizing::new([0; PART]);
        match rustix::io::read(&self.terminal, &mut part[..]) {
            // That is how the end of a pseudo-terminal is told.
            Ok(0) | Err(Errno::IO) => {
                self.open = false;
                Ok(false)
            }
            Ok(count) => {
                model.take_in(&part[..count]);
                Ok(true)
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes in the rest, when it has ended.
    pub(super) fn read_the_rest(&mut self, model: &mut Model) -> io::Result<()> {
        for _ in 0..LAST {
            if !self.open || !self.read(model)? {
                break;
            }
        }
        Ok(())
    }

    /// Types. What has no room is not typed: nobody types that much.
    pub(super) fn type_in(&mut self, keys: &[u8]) -> io::Result<()> {
        let room = TYPED - self.typed.len();
        self.typed.extend_from_slice(&keys[..keys.len().min(room)]);
        self.pass_on()
    }

    /// Passes on what was typed, as far as it is taken.
    pub(super) fn pass_on(&mut self) -> io::Result<()> {
        if self.typed.is_empty() {
            return Ok(());
        }
        match rustix::io::write(&self.terminal, &self.typed) {
            Ok(count) => {
                self.typed.drain(..count);
                Ok(())
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(()),
            // It has ended, which is found out elsewhere.
            Err(Errno::IO) => {
                self.typed.clear();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells it that its terminal has another size.
    pub(super) fn resize(&self, size: Size) -> io::Result<()> {
        resize(&self.terminal, size)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Ends it and what it has started, by force if it takes long. It leads
    /// its group and is not waited for yet, so the group is its.
    pub(super) fn end(&mut self) {
        if !matches!(self.process.try_wait(), Ok(None)) {
            return;
        }
        let _ = kill_process_group(self.group(), Signal::TERM);
        // One that is stopped would not hear of it.
        let _ = kill_process_group(self.group(), Signal::CONT);
        let until = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < until {
            self.discard();
        }
        let _ = kill_process_group(self.group(), Signal::KILL);
        let _ = self.process.wait();
    }

    /// Reads what it writes while it ends, so that it has room to.
    fn discard(&self) {
        let wait = Timespec::try_from(Duration::from_millis(5)).unwrap_or_default();
        let mut asked = [PollFd::new(&self.terminal, PollFlags::IN)];
        let _ = poll(&mut asked, Some(&wait));
        let mut part = Zeroizing::new([0; PART]);
        if rustix::io::read(&self.terminal, &mut part[..]).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Whether it has ended, leaving it to be waited for.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.group()), options), Ok(Some(_)))
    }
}

impl Drop for Claude {
    fn drop(&mut self) {
        self.end();
    }
}

fn resize(terminal: &Pty, size: Size) -> io::Result<()> {
    let size = pty_process::Size::new(size.rows.get(), size.columns.get());
    terminal.resize(size).map_err(io::Error::other)
}
