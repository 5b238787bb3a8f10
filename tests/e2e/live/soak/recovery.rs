//! A container that has met a 401, and the one command that mends it: it is not
//! restarted, and neither is its agent's login on the host made anew by hand.

use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::rig::{Container, Rig};

use super::scene::Scene;

/// No token ends by itself.
const LIFETIME: Duration = Duration::from_secs(8 * 3600);

/// The vendor takes a token no more, hours before its end. The watcher cannot
/// know. The vendor's own program on the host finds out, and renews it.
pub(super) fn of_a_token_that_ended_early(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, "live", &Canary::new()?, LIFETIME)?;
    let containers = [scene.start_quiet("root")?, scene.start_quiet("dev")?];
    let said = scene.said();
    ensure!(!said.contains("also in use"), "{said}");
    answered(&containers)?;
    let begun = start_times(&containers)?;
    scene.ledger.end_access_tokens();
    refused(&containers)?;
    let names = containers.iter().map(|one| one.name.as_str());
    scene.sync_now(names)?;
    answered(&containers)?;
    ensure!(scene.ledger.renewals() == 1, "{}", scene.told()?);
    // With a token that the vendor takes there is nothing to renew.
    scene.sync_now([])?;
    answered(&containers)?;
    ensure!(scene.ledger.renewals() == 1, "{}", scene.told()?);
    ensure!(start_times(&containers)? == begun, "one was restarted");
    Ok(())
}

/// A copy whose login has ended does not follow. It gets the host's of today.
pub(super) fn of_a_copy(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, "copy", &Canary::control()?, LIFETIME)?;
    let first = scene.start_quiet("root")?;
    let said = scene.said();
    ensure!(!said.contains("also in use"), "{said}");
    let containers = [first, scene.start_quiet("dev")?];
    let (said, named) = (scene.said(), &containers[0].name);
    let warning =
        format!("claude's login is also in use by {named}, and this container gets a copy");
    ensure!(said.contains(&warning), "{said}");
    answered(&containers)?;
    let begun = start_times(&containers)?;
    scene.ledger.end_logins();
    scene.change_login()?;
    refused(&containers)?;
    let names = containers.iter().map(|one| one.name.as_str());
    scene.sync_now(names)?;
    answered(&containers)?;
    ensure!(start_times(&containers)? == begun, "one was restarted");
    Ok(())
}

const ASK: [&str; 11] = [
    "claude",
    "-p",
    "ping",
    "--tools",
    "",
    "--system-prompt",
    "x",
    "--model",
    "haiku",
    "--no-session-persistence",
    "--strict-mcp-config",
];

fn answered(containers: &[Container]) -> Result<()> {
    for container in containers {
        let outcome = container.exec(&ASK)?;
        ensure!(outcome.code == 0, "{outcome:?}");
    }
    Ok(())
}

fn refused(containers: &[Container]) -> Result<()> {
    for container in containers {
        let outcome = container.exec(&ASK)?;
        let refused = outcome.stdout.contains("Failed to authenticate");
        ensure!(outcome.code != 0 && refused, "{outcome:?}");
    }
    Ok(())
}

fn start_times(containers: &[Container]) -> Result<Vec<String>> {
    let times = containers.iter();
    times
        .map(|one| one.inspect("{{.State.StartedAt}} {{.State.Pid}}"))
        .collect()
}
