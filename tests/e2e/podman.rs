//! Podman, as root and as an ordinary user, through the wrapper and through the
//! hook alone.

mod delivery;
mod hook_alone;
mod images;
mod leak;
mod policy;
mod refusals;
mod transparency;
mod user_side;

use anyhow::Result;
use jackin_tests::podman::Podman;
use libtest_mimic::Trial;

use crate::lab::{lab, named};

/// Every Podman with every runtime, as they stand in the tests' names.
const ALL: [&str; 8] = [
    "podman-4.3 rootful crun",
    "podman-4.3 rootful runc",
    "podman-4.3 rootless crun",
    "podman-4.3 rootless runc",
    "podman-5.4 rootful crun",
    "podman-5.4 rootful runc",
    "podman-5.4 rootless crun",
    "podman-5.4 rootless runc",
];

pub(crate) use policy::trials_alone;

pub(crate) fn trials() -> Vec<Trial> {
    [
        delivery::trials(),
        hook_alone::trials(),
        images::trials(),
        leak::trials(),
        refusals::trials(),
        transparency::trials(),
        user_side::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A test that runs once for each Podman and low-level runtime.
fn on_each(name: &str, check: fn(&Podman) -> Result<()>) -> Vec<Trial> {
    on(&ALL, name, check)
}

/// A test that runs once for each Podman, with crun, which is its own choice.
fn with_crun(name: &str, check: fn(&Podman) -> Result<()>) -> Vec<Trial> {
    let crun: Vec<_> = ALL
        .into_iter()
        .filter(|podman| podman.ends_with("crun"))
        .collect();
    on(&crun, name, check)
}

fn on(podmans: &[&'static str], name: &str, check: fn(&Podman) -> Result<()>) -> Vec<Trial> {
    let trial = |podman: &&'static str| {
        let podman = *podman;
        named(format!("podman::{name} [{podman}]"), move || {
            check(&lab()?.podman(podman)?)
        })
    };
    podmans.iter().map(trial).collect()
}
