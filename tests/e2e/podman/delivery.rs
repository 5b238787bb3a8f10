//! Scenarios 43 to 45 on Podman: variables and files through the wrapper.

use anyhow::{Result, ensure};
use jackin_oci_hook::payload::Payload;
use jackin_tests::canary::Canary;
use jackin_tests::command::Outcome;
use jackin_tests::image::BASE;
use jackin_tests::podman::{Container, Podman};
use jackin_tests::staging;
use libtest_mimic::Trial;

use super::{on_each, with_crun};

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each("e43_e44_from_start_over_restarts", whole_life),
        on_each("e43_run_and_gone", run_and_gone),
        with_crun("e45_all_sorts_of_flags", flags),
        with_crun("e45_user_namespaces", user_namespaces),
        with_crun("e45_a_volume_and_a_tmpfs_on_the_home", mounts_on_home),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Prints what [`payload`] delivers, as process 1 has it, as the shell has it.
const SHOW: &str = "tr '\\0' '\\n' </proc/1/environ | sed -n 's/^TOKEN=//p'; \
    echo $TOKEN; cat ~/.agent/token; echo; cat ~/.claude.json; echo";

/// Variables and a file, all with the canary in them.
pub(super) fn payload(canary: &Canary) -> Result<Payload> {
    let mut payload = staging::variables(&[("TOKEN", canary.text())])?;
    payload
        .files
        .push(staging::bound_file(".agent/token", canary.text())?);
    payload.files.push(staging::onboarding()?);
    Ok(payload)
}

fn expected(canary: &Canary) -> String {
    let secret = canary.text();
    format!("{secret}\n{secret}\n{secret}\n{{\"hasCompletedOnboarding\": true}}")
}

/// Proves that a container has what it was given, in process 1 and in an exec.
pub(super) fn has_it(container: &Container, canary: &Canary) -> Result<()> {
    let seen = container.shell(SHOW)?;
    ensure!(seen.trim_end() == expected(canary), "{seen:?}");
    Ok(())
}

fn whole_life(podman: &Podman) -> Result<()> {
    let canary = Canary::new()?;
    let container = podman.container();
    container.start(payload(&canary)?, &[BASE, "sleep", "1000"])?;
    has_it(&container, &canary)?;
    container.at_once(&["restart"])?;
    has_it(&container, &canary)?;
    container.at_once(&["stop"])?;
    podman.podman(&["start", &container.name])?;
    has_it(&container, &canary)?;
    // What the user sets for one command is theirs.
    let own = [
        "exec",
        "-e",
        "TOKEN=own",
        &container.name,
        "sh",
        "-c",
        "echo $TOKEN",
    ];
    ensure!(podman.podman(&own)? == "own", "-e of exec does not win");
    Ok(())
}

/// Runs [`SHOW`] in a container of its own.
fn shown(podman: &Podman, arguments: &[&str]) -> Result<()> {
    let canary = Canary::new()?;
    let outcome = shown_with(podman, &canary, arguments)?;
    ensure!(
        outcome.code == 0 && outcome.stdout.trim_end() == expected(&canary),
        "{arguments:?}: {outcome:?}"
    );
    Ok(())
}

fn shown_with(podman: &Podman, canary: &Canary, arguments: &[&str]) -> Result<Outcome> {
    let handle = podman.stage(&podman.ticket(payload(canary)?)?)?;
    let mut words = vec!["--rm"];
    words.extend_from_slice(arguments);
    words.extend([BASE, "sh", "-c", SHOW]);
    podman.run_with(&handle, &words)
}

fn run_and_gone(podman: &Podman) -> Result<()> {
    shown(podman, &[])?;
    // An exit code of its own comes through.
    let handle = podman.stage(&podman.ticket(payload(&Canary::new()?)?)?)?;
    let outcome = podman.run_with(&handle, &["--rm", BASE, "sh", "-c", "exit 7"])?;
    ensure!(outcome.code == 7, "{outcome:?}");
    Ok(())
}

fn flags(podman: &Podman) -> Result<()> {
    for flags in [
        &["--user", "1000"][..],
        &["--user", "dev", "--read-only"],
        &["--read-only", "--read-only-tmpfs=false"],
        &["--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
        &["-w", "/tmp", "--hostname", "other"],
    ] {
        shown(podman, flags)?;
    }
    Ok(())
}

fn user_namespaces(podman: &Podman) -> Result<()> {
    shown(podman, &["--userns", "auto"])?;
    shown(podman, &["--userns", "host", "--user", "1000"])?;
    if podman.rootless {
        shown(podman, &["--userns", "keep-id"])?;
        let other = ["--userns", "keep-id", "--user", "4711", "-e", "HOME=/tmp"];
        shown(podman, &other)?;
        shown(podman, &["--userns", "nomap"])?;
    } else {
        let mapped = ["--uidmap", "0:200000:65536", "--gidmap", "0:200000:65536"];
        shown(podman, &mapped)?;
        shown(podman, &[&mapped[..], &["--user", "1000"]].concat())?;
    }
    Ok(())
}

fn mounts_on_home(podman: &Podman) -> Result<()> {
    shown(podman, &["--tmpfs", "/root"])?;
    let volume = jackin_tests::rig::unique("home");
    let mount = format!("{volume}:/root");
    shown(podman, &["-v", &mount])?;
    let canary = Canary::new()?;
    let outcome = shown_with(podman, &canary, &["-v", &mount]);
    let list = [
        "run",
        "--rm",
        "-v",
        &mount,
        BASE,
        "sh",
        "-c",
        "cat /root/.agent/token; ls -A /root",
    ];
    let left = podman.podman(&list);
    podman.podman(&["volume", "rm", "--force", &volume])?;
    let outcome = outcome?;
    ensure!(
        outcome.stdout.trim_end() == expected(&canary),
        "{outcome:?}"
    );
    // The secret's place stays in the volume, empty.
    ensure!(
        left? == ".agent\n.claude.json",
        "the volume has something else in it"
    );
    Ok(())
}
