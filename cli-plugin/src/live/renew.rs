//! Renewing a login: the vendor's own program is asked to, on the host. What it
//! prints is not looked at; whether it has renewed the login is told by the
//! login's file alone.
//!
//! One that is ended while it renews may have spent the refresh token, and not
//! have written down the new one: the host would be logged out. So it is given
//! much more time than anybody waits for it.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};

use super::Machine;
use super::background::{self, DOUBTED, RENEW};
use super::dialogue;
use super::lock::Turn;
use super::state::NETWORK;
use crate::agent::login::Found;
use crate::agent::{Agent, Renewal};
use crate::delivery::fingerprint;
use crate::progress::Progress;
use crate::source::{find_program, whole_environment};

/// How long it may take, whoever still waits for it.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// How long it may take to end once it was told to.
const GRACE: Duration = Duration::from_secs(5);

/// How often is looked whether another has done asking.
const TICK: Duration = Duration::from_millis(20);

/// Why a vendor's program was not asked.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// It has nothing that renews a login without a question.
    #[error("{0} renews its login in a session only")]
    Never(Agent),
    /// It is not there.
    #[error("`{0}` is not in PATH")]
    NotFound(&'static str),
    /// It cannot be started.
    #[error("{} cannot be started: {error}", program.display())]
    Start {
        /// Its file.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It has not ended in time. It goes on.
    #[error("`{program}` has not ended within {} s", limit.as_secs_f32())]
    TimeLimit {
        /// What was asked.
        program: &'static str,
        /// How long was waited.
        limit: Duration,
    },
}

/// Why a vendor's program is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The login ends soon, or has ended.
    End,
    /// Whenever it ends: its vendor may take it no more.
    Doubt,
}

impl Occasion {
    /// What is asked of the process that stays.
    fn words(self, agent: Agent) -> Vec<&'static str> {
        let mut words = vec![RENEW, agent.word()];
        words.extend((self == Self::Doubt).then_some(DOUBTED));
        words
    }
}

/// Asks the vendor's program to renew the login of `agent` on this machine,
/// and waits until it has ended, for `limit` at most; where another process is
/// asking already, for the end of that. Shown on a terminal when it takes
/// longer than a second.
///
/// The program is nobody's child, and goes on when we do not wait any longer.
///
/// # Errors
/// It is not there, cannot be started, or has not ended by then.
pub fn ask(
    agent: Agent,
    machine: &Machine,
    occasion: Occasion,
    limit: Duration,
) -> Result<(), NotAsked> {
    let (_, renewal) = program(agent, machine)?;
    let shown = renewal.program;
    let _progress = Progress::begin(format!("waiting for `{shown}` to renew the login"));
    match background::start(&occasion.words(agent), environment(machine), limit) {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotAsked::TimeLimit {
            program: shown,
            limit,
        }),
        Err(error) => Err(NotAsked::Start {
            program: renewal.program.into(),
            error,
        }),
    }
}

/// Starts the process that asks the vendor's program.
///
/// # Errors
/// It cannot be started.
pub fn stay_behind(agent: Agent, machine: &Machine, occasion: Occasion) -> io::Result<()> {
    background::stay_behind(&occasion.words(agent), environment(machine))
}

/// Asks the vendor's program, in a process that has nothing else to do, and
/// waits for its end.
///
/// # Errors
/// It is not there, or cannot be started.
pub fn ask_and_stay(agent: Agent, machine: &Machine, occasion: Occasion) -> Result<(), NotAsked> {
    let before = mark(agent, machine);
    let until = Instant::now() + LIMIT;
    let login = login_of(agent, machine);
    let mut waited = false;
    let _turn = loop {
        match Turn::try_take(&login) {
            Ok(None) if Instant::now() < until => {
                waited = true;
                std::thread::sleep(TICK);
            }
            Ok(turn) => break turn,
            Err(_) => break None,
        }
    };
    let (_, renewal) = program(agent, machine)?;
    // Whoever had the turn was asking for the same.
    if !waited {
        Asking::begin(agent, machine, renewal.arguments)?.finish();
    }
    let doubted = renewal.when_refused.filter(|_| occasion == Occasion::Doubt);
    if let Some(doubted) = doubted
        && time_left(agent, machine) > doubted.margin
        && before.is_some()
        && mark(agent, machine) == before
    {
        Asking::begin(agent, machine, doubted.arguments)?.finish();
    }
    Ok(())
}

/// By what the login on this machine is known again; `None` without one.
fn mark(agent: Agent, machine: &Machine) -> Option<String> {
    match agent.host_login(&machine.host()) {
        Ok(Found::Login(login)) => Some(fingerprint::of(&login.content)),
        Ok(Found::Missing(_) | Found::Unusable { .. }) | Err(_) => None,
    }
}

