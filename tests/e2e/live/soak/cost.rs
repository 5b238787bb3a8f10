//! What following costs: the watcher while nothing happens, and the time from a
//! login's change on the host to the last of many containers.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::rig::Rig;

use super::inside::process_of;
use super::scene::Scene;
use super::{PATIENCE, tell};

/// How many follow.
const CONTAINERS: usize = 100;

/// How often the login changes.
const CHANGES: usize = 20;

/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(60);

/// Longer than any of this takes: nobody renews the login but we.
const LIFETIME: Duration = Duration::from_secs(8 * 3600);

/// The clock ticks of proc(5) in a second, which Linux has shown for ever.
const TICKS: f64 = 100.0;

/// The figures, for those who ask for them.
pub(super) fn cost(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, "live", &Canary::new()?, LIFETIME)?;
    let containers = scene.start_sleeping(CONTAINERS)?;
    let mut seen = Vec::new();
    for container in &containers {
        let process = process_of(rig, container)?;
        seen.push(process.join("root/run/docker-jackin/live-0/login"));
    }
    let mut delays = Vec::new();
    for _ in 0..CHANGES {
        let access = scene.change_login()?;
        delays.push(until_all_have(&seen, &access)?);
        thread::sleep(Duration::from_millis(500));
    }
    delays.sort();
    tell(&format!(
        "{CONTAINERS} containers, from the change to the last: median {:?}, worst {:?}",
        delays[CHANGES / 2],
        delays[CHANGES - 1],
    ));
    let watcher = Path::new("/proc").join(scene.watcher()?.to_string());
    let before = ticks(&watcher)?;
    thread::sleep(IDLE);
    let spent = ticks(&watcher)? - before;
    tell(&format!(
        "the watcher of {CONTAINERS} containers, idle for {IDLE:?}: {:.2} s of CPU, {}",
        spent / TICKS,
        memory(&watcher)?,
    ));
    Ok(())
}

/// How long it takes until a login is in all of these.
fn until_all_have(files: &[PathBuf], access: &str) -> Result<Duration> {
    let begun = Instant::now();
    for file in files {
        while !fs::read_to_string(file).is_ok_and(|login| login.contains(access)) {
            ensure!(begun.elapsed() < PATIENCE, "not in {}", file.display());
        }
    }
    Ok(begun.elapsed())
}

fn ticks(process: &Path) -> Result<f64> {
    let stat = fs::read_to_string(process.join("stat"))?;
    let fields = stat.rsplit_once(") ").context("no fields")?.1;
    // utime and stime, fields 14 and 15; the third is the first after the name.
    let times = fields.split(' ').skip(11).take(2);
    times.map(|time| Ok(time.parse::<f64>()?)).sum()
}

fn memory(process: &Path) -> Result<String> {
    let rollup = fs::read_to_string(process.join("smaps_rollup"))?;
    let wanted = ["Rss:", "Pss:", "Private_Dirty:"];
    let lines = rollup.lines();
    let lines = lines.filter(|line| wanted.iter().any(|word| line.starts_with(word)));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    Ok(words.collect::<Vec<_>>().join(", "))
}
