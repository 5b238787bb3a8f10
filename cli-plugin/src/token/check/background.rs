//! Asking behind a launch's back: a process of our own asks and keeps the
//! answer, also when the launch has long become docker.
//!
//! The launch starts a first process, which moves into a session of its own,
//! starts the one that stays, and ends at once: so the launch can wait for it,
//! and the docker that it becomes never has a child that it does not know. The
//! token goes through the standard input that both inherit.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::setsid;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::ask::{LIMIT, ask, holds};
use super::{Check, Checks};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::find_program;
use crate::token::ClaudeToken;
use crate::token::claude::PROGRAM;

/// The verb by which both processes are started.
pub const VERB: &str = "check-token";

/// The flag of the one that stays.
const STAYS: &str = "--stays";

/// How long a launch waits for the answer, from the moment it asks.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest token that is read, in bytes, and the longest answer.
const MOST: usize = 4 << 10;

/// How often is looked whether the first process has ended.
const TICK: Duration = Duration::from_millis(2);

/// An answer that is on its way.
#[derive(Debug)]
pub struct Asking {
    first: Child,
    answer: Option<ChildStdout>,
    until: Instant,
}

impl Asking {
    /// Begins to ask about a token; `None` when nobody is there who could.
    pub fn begin(config_file: &Path, token: &ClaudeToken, host: &Host) -> Option<Self> {
        find_program(PROGRAM, host)?;
        let until = Instant::now() + PATIENCE;
        let mut command = ourselves(config_file);
        let variables = host.variables();
        for (name, _) in variables.filter(|(_, value)| holds(value, token)) {
            command.env_remove(name);
        }
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut first = match spawned {
            Ok(first) => first,
            Err(error) => {
                tracing::debug!(%error, "failed to begin to ask about a token");
                return None;
            }
        };
        // Less than a pipe holds: it goes in at once. One that has ended
        // already gives no answer.
        if let Some(mut pipe) = first.stdin.take() {
            let _ = pipe.write_all(token.secret().expose_secret().as_bytes());
        }
        let answer = first.stdout.take();
        Some(Self {
            first,
            answer,
            until,
        })
    }

    /// The answer, if it comes in time. Asking goes on without us.
    pub fn wait(mut self) -> Option<Check> {
        let answer = self.answer.take().and_then(|pipe| read(&pipe, self.until));
        while matches!(self.first.try_wait(), Ok(None)) && Instant::now() < self.until {
            std::thread::sleep(TICK);
        }
        answer
    }
}

fn ourselves(config_file: &Path) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("docker-jackin")
        .arg(VERB)
        .arg(config_file)
        // No folder of the user's is kept busy.
        .current_dir("/");
    command
}

/// What comes out of the pipe until it is closed.
fn read(pipe: &ChildStdout, until: Instant) -> Option<Check> {
    let mut text = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut asked = [PollFd::new(pipe, PollFlags::IN)];
        match poll(&mut asked, Some(&Timespec::try_from(left).ok()?)) {
            Err(Errno::INTR) => continue,
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        let mut part = [0; 256];
        match rustix::io::read(pipe, &mut part) {
            Ok(0) => return serde_json::from_slice(&text).ok(),
            Ok(count) if text.len() + count <= MOST => text.extend(&part[..count]),
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return None,
        }
    }
}

/// The first process: starts the one that stays.
///
/// # Errors
/// It cannot be started.
pub fn stay_behind(config_file: &Path) -> Result<(), Failure> {
    // What is typed to interrupt the launch is not meant for it, and it
    // outlives the terminal.
    setsid()
        .map_err(io::Error::from)
        .and_then(|_| ourselves(config_file).arg(STAYS).spawn())
        .map(drop)
        .map_err(|error| Failure::new(Kind::Internal, format!("failed to stay behind: {error}")))
}

/// The one that stays: asks about the token on standard input, keeps the
/// answer, and gives it to whoever still listens.
///
/// # Errors
/// There is no token there, or nobody to ask.
pub fn answer_in_background(config_file: &Path) -> Result<(), Failure> {
    let host = Host::of_this_process()?;
    let token = read_token(io::stdin().lock())?;
    let program = find_program(PROGRAM, &host)
        .ok_or_else(|| Failure::new(Kind::Configuration, "`claude` is not in PATH"))?;
    let checks = Checks::beside(config_file);
    let fingerprint = token.fingerprint();
    let Some(_claim) = checks.claim(&fingerprint) else {
        return Ok(());
    };
    let said = ask(&program, &token, &host, LIMIT);
    drop(token);
    let check = Check::new(said.verdict, Timestamp::now());
    let kept = checks.keep(&fingerprint, check.clone());
    if let Err(error) = kept {
        tracing::debug!(%error, "failed to keep an answer");
    }
    let text = serde_json::to_vec(&check)
        .map_err(|_| Failure::new(Kind::Internal, "failed to write the answer as JSON"))?;
    // The launch need not listen any more.
    let _ = io::stdout().lock().write_all(&text);
    Ok(())
}

fn read_token(from: impl Read) -> Result<ClaudeToken, Failure> {
    // Room for all of it: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
    let read = from.take(MOST as u64 + 1).read_to_end(&mut bytes);
    let no_token = || Failure::new(Kind::Usage, "standard input holds no token");
    read.map_err(|_| no_token())?;
    let text = std::str::from_utf8(&bytes).map_err(|_| no_token())?;
    ClaudeToken::parse(&SecretString::from(text)).map_err(|_| no_token())
}
