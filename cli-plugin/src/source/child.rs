//! Running a program for one value: bounded in time and in size, in a process
//! group of its own, and with nothing left in memory of what it printed.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use zeroize::Zeroizing;

use super::interrupt::Watch;

/// The most that a program may print, in bytes. A variable can hold 128 KiB.
pub(super) const MAX_OUTPUT: usize = 64 << 10;

/// How much of its complaints is kept, in bytes: the first line is shown.
const MAX_COMPLAINT: usize = 4 << 10;

/// How long is waited at most before looking at the clock, the signals and the
/// program again.
const TICK: Duration = Duration::from_millis(50);

/// The same for a program that has closed its pipes.
const CLOSE: Duration = Duration::from_millis(2);

/// How often more is taken out of the pipes once the program has ended: as much
/// as the largest pipe holds. What comes later is somebody else's.
const LAST: usize = (1 << 20) / PART;

/// How much is taken out of a pipe at once, in bytes.
const PART: usize = 4096;

/// How long a program may take to end once it was told to.
const GRACE: Duration = Duration::from_millis(500);

/// A program that is asked, with all it is given.
pub(crate) struct Question<'a> {
    /// The program's file.
    pub(crate) program: &'a Path,
    /// Its arguments.
    pub(crate) arguments: Vec<&'a str>,
    /// Its whole environment.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// The folder that it runs in.
    pub(crate) folder: &'a Path,
    /// What it reads on its standard input, which is else empty: never ours.
    pub(crate) input: Option<&'a [u8]>,
    /// How long it may take.
    pub(crate) limit: Duration,
}

/// What a program answered.
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    pub(crate) output: Zeroizing<Vec<u8>>,
    pub(crate) complaint: Zeroizing<Vec<u8>>,
}

/// Why a program gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoAnswer {
    /// It could not be started.
    #[error("{} cannot be started: {error}", program.display())]
    Start {
        /// Its file.
        program: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// It took too long, and was ended with all it had started.
    #[error("timed out: no answer within {} s", limit.as_secs_f32())]
    TimeLimit {
        /// How long it may take.
        limit: Duration,
    },
    /// It printed more than a value can be.
    #[error("it printed more than {MAX_OUTPUT} bytes")]
    TooLong,
    /// It wanted to ask on the terminal.
    #[error("it wanted to ask on the terminal, which it is not given")]
    Terminal,
    /// This command was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The system failed.
    #[error("it could not be waited for: {0}")]
    System(Arc<io::Error>),
}

impl Question<'_> {
    /// Runs the program until it has ended, or the time is over.
    pub(crate) fn ask(&self, watch: &Watch) -> Result<Answer, NoAnswer> {
        let mut child = Asked(self.spawn()?);
        child.feed(self.input)?;
        child.answer(self.limit, watch)
    }

    fn spawn(&self) -> Result<Child, NoAnswer> {
        let input = match self.input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        Command::new(self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder)
            // So that it can be ended with all it starts. No session of its
            // own: 1Password remembers an approval for the terminal.
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| NoAnswer::Start {
                program: self.program.to_owned(),
                error: Arc::new(error),
            })
    }
}

/// A program that runs, and ends with its group when nobody waits for it.
struct Asked(Child);

impl Drop for Asked {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.end(Signal::TERM);
        }
    }
}

impl Asked {
    /// Gives it what it is to read. That is less than a pipe holds, so that it
    /// goes in at once.
    fn feed(&mut self, input: Option<&[u8]>) -> Result<(), NoAnswer> {
        let (Some(input), Some(mut pipe)) = (input, self.0.stdin.take()) else {
            return Ok(());
        };
        match pipe.write_all(input) {
            // One that reads nothing may answer all the same.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(system(error)),
            _ => Ok(()),
        }
    }

