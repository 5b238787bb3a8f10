//! Scenarios 50 and 52 on a Kubernetes node: a secret shows up nowhere but in
//! its container.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use jackin_oci_hook::ticket::HANDLE_ANNOTATION;
use jackin_tests::canary::Canary;
use jackin_tests::containerd::{Containerd, HANDLER};
use jackin_tests::cri::messages::KeyValue;
use jackin_tests::pod::{Pod, PodContainer, Wanted};
use jackin_tests::processes::Watch;
use jackin_tests::search::{files, in_memory, open_files};
use libtest_mimic::Trial;

use super::on_each_containerd;
use super::pods::{has_it, stage};
use crate::leak::STATE;

/// How long a container's first line may take to its log on a busy machine.
const LOG_LIMIT: Duration = Duration::from_secs(30);

pub(super) fn trials() -> Vec<Trial> {
    [
        on_each_containerd("cri::e50_the_search_finds_a_pods_variable", control),
        on_each_containerd("cri::e50_e52_from_start_to_removal", whole_life),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The control: the same search finds what a pod's own variable leaks.
fn control(containerd: &Arc<Containerd>) -> Result<()> {
    let canary = Canary::control()?;
    let pod = Pod::start(containerd, HANDLER, &[])?;
    let wanted = Wanted {
        envs: vec![KeyValue {
            key: "TOKEN".to_owned(),
            value: canary.text().to_owned(),
        }],
        ..Wanted::default()
    };
    let container = pod.run(&wanted, 0)?;
    let found = search(containerd, Some((&pod, &container)), &canary)?;
    for surface in ["status of the container", "meta.db", "config.json"] {
        let is_it = |name: &String| name.ends_with(surface);
        ensure!(found.iter().any(is_it), "not found on {surface}: {found:?}");
    }
    Ok(())
}

fn whole_life(containerd: &Arc<Containerd>) -> Result<()> {
    let canary = Canary::new()?;
    let handle = stage(&canary)?;
    let watch = Watch::beside(containerd.daemon().process_namespace()?, &canary)?;
    let annotations = [(HANDLE_ANNOTATION, &*handle.expose().clone())];
    let pod = Pod::start(containerd, HANDLER, &annotations)?;
    let container = pod.run(&Wanted::default(), 0)?;
    has_it(&container, &canary)?;
    let id = container.id.clone();
    let found = search(containerd, Some((&pod, &container)), &canary)?;
    ensure!(found.is_empty(), "after start and exec: {found:?}");
    container.end()?;
    let found = search(containerd, None, &canary)?;
    ensure!(found.is_empty(), "after the container's end: {found:?}");
    pod.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    let found = search(containerd, None, &canary)?;
    ensure!(found.is_empty(), "after the pod's end: {found:?}");
    swept(containerd, &id, &canary)
}

/// The next start sweeps what is left of a container.
fn swept(containerd: &Arc<Containerd>, id: &str, canary: &Canary) -> Result<()> {
    let handle = stage(&Canary::new()?)?;
    let annotations = [(HANDLE_ANNOTATION, &*handle.expose().clone())];
    let pod = Pod::start(containerd, HANDLER, &annotations)?;
    pod.run(&Wanted::default(), 0)?;
    let state = Path::new(STATE);
    ensure!(
        !state.join("containers").join(id).exists(),
        "the state of {id} is still there"
    );
    let mut found = Vec::new();
    files(state, None, &canary.finder(), &mut found)?;
    ensure!(found.is_empty(), "still in {found:?}");
    Ok(())
}

/// Waits for the pod's log. Its container is running before it has said
/// anything, and before containerd has written that down.
fn wait_for_log(pod: &Pod) -> Result<()> {
    let path = pod.logs().join("main-0.log");
    let end = Instant::now() + LOG_LIMIT;
    loop {
        let log = fs::read_to_string(&path)?;
        if log.contains("started") {
            return Ok(());
        }
        ensure!(Instant::now() < end, "no log of the pod: {log:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The surfaces of a node on which a canary is found: what the engine tells,
/// its bundles, and all that it has on disk, pods' logs and databases included.
fn search(
    containerd: &Containerd,
    running: Option<(&Pod, &PodContainer)>,
    canary: &Canary,
) -> Result<BTreeSet<String>> {
    let finder = canary.finder();
    let mut found = BTreeSet::new();
    if let Some((pod, container)) = running {
        wait_for_log(pod)?;
        for (surface, text) in [
            ("status of the sandbox", pod.status()?),
            ("status of the container", container.status()?),
        ] {
            if finder.is_in(text.as_bytes()) {
                found.insert(surface.to_owned());
            }
        }
    }
    ensure!(!in_memory(containerd.disk()), "nothing of it is on disk");
    ensure!(fs::metadata(containerd.log())?.len() > 0, "it logs nothing");
    let mut paths = Vec::new();
    for root in [containerd.disk(), &containerd.state()] {
        files(root, None, &finder, &mut paths)?;
    }
    found.extend(paths.iter().map(|path| path.display().to_string()));
    open_files(&finder, &mut found);
    Ok(found)
}
