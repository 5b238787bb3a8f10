//! The one process of a user that keeps published logins up to date.
//!
//! The first launch that needs it starts it, and it ends when no container
//! needs it. It is alone by a lock beside the logins, which the system takes
//! back from one that is killed.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::Mode;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getrlimit, pidfd_open, pidfd_send_signal, setrlimit,
    umask,
};
use serde::{Deserialize, Serialize};

use super::background::{self, BACKGROUND, STAYS, VERB};
use super::lock::{Lock, note_of_owner};
use super::watch::{self, Ending, LOOK, Pace, Program, Say, Signals, Watcher};
use super::{LoginFolder, Logins, Machine, from_millis, millis, renew};
use crate::failure::{Failure, Kind};
use crate::host::{Host, keep_out_of_dumps};

/// The lock's file beside the logins.
const LOCK: &str = "watcher.lock";

/// How long a launch waits until one has begun.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often, and how long, is tried to read what the owner of the lock is
/// writing into it.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(2);

/// How long one in the background may take to end.
const TAKE_OVER: Duration = Duration::from_secs(5);

/// The flag of a watcher that runs in front of somebody.
pub const FOREGROUND: &str = "--foreground";

/// This build's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A watcher that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatcherInfo {
    /// Its process.
    pub pid: i32,
    /// Since when it runs, upgrades of itself not counted.
    pub since: SystemTime,
    /// The version of docker-jackin that it is of.
    pub version: String,
    /// Whether somebody chose to run it, as a unit or in a terminal.
    pub foreground: bool,
}

/// What is noted in the lock.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    pid: i32,
    /// In milliseconds since 1970.
    since: u64,
    version: String,
    /// Whether somebody chose to run it, as a unit or in a terminal.
    foreground: bool,
}

/// How a watcher runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Behind everybody's back, as long as somebody needs it.
    Background,
    /// In front of somebody, until it is stopped.
    Foreground,
}

/// Why there is none of ours.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// Another is at it.
    #[error("a watcher of yours runs already{}", pid.map(|pid| format!(", as process {pid}")).unwrap_or_default())]
    Runs {
        /// Its process, where it says so.
        pid: Option<i32>,
    },
    /// The system refuses.
    #[error("failed to {0}: {1}")]
    System(&'static str, io::Error),
}

/// Starts the watcher in the background if none runs, and waits until it has
/// begun, for a second at most. What this shell says it has by then.
///
/// # Errors
/// None runs, and none begins.
pub fn ensure(host: &Host) -> Result<(), Failure> {
    let logins = Logins::of_user(host.uid())?;
    logins.tell_shell(&Machine::of(host));
    if runs(&logins) {
        return Ok(());
    }
    let failed = |why: &dyn std::fmt::Display| {
        let message = format!("failed to start what keeps logins up to date: {why}");
        Failure::new(Kind::Internal, message)
            .hint("see what it says: docker jackin sync --foreground")
    };
    let variables = variables(host);
    match background::start(&[BACKGROUND], variables, PATIENCE) {
        Ok(_) if is_locked(&logins) => Ok(()),
        Ok(true) => Err(failed(&"it has ended at once")),
        Ok(false) => Err(failed(&"it has not begun within a second")),
        Err(error) => Err(failed(&error)),
    }
}

/// Starts the process that becomes the watcher.
///
/// # Errors
/// It cannot be started.
pub fn stay_behind(host: &Host) -> io::Result<()> {
    background::stay_behind(&[BACKGROUND], variables(host))
}

/// Whether the watcher of a user runs. One of another version is told to look
/// whether its program was replaced.
pub fn runs_as_it_should(uid: u32) -> bool {
    Logins::of_user(uid).is_ok_and(|logins| runs(&logins))
}

fn runs(logins: &Logins) -> bool {
    info(logins).is_some_and(|info| info.version == VERSION || poke(logins, &info))
}

