//! Pods on a containerd of a Kubernetes node, driven as the kubelet does it.

mod ctr;
mod leak;
mod node;
mod pods;

use std::sync::Arc;

use anyhow::{Context, Result};
use jackin_tests::containerd::{Containerd, Release};
use jackin_tests::keeper::Shared;
use libtest_mimic::Trial;

use crate::lab::{lab, named};

/// The releases, as they stand in the tests' names.
const RELEASES: [&str; 2] = ["containerd-1.6", "containerd-1.7"];

static RUNNING: [Shared<Containerd>; 2] = [Shared::new(), Shared::new()];

pub(crate) fn trials() -> Vec<Trial> {
    [ctr::trials(), leak::trials(), pods::trials()]
        .into_iter()
        .flatten()
        .collect()
}

/// What changes the policy of the machine.
pub(crate) fn trials_alone() -> Vec<Trial> {
    node::trials()
}

/// Stops those that tests have used.
pub(crate) fn stop() -> Result<()> {
    for running in &RUNNING {
        if let Some(containerd) = running.started() {
            containerd.stop()?;
        }
    }
    Ok(())
}

/// A test that runs once for each release.
fn on_each_containerd(name: &str, check: fn(&Arc<Containerd>) -> Result<()>) -> Vec<Trial> {
    let trial = |(index, release): (usize, &&str)| {
        let run = move || check(&containerd(index)?);
        named(format!("{name} [{release}]"), run)
    };
    RELEASES.iter().enumerate().map(trial).collect()
}

fn containerd(index: usize) -> Result<Arc<Containerd>> {
    let running = RUNNING.get(index).context("no such release")?;
    running.get(move || {
        let release = match index {
            0 => Release::of_the_system(),
            _ => Release::of_debian_13()?,
        };
        let lab = lab()?;
        Containerd::start(release, lab.sandbox(), lab.base_tar())
    })
}
