//! The real `claude` on the host and in many containers, with one login whose
//! tokens end within seconds, and a vendor that punishes whoever renews it a
//! second time.
//!
//! A short form runs with all the other tests. With `DOCKER_JACKIN_SOAK` set to
//! a number of rotations, at least that many pass, in eight containers.

mod cost;
mod inside;
mod recovery;
mod scene;

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::rig::Rig;
use jackin_tests::search::search_remains;
use jackin_tests::vendor::Refusal;
use libtest_mimic::Trial;

use crate::lab::on_newest_engine;
use scene::Scene;

/// Holds how many rotations a long run has.
const SOAK: &str = "DOCKER_JACKIN_SOAK";

/// How long an access token lives, and in a long run. It is renewed when a
/// quarter of that is left, for which a busy machine needs a second or two, and
/// a long run meets the busiest moment.
const LIFETIME: Duration = Duration::from_secs(12);
const LONG_LIFETIME: Duration = Duration::from_secs(20);

/// How long a rotation, or anything else that is waited for, may take.
const PATIENCE: Duration = Duration::from_secs(60);

const TICK: Duration = Duration::from_millis(20);

/// How much of it there is.
struct Size {
    rotations: u64,
    containers: usize,
    /// For how long copies are watched at least.
    copies: Duration,
    /// How long an access token lives.
    lifetime: Duration,
}

impl Size {
    fn of_this_run() -> Result<Self> {
        let Ok(rotations) = env::var(SOAK) else {
            return Ok(Self {
                rotations: 2,
                containers: 3,
                copies: Duration::ZERO,
                lifetime: LIFETIME,
            });
        };
        let rotations = rotations.parse().context(SOAK)?;
        Ok(Self {
            rotations,
            containers: 8,
            copies: Duration::from_secs(60),
            lifetime: LONG_LIFETIME,
        })
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    let recovery = "live::e41_sync_now_mends_a_401";
    let early = recovery::of_a_token_that_ended_early;
    let mut all = on_newest_engine("live::e41_copies_of_one_login_race", copy);
    all.extend(on_newest_engine(recovery, early));
    all.extend(on_newest_engine(
        "live::e41_sync_now_mends_a_copy",
        recovery::of_a_copy,
    ));
    all
}

/// Those that count time.
pub(crate) fn trials_alone() -> Vec<Trial> {
    let mut all = on_newest_engine("live::e41_e41a_one_login_through_rotations", live);
    if env::var_os(SOAK).is_some() {
        all.extend(on_newest_engine("live::cost", cost::cost));
    }
    all
}

/// Containers that follow: none is ever refused, and none ever has what renews
/// the login.
fn live(rig: &Rig) -> Result<()> {
    let size = Size::of_this_run()?;
    let canary = Canary::new()?;
    let scene = Scene::new(rig, "live", &canary, size.lifetime)?;
    let containers = scene.start(size.containers)?;
    let begun = (Instant::now(), scene.ledger.renewals());
    let mut seen = begun.1;
    while seen < begun.1 + size.rotations {
        seen = next_rotation(&scene, seen)?;
        for container in &containers {
            let found = inside::holding(container, &canary)?;
            ensure!(found.is_empty(), "what renews the login is in {found:?}");
            // The same search finds what is there.
            let found = inside::holding(container, &scene.access)?;
            ensure!(!found.is_empty(), "the search finds nothing");
        }
    }
    let rotations = seen - begun.1;
    let took = begun.0.elapsed();
    everybody_goes_on(&scene, &containers)?;
    ensure!(scene.refused().is_empty(), "{}", scene.told()?);
    tell(&format!(
        "live: {rotations} rotations in {} s, {} containers, {} answers, 0 refused",
        took.as_secs(),
        containers.len(),
        answers(&scene),
    ));
    drop(containers);
    scene.watcher_ends(PATIENCE)?;
    let remains = search_remains(&rig.engine, &canary)?;
    ensure!(remains.is_empty(), "{remains:?}");
    Ok(())
}

/// The control: with copies of the same login the vendor is heard to refuse.
fn copy(rig: &Rig) -> Result<()> {
    let size = Size::of_this_run()?;
    // A copy is renewed by a file beside it, which lies in the layer.
    let scene = Scene::new(rig, "copy", &Canary::control()?, size.lifetime)?;
    let containers = scene.start(size.containers)?;
    let is_grant = |refusal: &Refusal| refusal.what == "invalid_grant";
    let begun = Instant::now();
    loop {
        let refused = scene.refused();
        let (grants, tokens): (Vec<_>, Vec<_>) = refused.into_iter().partition(is_grant);
        let heard = !grants.is_empty() && !tokens.is_empty();
        if heard && begun.elapsed() >= size.copies {
            tell(&format!(
                "copy: {} containers for {} s, {} answers, {} invalid grants, {} times 401",
                containers.len(),
                begun.elapsed().as_secs(),
                answers(&scene),
                grants.len(),
                tokens.len(),
            ));
            return Ok(());
        }
        let until = PATIENCE + size.copies;
        ensure!(
            begun.elapsed() < until,
            "not refused: {grants:?} {tokens:?}"
        );
        thread::sleep(TICK);
    }
}

/// Waits until the login is renewed once more; how often it was by then.
fn next_rotation(scene: &Scene, seen: u64) -> Result<u64> {
    let until = Instant::now() + PATIENCE;
    loop {
        let renewals = scene.ledger.renewals();
        if renewals > seen {
            return Ok(renewals);
        }
        if Instant::now() > until || !scene.refused().is_empty() {
            bail!("no rotation after {seen}: {}", scene.told()?);
        }
        thread::sleep(TICK);
    }
}

/// Each container is answered again.
fn everybody_goes_on(scene: &Scene, containers: &[inside::Asker]) -> Result<()> {
    let before = scene.ledger.answered();
    let until = Instant::now() + PATIENCE;
    for container in containers {
        let answered = before.get(&container.container.name);
        let answered = answered.context("a container was never answered")?;
        while scene.ledger.answered().get(&container.container.name) == Some(answered) {
            ensure!(Instant::now() < until, "{}", container.said()?);
            thread::sleep(TICK);
        }
    }
    Ok(())
}

fn answers(scene: &Scene) -> u64 {
    scene.ledger.answered().values().sum()
}

/// Figures are for those who have asked for a long run.
fn tell(figures: &str) {
    if env::var_os(SOAK).is_some() {
        eprintln!("soak, {figures}");
    }
}
