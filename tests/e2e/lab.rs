//! What all tests share: two engines with the products installed, images.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result};
use jackin_tests::engine::{Engine, Release};
use jackin_tests::keeper::on_lasting_thread;
use jackin_tests::podman::Podman;
use jackin_tests::podman::machine::Machine;
use jackin_tests::rig::Rig;
use jackin_tests::sandbox::Sandbox;
use jackin_tests::{binaries, image};
use libtest_mimic::Trial;

/// The engines and runtimes, as they stand in the tests' names.
const RIGS: [&str; 4] = [
    "docker-20.10 runc",
    "docker-20.10 crun",
    "docker-26.1 runc",
    "docker-26.1 crun",
];

static LAB: OnceLock<Lab> = OnceLock::new();

static FAILURES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The running engines.
pub(crate) struct Lab {
    engines: Vec<Arc<Engine>>,
    rigs: Vec<Rig>,
    remapped: Vec<Rig>,
    machines: OnceLock<[Arc<Machine>; 2]>,
    // The root file system of the base image, as a tar.
    base: PathBuf,
    // The disk folder goes when this is dropped, after the engines.
    sandbox: Sandbox,
    started: SystemTime,
}

/// Enters the sandbox and starts everything. Must be called before there is
/// a second thread.
pub(crate) fn start() -> Result<()> {
    let started = SystemTime::now();
    let sandbox = Sandbox::enter()?;
    binaries::install()?;
    let releases = [Release::of_the_system(), Release::of_debian_13()?];
    let mut engines = Vec::new();
    for release in releases {
        engines.push(Arc::new(Engine::start(release, &sandbox)?));
    }
    let remapped = Arc::new(Engine::start(Release::remapped(), &sandbox)?);
    let base = image::base_tar(sandbox.disk())?;
    for engine in engines.iter().chain([&remapped]) {
        engine.wait_until_ready()?;
        image::import(engine, &base, image::BASE)?;
    }
    let rigs = Rig::all(&engines);
    let lab = Lab {
        engines,
        rigs,
        remapped: Rig::all(&[remapped]),
        machines: OnceLock::new(),
        base,
        sandbox,
        started,
    };
    LAB.set(lab).ok().context("started twice")
}

/// Stops the engines and removes what they left on disk.
pub(crate) fn stop() -> Result<()> {
    let lab = lab()?;
    for engine in &lab.engines {
        engine.stop()?;
    }
    for rig in lab.remapped.iter().take(1) {
        rig.engine.stop()?;
    }
    for machine in lab.machines.get().into_iter().flatten() {
        machine.stop()?;
    }
    std::fs::remove_dir_all(lab.sandbox.disk())?;
    Ok(())
}

/// The running lab.
pub(crate) fn lab() -> Result<&'static Lab> {
    LAB.get().context("the engines are not running")
}

impl Lab {
    /// The folders of the tests.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// A tar of the root file system of [`image::BASE`].
    pub(crate) fn base_tar(&self) -> &Path {
        &self.base
    }

    /// An engine with `userns-remap`, once for each low-level runtime.
    pub(crate) fn remapped(&self) -> &[Rig] {
        &self.remapped
    }

    /// One of the Podmans, ready for use. The first test that asks has the
    /// machines started.
    pub(crate) fn podman(&'static self, name: &str) -> Result<Podman> {
        let machines = match self.machines.get() {
            Some(machines) => machines,
            None => on_lasting_thread(|| self.start_machines())?,
        };
        let mut all = Podman::all(machines).into_iter();
        let podman = all.find(|podman| podman.name() == name);
        let podman = podman.with_context(|| format!("no {name}"))?;
        podman.prepare(&self.base)?;
        Ok(podman)
    }

    /// Must be called by the lasting thread alone, which does one thing at a
    /// time.
    fn start_machines(&'static self) -> Result<&'static [Arc<Machine>; 2]> {
        if self.machines.get().is_none() {
            let machines = [
                Arc::new(Machine::of_the_system(&self.sandbox)?),
                Arc::new(Machine::of_debian_13(&self.sandbox)?),
            ];
            let _ = self.machines.set(machines);
        }
        self.machines.get().context("no machines")
    }

    /// When the tests started.
    pub(crate) fn started(&self) -> SystemTime {
        self.started
    }
}

/// A test that runs once for each engine and low-level runtime.
pub(crate) fn on_each_rig(name: &str, check: fn(&Rig) -> Result<()>) -> Vec<Trial> {
    let trial = |(index, rig): (usize, &&str)| {
        let run = move || check(lab()?.rigs.get(index).context("no such rig")?);
        named(format!("{name} [{rig}]"), run)
    };
    RIGS.iter().enumerate().map(trial).collect()
}

/// A test that runs once for each engine, with runc.
pub(crate) fn on_each_engine(name: &str, check: fn(&Rig) -> Result<()>) -> Vec<Trial> {
    let trials = on_each_rig(name, check).into_iter();
    trials
        .filter(|trial| trial.name().ends_with("runc]"))
        .collect()
}

/// A test of what does not depend on the engine: it runs on the newest, with
/// runc.
pub(crate) fn on_newest_engine(name: &str, check: fn(&Rig) -> Result<()>) -> Vec<Trial> {
    on_each_engine(name, check)
        .into_iter()
        .last()
        .into_iter()
        .collect()
}

/// A test of what only the oldest engine can show: it runs on that, with runc.
pub(crate) fn on_oldest_engine(name: &str, check: fn(&Rig) -> Result<()>) -> Vec<Trial> {
    on_each_engine(name, check).into_iter().take(1).collect()
}

/// A test that needs no engine of its own.
pub(crate) fn once(name: &str, check: fn() -> Result<()>) -> Vec<Trial> {
    vec![named(name.to_owned(), check)]
}

/// A test by its full name.
pub(crate) fn named(name: String, check: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    let failed = name.clone();
    Trial::test(name, move || {
        check().map_err(|error| {
            let reason = format!("{error:#}");
            FAILURES
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(format!("{failed}: {reason}"));
            reason.into()
        })
    })
}

/// What failed, from all groups of tests, for the end of the output: a long
/// log is often only kept from there.
pub(crate) fn failures() -> Vec<String> {
    let failures = FAILURES.lock().unwrap_or_else(PoisonError::into_inner);
    failures.clone()
}