/// The watcher of a user that runs; `None` when none does.
pub fn is_running(uid: u32) -> Option<WatcherInfo> {
    info(&Logins::of_user(uid).ok()?)
}

fn is_locked(logins: &Logins) -> bool {
    note_of_owner(&lock_of(logins)).is_some()
}

fn info(logins: &Logins) -> Option<WatcherInfo> {
    let mut tries = TRIES;
    loop {
        let note = note_of_owner(&lock_of(logins))?;
        tries -= 1;
        match serde_json::from_slice::<Note>(&note) {
            Ok(note) => {
                return Some(WatcherInfo {
                    pid: note.pid,
                    since: from_millis(note.since)?,
                    version: note.version,
                    foreground: note.foreground,
                });
            }
            Err(_) if tries > 0 => sleep(PAUSE),
            // On a full file system there is no room for it.
            Err(_) => {
                return Some(WatcherInfo {
                    pid: 0,
                    since: SystemTime::now(),
                    version: VERSION.to_owned(),
                    foreground: false,
                });
            }
        }
    }
}

/// Tells the watcher to look at its own program; whether one runs afterwards.
fn poke(logins: &Logins, known: &WatcherInfo) -> bool {
    signal(logins, known, LOOK);
    for _ in 0..TRIES {
        if !is_locked(logins) {
            return false;
        }
        sleep(PAUSE);
    }
    true
}

fn signal(logins: &Logins, watcher: &WatcherInfo, signal: Signal) {
    let pid = Pid::from_raw(watcher.pid);
    let process = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    // It has the lock still, so that the process is the one that was noted.
    if let Some(process) = process
        && info(logins).is_some_and(|still| still == *watcher)
    {
        let _ = pidfd_send_signal(process, signal);
    }
}

/// What a watcher is given of our environment. What a login depends on it
/// reads in that login's state.
fn variables(host: &Host) -> Vec<(OsString, OsString)> {
    let path = host.variable_os("PATH").map(OsString::from);
    let path = path.map(|path| ("PATH".into(), path));
    let home = ("HOME".into(), host.home().into());
    [home]
        .into_iter()
        .chain(path)
        .chain(renew::network())
        .collect()
}

/// Makes what is published of a login what lies on the host, once and at once.
/// A watcher may be at the same.
pub fn follow_once(folder: &LoginFolder, logins: &Logins) {
    watch::follow_once(folder, logins, &mut |line| tracing::debug!("{line}"));
}

/// Keeps the user's logins up to date in this process, until there is a reason
/// to end. When its program is replaced, this process becomes the new one.
///
/// # Errors
/// Another runs already, or the system refuses what it needs.
pub fn stay(uid: u32, manner: Manner, say: &mut Say<'_>) -> Result<(), Failure> {
    // Of a process that is kept out of dumps that is root's to write.
    stand_back();
    keep_out_of_dumps();
    umask(Mode::RWXG | Mode::RWXO);
    let system = |what| move |error: io::Error| failure(NotBegun::System(what, error));
    // No folder of the user's is kept busy.
    std::env::set_current_dir("/").map_err(system("leave the current folder"))?;
    let logins = Logins::of_user(uid)?;
    let lock = take(&logins, manner).map_err(failure)?;
    if manner == Manner::Background {
        background::close_streams().map_err(system("open /dev/null"))?;
    }
    allow_many_files();
    let signals = Signals::heed().map_err(system("heed signals"))?;
    let mut program = Program::of_this_process().map_err(system("read /proc/self/exe"))?;
    let mut lock = lock;
    say("keeping the logins up to date that containers follow".to_owned());
    loop {
        let stays = manner == Manner::Foreground;
        let watcher = Watcher::new(&logins, &program, &signals, Pace::default(), stays);
        let watcher = watcher.map_err(system("watch for changes"))?;
        let (ending, kept) = watcher
            .run(lock, say)
            .map_err(system("wait for something to happen"))?;
        tracing::debug!(?ending, "a watcher ends");
        let Some(kept) = kept.filter(|_| ending == Ending::Replaced) else {
            return Ok(());
        };
        say(format!("becoming the new {}", program.path().display()));
        // Comes back only if it failed: the old one goes on then, and has the
        // lock for its standard input.
        let error = become_new(program.path(), manner, &kept);
        background::close_stdin().map_err(system("open /dev/null"))?;
        program.pass_by_successor();
        say(format!(
            "{} cannot be run: {error}",
            program.path().display()
        ));
        lock = kept;
    }
}

