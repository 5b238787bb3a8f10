//! Scenarios 50 to 52 on Podman, whose bundles lie on disk: a secret shows up
//! nowhere but in its container.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::image::BASE;
use jackin_tests::podman::search::{in_memory, search, search_remains};
use jackin_tests::podman::{Container, Podman};
use jackin_tests::processes::Watch;
use libtest_mimic::Trial;

use super::delivery::{has_it, payload};
use super::hook_alone::{self, has_the_file};
use super::{on, with_crun};

pub(crate) fn trials() -> Vec<Trial> {
    [
        with_crun("e50_the_search_finds_a_plain_variable", control),
        with_crun("e50_e52_the_wrapper_from_start_to_removal", wrapper),
        on(
            &["podman-4.3 rootful runc", "podman-5.4 rootless runc"],
            "e50_e52_the_wrapper_from_start_to_removal",
            wrapper,
        ),
        with_crun("e50_e52_the_hook_alone_from_start_to_removal", hook),
        with_crun("e50_the_low_level_runtime_fails", low_level_fails),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The control: the same search finds what `podman run -e` leaks.
fn control(podman: &Podman) -> Result<()> {
    let canary = Canary::control()?;
    let watch = Watch::beside(podman.machine.process_namespace()?, &canary)?;
    let container = podman.container();
    let variable = format!("TOKEN={}", canary.text());
    let name = &container.name;
    podman.podman(&[
        "run", "-d", "--name", name, "-e", &variable, BASE, "sleep", "100",
    ])?;
    let mut found = search(&container, &canary)?;
    found.extend(watch.finish()?);
    for surface in [
        "inspect",
        "generated pod",
        "committed image",
        "saved image",
        "arguments of podman",
    ] {
        ensure!(found.contains(surface), "not found on {surface}: {found:?}");
    }
    let bundle = |surface: &String| surface.ends_with("userdata/config.json");
    ensure!(found.iter().any(bundle), "not found on disk: {found:?}");
    let memory = in_memory(podman, &canary)?;
    ensure!(
        !memory.is_empty() || podman.low_level == "runc",
        "not found in memory"
    );
    Ok(())
}

fn wrapper(podman: &Podman) -> Result<()> {
    whole_life(
        podman,
        |container, canary| container.start(payload(canary)?, &[BASE, "sleep", "1000"]),
        has_it,
    )
}

fn hook(podman: &Podman) -> Result<()> {
    let start = |container: &Container, canary: &Canary| {
        let ticket = podman.ticket(hook_alone::payload(canary)?)?;
        let handle = podman.stage(&ticket)?;
        let words = ["-d", "--name", &container.name, BASE, "sleep", "1000"];
        podman.run_hooked(&handle, &words)?.success()?;
        Ok(())
    };
    whole_life(podman, start, has_the_file)
}

/// Start, exec, restart, stop, removal; searched after each.
fn whole_life(
    podman: &Podman,
    start: impl Fn(&Container, &Canary) -> Result<()>,
    has_it: fn(&Container, &Canary) -> Result<()>,
) -> Result<()> {
    let canary = Canary::new()?;
    let watch = Watch::beside(podman.machine.process_namespace()?, &canary)?;
    let container = podman.container();
    start(&container, &canary)?;
    let id = container.id()?;
    has_it(&container, &canary)?;
    clean("after start and exec", &container, &canary)?;
    let name = &container.name;
    podman.podman(&["exec", "-d", name, "sleep", "100"])?;
    container.at_once(&["restart"])?;
    has_it(&container, &canary)?;
    clean("after a restart", &container, &canary)?;
    container.at_once(&["stop"])?;
    clean("after a stop", &container, &canary)?;
    container.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    let remains = search_remains(podman, &canary)?;
    ensure!(remains.is_empty(), "after the removal: {remains:?}");
    nothing_kept(podman, &id, &canary)
}

/// The program is not there, so the low-level runtime fails after our part.
fn low_level_fails(podman: &Podman) -> Result<()> {
    let canary = Canary::new()?;
    let watch = Watch::beside(podman.machine.process_namespace()?, &canary)?;
    let container = podman.container();
    let handle = podman.stage(&podman.ticket(payload(&canary)?)?)?;
    let words = ["-d", "--name", &container.name, BASE, "/no/such/program"];
    let outcome = podman.run_with(&handle, &words)?;
    ensure!(outcome.code == 127, "{outcome:?}");
    ensure!(
        !canary.finder().is_in(outcome.text().as_bytes()),
        "it was told"
    );
    let id = container.id()?;
    clean("after the failure", &container, &canary)?;
    container.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    nothing_kept(podman, &id, &canary)
}

/// The search that must find nothing, but in folders in memory that are the
/// engine's alone.
fn clean(when: &str, container: &Container, canary: &Canary) -> Result<()> {
    let found = search(container, canary)?;
    ensure!(found.is_empty(), "{when}, it was found on {found:?}");
    let podman = container.podman();
    let mut memory = in_memory(podman, canary)?;
    let own = own_folders(podman);
    memory.retain(|file| !own.iter().any(|folder| file.starts_with(folder)));
    ensure!(memory.is_empty(), "{when}, it was found in {memory:?}");
    Ok(())
}

/// Ours, and crun's state, in which it keeps a copy of what it was given.
fn own_folders(podman: &Podman) -> Vec<PathBuf> {
    let session = PathBuf::from(format!("run/user/{}", podman.uid()));
    let base = if podman.rootless {
        session
    } else {
        PathBuf::from("run")
    };
    vec![base.join("docker-jackin"), base.join("crun")]
}

/// Scenario 52: the next start sweeps what is left of a removed container.
fn nothing_kept(podman: &Podman, id: &str, canary: &Canary) -> Result<()> {
    let next = podman.stage(&podman.ticket(payload(&Canary::new()?)?)?)?;
    podman.run_with(&next, &["--rm", BASE, "true"])?.success()?;
    let state: &Path = &podman.engine_folder()?.join("containers").join(id);
    ensure!(!state.exists(), "the state of {id} is still there");
    let memory = in_memory(podman, canary)?;
    ensure!(memory.is_empty(), "still in {memory:?}");
    Ok(())
}
