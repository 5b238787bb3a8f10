//! Docker as an ordinary user runs it.


use anyhow::{Context, Result};
use jackin_tests::engine::{Engine, Release};
use jackin_tests::image;
use jackin_tests::keeper::Shared;
use jackin_tests::rig::Rig;
use libtest_mimic::Trial;

use crate::lab::{lab, named};

/// The engines, as they stand in the tests' names.
const ENGINES: [&str; 2] = ["rootless-20.10", "rootless-26.1"];

static RUNNING: [Shared<Engine>; 2] = [Shared::new(), Shared::new()];

pub(crate) fn trials() -> Vec<Trial> {
    [on_each("rootless::e46_without_a_ticket", without_ticket)]
        .into_iter()
        .flatten()
        .collect()
}

/// Stops those that tests have used.
pub(crate) fn stop() -> Result<()> {
    for running in &RUNNING {
        if let Some(engine) = running.started() {
            engine.stop()?;
        }
    }
    Ok(())
}

fn on_each(name: &str, check: fn(&Rig) -> Result<()>) -> Vec<Trial> {
    let trial = |(index, engine): (usize, &&str)| {
        let run = move || check(&rig(index)?);
        named(format!("{name} [{engine}]"), run)
    };
    ENGINES.iter().enumerate().map(trial).collect()
}

fn rig(index: usize) -> Result<Rig> {
    let running = RUNNING.get(index).context("no such engine")?;
    let engine = running.get(move || {
        let lab = lab()?;
        let mut releases = Release::rootless()?.into_iter();
        let release = releases.nth(index).context("no such release")?;
        let engine = Engine::start(release, lab.sandbox())?;
        engine.wait_until_ready()?;
        image::import(&engine, lab.base_tar(), image::BASE)?;
        Ok(engine)
    })?;
    let mut rigs = Rig::all(&[engine]).into_iter();
    rigs.next().context("no low-level runtime")
}

fn without_ticket(rig: &Rig) -> Result<()> {
    let seen = rig.engine.docker(&[
        "run",
        "--rm",
        "--runtime",
        rig.wrapper,
        image::BASE,
        "sh",
        "-c",
        "id -u; cat /proc/self/uid_map",
    ])?;
    println!("{seen}");
    Ok(())
}
