//! Scenario 54 on Podman: an image that names a ticket gets nothing by it, and
//! the ticket stays its owner's.

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE, Handle};
use jackin_tests::canary::Canary;
use jackin_tests::command::run_with_input;
use jackin_tests::image::BASE;
use jackin_tests::podman::Podman;
use jackin_tests::rig::unique;
use libtest_mimic::Trial;

use super::delivery::payload;
use super::with_crun;

/// What looks for a login wherever it could be.
const LOOK: &str = "env; cat /proc/1/environ ~/.agent/token 2>/dev/null; true";

pub(crate) fn trials() -> Vec<Trial> {
    [
        with_crun("e54_an_image_with_a_variable", variable),
        with_crun("e54_an_image_with_a_label", label),
        with_crun("e54_an_image_with_an_annotation", annotation),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What becomes of a container of such an image.
#[derive(Clone, Copy)]
enum Expected {
    /// It starts, without a login.
    Start,
    /// It is refused, with what its user is told.
    Refusal(&'static str),
}

use Expected::{Refusal, Start};

/// The hook is not asked, since a variable is no annotation.
fn variable(podman: &Podman) -> Result<()> {
    let line = |handle: &Handle| format!("ENV {HANDLE_VARIABLE}={}", handle.expose());
    let refusal = Refusal("is named by the image's own ENV");
    gets_nothing(podman, line, false, [refusal, Start])
}

fn label(podman: &Podman) -> Result<()> {
    let line = |handle: &Handle| format!("LABEL {HANDLE_ANNOTATION}={}", handle.expose());
    gets_nothing(podman, line, false, [Start, Start])
}

/// Podman before 4.6 gives an image's annotations to its containers. Of why a
/// hook failed crun tells nothing.
fn annotation(podman: &Podman) -> Result<()> {
    let line = |_: &Handle| String::new();
    let expected = if podman.machine.name == "podman-4.3" {
        let refusal = Refusal("is named by an annotation of the image");
        [refusal, Refusal("docker-jackin-hook")]
    } else {
        [Start, Start]
    };
    gets_nothing(podman, line, true, expected)
}

/// Builds an image that names a ticket, and starts it with the wrapper, and
/// with the hook alone.
fn gets_nothing(
    podman: &Podman,
    line: impl Fn(&Handle) -> String,
    annotated: bool,
    expected: [Expected; 2],
) -> Result<()> {
    let canary = Canary::new()?;
    let mut ticket = podman.ticket(payload(&canary)?)?;
    // A ticket that would do for both.
    ticket.limits.containers = 10;
    let handle = podman.stage(&ticket)?;
    let image = unique("asking");
    let pair = Podman::annotation(&handle);
    let mut words = vec!["build", "--quiet", "--pull=never", "--tag", &image];
    if annotated {
        words.extend(["--annotation", &pair]);
    }
    words.push("-");
    let dockerfile = format!("FROM {BASE}\n{}\n", line(&handle));
    run_with_input(&mut podman.client(&words)?, dockerfile.as_bytes())?
        .success()
        .context("failed to build the image")?;
    let wrapper = podman.wrapper();
    for (runtime, expected) in [&*wrapper, podman.low_level].into_iter().zip(expected) {
        let words = [
            "run",
            "--rm",
            "--runtime",
            runtime,
            &image,
            "sh",
            "-c",
            LOOK,
        ];
        let outcome = podman.try_podman(&words)?;
        let told = outcome.text();
        ensure!(!canary.finder().is_in(told.as_bytes()), "it got the login");
        let met = match expected {
            Start => outcome.code == 0,
            Refusal(reason) => outcome.code == 126 && told.contains(reason),
        };
        ensure!(met, "{runtime}: {outcome:?}");
    }
    ensure!(podman.place(&handle)?.exists(), "the ticket was redeemed");
    podman.podman(&["rmi", "--force", &image])?;
    Ok(())
}
