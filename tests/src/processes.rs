//! Watching every process of the machine for a canary, while a test runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::canary::{Canary, CanaryFinder};
use crate::engine::Engine;

/// How often processes are looked at. A runtime lives for some 20 ms.
const INTERVAL: Duration = Duration::from_millis(7);

/// A watch over arguments and environments.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Watch {
    /// Starts to watch for a canary. The environment of a container's own
    /// processes is where it belongs; nobody's arguments are.
    pub fn start(engine: &Engine, canary: &Canary) -> Result<Self> {
        Self::beside(engine.process_namespace()?, canary)
    }

    /// The same for whatever has its processes in the namespace `engines`.
    pub fn beside(engines: PathBuf, canary: &Canary) -> Result<Self> {
        let outside = [fs::read_link("/proc/self/ns/pid")?, engines];
        let stop = Arc::new(AtomicBool::new(false));
        let finder = canary.finder();
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut found = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                look(&finder, &outside, &mut found);
                thread::sleep(INTERVAL);
            }
            found
        });
        Ok(Self { stop, thread })
    }

    /// Ends the watch: which programs had it, and where.
    pub fn finish(self) -> Result<BTreeSet<String>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the watch died"))
    }
}

/// The folders of all processes.
pub fn all() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .map(|entry| entry.path())
}

fn look(finder: &CanaryFinder, outside: &[PathBuf], found: &mut BTreeSet<String>) {
    for process in all() {
        let holds =
            |file: &str| fs::read(process.join(file)).is_ok_and(|bytes| finder.is_in(&bytes));
        if holds("cmdline") {
            found.insert(format!("arguments of {}", program(&process)));
        }
        let ours =
            fs::read_link(process.join("ns/pid")).is_ok_and(|space| outside.contains(&space));
        if ours && holds("environ") {
            found.insert(format!("environment of {}", program(&process)));
        }
    }
}

fn program(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    name.trim_end().to_owned()
}
