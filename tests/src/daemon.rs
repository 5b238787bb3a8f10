//! A daemon in a process namespace of its own, so that no shim and no container
//! can outlive it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// The folders of the system's own programs.
pub const SYSTEM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A running daemon and all that it started.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    log: PathBuf,
    unshare: Mutex<Child>,
}

impl Daemon {
    /// A shell's script that prepares the daemon's mount namespace, and then
    /// becomes its init (`exec docker-init -s -- …`). Arguments that are added
    /// are the script's; its environment is empty.
    pub fn script(text: &str) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid"])
            .args(["--fork", "--kill-child=SIGKILL", "--mount-proc"])
            .args(["sh", "-ec", text, "daemon"])
            .env_clear();
        command
    }

    /// Starts what [`Daemon::script`] made, with its output in `log`.
    ///
    /// It is tied to the calling thread, and ends with that.
    pub fn start(name: &str, log: PathBuf, command: &mut Command) -> Result<Self> {
        let output = File::create(&log)?;
        let unshare = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            log,
            unshare: Mutex::new(unshare),
        })
    }

    /// Waits until it answers.
    pub fn wait_until(&self, mut answers: impl FnMut() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + START_LIMIT;
        while !answers()? {
            if Instant::now() > end {
                bail!("{} does not start: {}", self.name, self.log_end());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Its output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The first process of its namespace.
    pub fn init(&self) -> Result<Pid> {
        let pid = self.child().id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let first = children.split_whitespace().next();
        let init = first.with_context(|| format!("{} ended: {}", self.name, self.log_end()))?;
        Ok(Pid::from_raw(init.parse()?))
    }

    /// The process namespace of its processes.
    pub fn process_namespace(&self) -> Result<PathBuf> {
        Ok(fs::read_link(format!("/proc/{}/ns/pid", self.init()?))?)
    }

    /// Sends a signal, which the init hands on to the daemon.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(self.init()?, signal)?)
    }

    /// Stops it: containers, shims and mounts go with it.
    pub fn stop(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let mut unshare = self.child();
        let end = Instant::now() + STOP_LIMIT;
        while unshare.try_wait()?.is_none() {
            if Instant::now() > end {
                unshare.kill()?;
                unshare.wait()?;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.unshare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_end(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().rev().take(5).collect();
        lines.join(" | ")
    }
}