    fn answer(&mut self, limit: Duration, watch: &Watch) -> Result<Answer, NoAnswer> {
        let deadline = Instant::now() + limit;
        let (Some(stdout), Some(stderr)) = (self.0.stdout.take(), self.0.stderr.take()) else {
            return Err(system(Errno::BADF));
        };
        let mut output = Pipe::new(stdout.as_fd(), MAX_OUTPUT);
        let mut complaint = Pipe::new(stderr.as_fd(), MAX_COMPLAINT);
        let mut last = LAST;
        loop {
            // Looked at before the pipes: what it printed is in them by then.
            // Who inherited them from it is not waited for.
            let ended = self.0.try_wait().map_err(system)?;
            let wait = if ended.is_some() {
                Duration::ZERO
            } else {
                TICK.min(deadline.saturating_duration_since(Instant::now()))
            };
            let more = take_in([&mut output, &mut complaint], wait)?;
            if output.overflown {
                return Err(NoAnswer::TooLong);
            }
            if ended.is_some() {
                last -= 1;
            }
            if let Some(status) = ended.filter(|_| !more || last == 0) {
                return Ok(Answer {
                    status,
                    output: output.bytes,
                    complaint: complaint.bytes,
                });
            }
            if let Some(signal) = watch.signal() {
                self.end(signal);
                return Err(NoAnswer::Interrupted);
            }
            if Instant::now() >= deadline {
                return Err(NoAnswer::TimeLimit { limit });
            }
            if ended.is_none() && self.is_stopped() {
                return Err(NoAnswer::Terminal);
            }
        }
    }

    /// Whether the system stopped it, as it does with who reads the terminal
    /// from the background.
    fn is_stopped(&self) -> bool {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.group()), options);
        matches!(status, Ok(Some(status)) if status.stopped())
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Ends it and what it started: with `signal`, and by force after a while.
    /// It is its group's leader and not waited for yet, so the group is its.
    fn end(&mut self, signal: Signal) {
        let _ = kill_process_group(self.group(), signal);
        // One that is stopped would not hear of it.
        let _ = kill_process_group(self.group(), Signal::CONT);
        let until = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = kill_process_group(self.group(), Signal::KILL);
        let _ = self.0.wait();
    }

    /// Whether it has ended, leaving it to be waited for.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.group()), options), Ok(Some(_)))
    }
}

/// One of its pipes, with what came out of it.
struct Pipe<'a> {
    end: BorrowedFd<'a>,
    bytes: Zeroizing<Vec<u8>>,
    room: usize,
    open: bool,
    overflown: bool,
}

impl<'a> Pipe<'a> {
    fn new(end: BorrowedFd<'a>, room: usize) -> Self {
        Self {
            end,
            // All the room at once: growing would leave copies behind.
            bytes: Zeroizing::new(Vec::with_capacity(room)),
            room,
            open: true,
            overflown: false,
        }
    }

    /// Takes in what is there; what has no room is read and forgotten.
    fn take_in(&mut self) -> Result<(), NoAnswer> {
        let mut part = Zeroizing::new([0; PART]);
        match rustix::io::read(self.end, &mut part[..]) {
            Ok(0) => self.open = false,
            Ok(count) => {
                let kept = count.min(self.room - self.bytes.len());
                self.bytes.extend_from_slice(&part[..kept]);
                self.overflown |= kept < count;
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(system(error)),
        }
        Ok(())
    }
}

/// Takes in what comes out of the pipes within `wait`, and says whether
/// anything did.
fn take_in(pipes: [&mut Pipe<'_>; 2], wait: Duration) -> Result<bool, NoAnswer> {
    let mut open: Vec<_> = pipes.into_iter().filter(|pipe| pipe.open).collect();
    // It closes them as it ends, so its end is not far.
    let wait = if open.is_empty() {
        wait.min(CLOSE)
    } else {
        wait
    };
    let mut asked: Vec<_> = open
        .iter()
        .map(|pipe| PollFd::from_borrowed_fd(pipe.end, PollFlags::IN))
        .collect();
    let wait = Timespec::try_from(wait).unwrap_or_default();
    match poll(&mut asked, Some(&wait)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(system(error)),
    }
    let ready: Vec<bool> = asked.iter().map(|one| !one.revents().is_empty()).collect();
    for (pipe, _) in open.iter_mut().zip(&ready).filter(|(_, ready)| **ready) {
        pipe.take_in()?;
    }
    Ok(ready.contains(&true))
}

fn system(error: impl Into<io::Error>) -> NoAnswer {
    NoAnswer::System(Arc::new(error.into()))
}

#[cfg(test)]
#[path = "child_tests.rs"]
mod tests;