/// Becomes another program, which has the lock from us by its standard input.
fn become_new(program: &Path, manner: Manner, lock: &Lock) -> io::Error {
    let file = match lock.file() {
        Ok(file) => file,
        Err(error) => return error,
    };
    let words: &[&str] = match manner {
        Manner::Background => &[BACKGROUND, STAYS],
        Manner::Foreground => &[FOREGROUND],
    };
    Command::new(program)
        .arg0("docker-jackin")
        .arg(VERB)
        .args(words)
        .stdin(Stdio::from(file))
        .exec()
}

fn take(logins: &Logins, manner: Manner) -> Result<Lock, NotBegun> {
    let path = lock_of(logins);
    let failed = |error| NotBegun::System("take the watcher's lock", error);
    let handed_on = io::stdin().as_fd().try_clone_to_owned().ok();
    let handed_on = handed_on.and_then(|file| Lock::handed_on(File::from(file), &path));
    let mut since = None;
    let lock = if let Some(lock) = handed_on {
        since = info(logins).map(|info| info.since);
        // What was handed on is ours by now.
        background::close_stdin().map_err(failed)?;
        lock
    } else if let Some(lock) = Lock::try_take(&path).map_err(failed)? {
        lock
    } else if let Some(lock) = take_over(logins, manner).map_err(failed)? {
        lock
    } else {
        let pid = info(logins).map(|info| info.pid).filter(|pid| *pid > 0);
        return Err(NotBegun::Runs { pid });
    };
    let note = Note {
        pid: rustix::process::getpid().as_raw_pid(),
        since: millis(since.unwrap_or_else(SystemTime::now)),
        version: VERSION.to_owned(),
        foreground: manner == Manner::Foreground,
    };
    let noted = serde_json::to_vec(&note)
        .map_err(io::Error::from)
        .and_then(|note| lock.note(&note));
    if let Err(error) = noted {
        // It is for people: a full file system stops nobody.
        tracing::debug!(%error, "failed to note who has the watcher's lock");
    }
    Ok(lock)
}

/// Takes the lock from one in the background, when somebody has chosen to have
/// it run in front of them.
fn take_over(logins: &Logins, manner: Manner) -> io::Result<Option<Lock>> {
    let background = info(logins).filter(|info| !info.foreground);
    let (Some(background), Manner::Foreground) = (background, manner) else {
        return Ok(None);
    };
    signal(logins, &background, Signal::TERM);
    let until = Instant::now() + TAKE_OVER;
    loop {
        let lock = Lock::try_take(&lock_of(logins))?;
        if lock.is_some() || Instant::now() >= until {
            return Ok(lock);
        }
    }
}

fn lock_of(logins: &Logins) -> PathBuf {
    logins.path().join(LOCK)
}

/// Each container that follows takes a file of ours.
fn allow_many_files() {
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Started by an engine we would have its protection from a lack of memory.
fn stand_back() {
    let place = Path::new("/proc/self/oom_score_adj");
    let score = std::fs::read_to_string(place).unwrap_or_default();
    if score.trim().parse().is_ok_and(|score: i32| score < 0) {
        let _ = std::fs::write(place, "0");
    }
}

fn failure(error: NotBegun) -> Failure {
    match &error {
        NotBegun::Runs { .. } => {
            Failure::new(Kind::Configuration, error).hint("see how it does: docker jackin sync")
        }
        NotBegun::System(..) => Failure::new(Kind::Internal, error),
    }
}
