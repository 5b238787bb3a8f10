//! Scenario 53 on Podman: why a container does not start is on its user's
//! screen, in our words.

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::Outcome;
use jackin_tests::image::BASE;
use jackin_tests::podman::Podman;
use jackin_tests::staging::now;
use libtest_mimic::Trial;

use super::delivery::payload;
use super::on_each;

pub(crate) fn trials() -> Vec<Trial> {
    on_each("e53_a_refusal_is_readable", refusals)
}

fn refusals(podman: &Podman) -> Result<()> {
    let canary = Canary::new()?;
    let container = podman.container();
    let handle = podman.stage(&podman.ticket(payload(&canary)?)?)?;
    let name = &container.name;
    podman
        .run_with(&handle, &["-d", "--name", name, BASE, "sleep", "1000"])?
        .success()?;
    for arguments in [&["--rm", BASE, "true"][..], &["--rm", "-d", BASE, "true"]] {
        let again = podman.run_with(&handle, arguments)?;
        refused(&again, "redeemed already")?;
    }
    let mut late = podman.ticket(payload(&canary)?)?;
    (late.issued, late.expires) = (now()? - 20, now()? - 10);
    let late = podman.run_with(&podman.stage(&late)?, &["--rm", BASE, "true"])?;
    refused(&late, "expired")?;
    let mut other = podman.ticket(payload(&canary)?)?;
    other.limits.image = Some("another/image".to_owned());
    let other = podman.run_with(&podman.stage(&other)?, &["--rm", BASE, "true"])?;
    refused(&other, "another/image")?;
    for outcome in [late, other] {
        let told = outcome.text();
        ensure!(
            !canary.finder().is_in(told.as_bytes()),
            "it told the secret"
        );
    }
    right_image(podman)?;
    hook_refuses(podman)?;
    later_start(podman)
}

/// A limit to the image holds on Podman too, in its short spelling.
fn right_image(podman: &Podman) -> Result<()> {
    let mut ticket = podman.ticket(payload(&Canary::new()?)?)?;
    ticket.limits.image = Some(BASE.to_owned());
    let handle = podman.stage(&ticket)?;
    podman
        .run_with(&handle, &["--rm", BASE, "true"])?
        .success()?;
    Ok(())
}

/// What the hook finds wrong comes through too, which crun alone would hide.
fn hook_refuses(podman: &Podman) -> Result<()> {
    let handle = podman.stage(&podman.ticket(payload(&Canary::new()?)?)?)?;
    let words = ["--rm", "-e", "HOME=/etc/passwd", BASE, "true"];
    refused(&podman.run_with(&handle, &words)?, "not a folder")
}

/// Podman keeps the log of a start that failed and reads it again after the
/// next.
fn later_start(podman: &Podman) -> Result<()> {
    let container = podman.container();
    let mut ticket = podman.ticket(payload(&Canary::new()?)?)?;
    ticket.limits.image = Some("another/image".to_owned());
    let handle = podman.stage(&ticket)?;
    let arguments = ["-d", "--name", &container.name, BASE, "true"];
    refused(&podman.run_with(&handle, &arguments)?, "another/image")?;
    std::fs::remove_file(podman.place(&handle)?)?;
    let again = podman.try_podman(&["start", &container.name])?;
    ensure!(
        again.code == 125 || again.code == 126,
        "it started: {again:?}"
    );
    readable(&again, "cannot be used")
}

fn refused(outcome: &Outcome, reason: &str) -> Result<()> {
    ensure!(outcome.code == 126, "{outcome:?}");
    readable(outcome, reason)
}

fn readable(outcome: &Outcome, reason: &str) -> Result<()> {
    let told = &outcome.stderr;
    ensure!(
        told.contains(reason) && !told.contains("no logs from conmon"),
        "{outcome:?}"
    );
    Ok(())
}
