//! Killing processes of ours while they start a container.

use std::fs;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::processes;

const OUR_FOLDER: &str = "/usr/local/libexec/docker-jackin";
const LIMIT: Duration = Duration::from_millis(800);

/// A hunt for the processes that start one container.
#[derive(Debug)]
pub struct Killer(JoinHandle<bool>);

impl Killer {
    /// Kills the wrapper or the hook of a container when it is seen for the
    /// `spare + 1`st time, so that different moments are hit.
    pub fn start(container: String, spare: usize) -> Result<Self> {
        let end = Instant::now() + LIMIT;
        let hunt = move || {
            let mut seen = 0;
            while Instant::now() < end {
                for process in processes::all().filter(|process| is_ours(process, &container)) {
                    if seen >= spare {
                        return end_it(&process);
                    }
                    seen += 1;
                }
            }
            false
        };
        Ok(Self(thread::Builder::new().spawn(hunt)?))
    }

    /// Ends the hunt: whether something was killed.
    pub fn finish(self) -> Result<bool> {
        self.0.join().map_err(|_| anyhow!("the killer died"))
    }
}

/// Other tests have processes of ours too. The wrapper names its container;
/// for the hook, the runtime that called it does.
fn is_ours(process: &Path, container: &str) -> bool {
    let ours = fs::read_link(process.join("exe")).is_ok_and(|exe| exe.starts_with(OUR_FOLDER));
    ours && (names(process, container)
        || parent(process).is_some_and(|parent| names(&parent, container)))
}

fn names(process: &Path, container: &str) -> bool {
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&arguments).contains(container)
}

fn parent(process: &Path) -> Option<std::path::PathBuf> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Some(Path::new("/proc").join(line.trim()))
}

fn end_it(process: &Path) -> bool {
    let pid = process
        .file_name()
        .and_then(|name| name.to_str()?.parse().ok());
    pid.is_some_and(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok())
}
