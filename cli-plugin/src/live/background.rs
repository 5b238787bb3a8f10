//! Starting a process of ours that stays when a launch has long become docker.
//!
//! A first process moves into a session of its own, starts the one that stays,
//! and ends at once: so the launch can wait for it, and the docker that it
//! becomes never has a child that it does not know. The one that stays says
//! that it has begun, or that it is done, by closing its standard output.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::setsid;

/// The verb of all of them.
pub(super) const VERB: &str = "sync";

/// The flag of the first process of a watcher.
pub(super) const BACKGROUND: &str = "--background";

/// The flag of the first process of one that asks for a renewal.
pub(super) const RENEW: &str = "--renew";

/// The flag of one that asks whenever the login ends.
pub(super) const DOUBTED: &str = "--doubted";

/// The flag of the one that stays.
pub(super) const STAYS: &str = "--stays";

/// Starts this program with these words behind its verb, and nothing in its
/// environment but these variables; whether it closed its standard output
/// within this time.
///
/// # Errors
/// It cannot be started.
pub(super) fn start(
    words: &[&str],
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    patience: Duration,
) -> io::Result<bool> {
    let until = Instant::now() + patience;
    let mut first = ourselves(words)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let closed = first.stdout.take().map(|pipe| is_closed(&pipe, until));
    // It has nothing to do but to start another.
    first.wait()?;
    closed.unwrap_or(Ok(false))
}

/// The first process: starts the one that stays, with the same words, and with
/// nothing in its environment but these variables.
///
/// # Errors
/// It cannot be started.
pub(super) fn stay_behind(
    words: &[&str],
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> io::Result<()> {
    match setsid() {
        // Whoever started us has seen to that.
        Ok(_) | Err(Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    ourselves(words)
        .arg(STAYS)
        .env_clear()
        .envs(variables)
        .spawn()
        .map(drop)
}

/// This process's standard streams, which nobody hears from now on: what was
/// waited for has come.
///
/// # Errors
/// There is no `/dev/null`.
pub(super) fn close_streams() -> io::Result<()> {
    let null = null()?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// The same with standard input alone.
///
/// # Errors
/// There is no `/dev/null`.
pub(super) fn close_stdin() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdin(null()?)?)
}

fn null() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/null")
}

fn ourselves(words: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("docker-jackin")
        .arg(VERB)
        .args(words)
        // No folder of the user's is kept busy.
        .current_dir("/");
    command
}

/// Whether a pipe is closed at its other end by then.
fn is_closed(pipe: &ChildStdout, until: Instant) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or_default();
        match poll(
            &mut [PollFd::new(&pipe.as_fd(), PollFlags::IN)],
            Some(&left),
        ) {
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(0) => return Ok(false),
            Ok(_) => {}
        }
        // What is said there is for nobody.
        match rustix::io::read(pipe, &mut [0; 256]) {
            Ok(0) => return Ok(true),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