/// The file of the login of `agent` on this machine.
pub(super) fn login_of(agent: Agent, machine: &Machine) -> PathBuf {
    agent.description().credential_file.on(&machine.host())
}

/// The vendor's program as it is found on this machine.
fn program(agent: Agent, machine: &Machine) -> Result<(PathBuf, Renewal), NotAsked> {
    let renewal = agent.description().renewal;
    let renewal = renewal.ok_or(NotAsked::Never(agent))?;
    let program = find_program(renewal.program, &machine.host());
    let program = program.ok_or(NotAsked::NotFound(renewal.program))?;
    Ok((program, renewal))
}

/// How long the login on this machine lasts; for ever, when it does not say.
fn time_left(agent: Agent, machine: &Machine) -> Duration {
    let ends = match agent.host_login(&machine.host()) {
        Ok(Found::Login(login)) => login.expires,
        Ok(Found::Missing(_) | Found::Unusable { .. }) | Err(_) => None,
    };
    ends.map_or(Duration::MAX, |ends| {
        ends.duration_since(SystemTime::now()).unwrap_or_default()
    })
}

/// What a vendor's program is given: where its files lie, and what leads it to
/// its vendor. No credential, and nothing of a project.
pub(super) fn environment(machine: &Machine) -> Vec<(OsString, OsString)> {
    let mut variables: Vec<_> = network().collect();
    // What the shell of a launch said comes last, and counts.
    variables.extend(whole_environment(&machine.host()));
    variables
}

/// What leads programs to their vendors, as this process has it.
pub(super) fn network() -> impl Iterator<Item = (OsString, OsString)> {
    let set = |name: &str| Some((name.into(), std::env::var_os(name)?));
    NETWORK.into_iter().filter_map(set)
}

/// A vendor's program that is renewing a login.
#[derive(Debug)]
pub(super) struct Asking {
    child: Child,
    process: OwnedFd,
    until: Instant,
    told: bool,
}

impl Asking {
    /// Starts it for a login that ends soon.
    ///
    /// # Errors
    /// It is not there, or cannot be started.
    pub(super) fn of_the_end(agent: Agent, machine: &Machine) -> Result<Self, NotAsked> {
        let (_, renewal) = program(agent, machine)?;
        Self::begin(agent, machine, renewal.arguments)
    }

    /// Starts it with these arguments.
    fn begin(
        agent: Agent,
        machine: &Machine,
        arguments: &'static [&'static str],
    ) -> Result<Self, NotAsked> {
        let (program, renewal) = program(agent, machine)?;
        let stream = || match renewal.dialogue {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        let spawned = Command::new(&program)
            .args(arguments)
            .env_clear()
            .envs(environment(machine))
            .current_dir(machine.host().folder_for_programs())
            .process_group(0)
            .stdin(stream())
            // It may tell whose account it is.
            .stdout(stream())
            .stderr(Stdio::null())
            .spawn();
        let start = |error| NotAsked::Start { program, error };
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => return Err(start(error)),
        };
        let held = renewal.dialogue.map_or(Ok(()), |dialogue| {
            dialogue::hold(&mut child, dialogue, time_left(agent, machine))
        });
        let process =
            held.and_then(|()| Ok(pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?));
        match process {
            Ok(process) => Ok(Self {
                child,
                process,
                until: Instant::now() + LIMIT,
                told: false,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(start(error))
            }
        }
    }

    /// What can be read once it has ended.
    pub(super) fn process(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }

    /// When [`Self::ended`] is to be asked again, if it has not ended by then.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// How it ended, once it has. When its time is over it is told to, and then
    /// ended by force, with all that it had started.
    pub(super) fn ended(&mut self) -> Option<String> {
        if !self.is_over() && Instant::now() >= self.until {
            let signal = if self.told {
                Signal::KILL
            } else {
                Signal::TERM
            };
            let _ = kill_process_group(self.group(), signal);
            self.told = true;
            self.until = Instant::now() + GRACE;
        }
        if !self.is_over() {
            return None;
        }
        // It is not waited for yet, so the group is still its own.
        let _ = kill_process_group(self.group(), Signal::KILL);
        Some(match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        })
    }

    fn finish(mut self) {
        while self.ended().is_none() {
            self.wait();
        }
    }

    /// Waits until it has ended, or [`Self::ended`] has something to do.
    fn wait(&self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let left = self.until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        let _ = poll(
            &mut [PollFd::new(&self.process, PollFlags::IN)],
            left.as_ref(),
        );
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn is_over(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.group()), options), Ok(None))
    }
}
