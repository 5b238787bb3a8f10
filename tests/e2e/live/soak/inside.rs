//! A container in which `claude` asks once a second, and all that can be seen
//! there.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jackin_tests::canary::{Canary, CanaryFinder};
use jackin_tests::processes;
use jackin_tests::rig::{Container, Rig};
use jackin_tests::search::files;

use crate::delivery::outside_pid;

/// One session of `claude`, which is told something once a second. What it says
/// is kept for whoever looks into a failure.
pub(super) const ASKING: &str = r#"while echo '{"type":"user","message":{"role":"user","content":"ping"}}'; do
    sleep 1; done | claude -p --input-format stream-json --output-format stream-json --verbose \
    --tools "" --system-prompt x --model haiku --no-session-persistence >/tmp/said 2>&1
    echo "claude has ended" >>/tmp/said; sleep 1000"#;

/// File systems with nothing in them that anybody has put there.
const KERNELS_OWN: [&str; 7] = [
    "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "devtmpfs",
];

/// The folder below `/proc` of a container's process 1.
pub(super) fn process_of(rig: &Rig, container: &Container) -> Result<PathBuf> {
    let pid = outside_pid(rig, &container.inspect("{{.State.Pid}}")?)?;
    Ok(Path::new("/proc").join(pid.to_string()))
}

/// A container that asks.
pub(super) struct Asker {
    pub(super) container: Container,
    /// The folder of its process 1 below `/proc`.
    process: PathBuf,
}

impl Asker {
    pub(super) fn new(rig: &Rig, container: Container) -> Result<Self> {
        let process = process_of(rig, &container)?;
        Ok(Self { container, process })
    }

    /// The last that `claude` said in it.
    pub(super) fn said(&self) -> Result<String> {
        let said = self.container.shell("tail -n 2 /tmp/said")?;
        Ok(format!("{}: {said}", self.container.name))
    }

    /// What is mounted in it, but the program.
    fn mounts(&self) -> Result<Vec<PathBuf>> {
        let table = fs::read_to_string(self.process.join("mountinfo"))?;
        let mut mounts = Vec::new();
        for line in table.lines() {
            let place = line.split(' ').nth(4).context("no mount point")?;
            let kind = line.split(" - ").nth(1).context("no file system")?;
            let kind = kind.split(' ').next().unwrap_or_default();
            if !KERNELS_OWN.contains(&kind) && place != "/usr/local/bin/claude" {
                let place = place.trim_start_matches('/');
                mounts.push(self.process.join("root").join(place));
            }
        }
        Ok(mounts)
    }

    /// Its processes.
    fn processes(&self) -> Result<Vec<PathBuf>> {
        let space = |process: &Path| fs::read_link(process.join("ns/pid"));
        let own = space(&self.process)?;
        let all = processes::all().filter(|process| space(process).is_ok_and(|space| space == own));
        Ok(all.collect())
    }
}

/// The files of a container that hold a canary, and its processes with it in
/// their environment or their arguments.
pub(super) fn holding(asker: &Asker, canary: &Canary) -> Result<Vec<PathBuf>> {
    let finder = canary.finder();
    let mut found = Vec::new();
    for mount in asker.mounts()? {
        let Ok(metadata) = fs::metadata(&mount) else {
            continue;
        };
        if metadata.is_dir() {
            files(&mount, None, &finder, &mut found)?;
        } else if metadata.is_file() && holds(&mount, &finder) {
            found.push(mount);
        }
    }
    for process in asker.processes()? {
        for part in ["environ", "cmdline"] {
            let file = process.join(part);
            if holds(&file, &finder) {
                found.push(file);
            }
        }
    }
    Ok(found)
}

fn holds(file: &Path, finder: &CanaryFinder) -> bool {
    File::open(file).is_ok_and(|file| finder.is_in_stream(file).unwrap_or(false))
}
