//! Scenarios 50, 60, 61 and 65 to 68: a token is minted, kept, delivered,
//! checked, replaced and revoked, and comes to light nowhere.

mod scene;
mod stores;

use anyhow::{Result, ensure};
use jackin_tests::mock_api::ANSWER;
use jackin_tests::processes::Watch;
use jackin_tests::rig::{Container, Rig, unique};
use libtest_mimic::Trial;

use crate::agents::program::Program;
use crate::agents::stage::auth_line;
use crate::lab::on_each_engine;
use crate::leak::clean;
use scene::Scene;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("claude_token::e50_e61_e68_the_real_claude_mints", real),
        stores::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Setup, launch, check, refusal and revocation with the real `claude`.
fn real(rig: &Rig) -> Result<()> {
    let scene = Scene::real(rig)?;
    let watch = Watch::start(&rig.engine, &scene.canary)?;
    scene.mint("setup", &["--store", "age"])?;
    let asked = scene.vendor.asked();
    let minted = "POST platform.claude.com/v1/oauth/token".to_owned();
    ensure!(asked.contains(&minted), "{asked:?}");
    let configuration = scene.configuration()?;
    ensure!(
        configuration.contains("oauth_token = \"age:"),
        "{configuration}"
    );
    let found = scene.holding()?;
    ensure!(found.is_empty(), "in the clear in {found:?}");
    let container = launched(&scene)?;
    logged_in(&scene, &container)?;
    clean("in a container", rig, &container, &scene.canary)?;
    container.remove()?;
    checked(&scene)?;
    revoked(&scene)?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    Ok(())
}

/// A container of the workspace, which is told how long the token holds.
fn launched(scene: &Scene<'_>) -> Result<Container> {
    let name = unique("minted");
    let role = &scene.stage.role;
    let mut start = vec!["run", "--workspace", "my-app", role, "-d", "--name", &name];
    start.extend(["--", "sleep", "1000"]);
    let outcome = scene.run(&start)?;
    let container = scene.stage.rig.adopt(name);
    ensure!(outcome.code == 0, "{outcome:?}");
    let line = auth_line(&outcome, Program::Claude)?;
    ensure!(line.contains("expires in 36"), "{line}");
    Ok(container)
}

/// The real agent in the container asks with the token.
fn logged_in(scene: &Scene<'_>, container: &Container) -> Result<()> {
    let stage = &scene.stage;
    stage.api.take();
    let answer = stage.ask_in(container, Program::Claude)?;
    ensure!(answer.stdout.contains(ANSWER), "{answer:?}");
    let bearer = format!("Bearer {}", scene.token);
    let asked = stage.api.asked_for(Program::Claude.asks());
    let with_it = |value: &String| *value == bearer;
    ensure!(
        asked
            .iter()
            .any(|asked| asked.credentials.values().any(with_it)),
        "{asked:?}"
    );
    Ok(())
}

/// The vendor's own program says whether the token is accepted, and a launch
/// with one that is refused does not happen.
fn checked(scene: &Scene<'_>) -> Result<()> {
    let doctor = ["workspace", "claude-token", "doctor", "my-app"];
    let outcome = scene.run(&doctor)?;
    ensure!(
        outcome.code == 0 && outcome.stdout.contains("accepts it"),
        "{outcome:?}"
    );
    ensure!(
        scene.vendor.bearers().contains(&scene.token),
        "the vendor was not asked about it"
    );
    scene.vendor.answer_tokens_with(401);
    let outcome = scene.run(&doctor)?;
    ensure!(
        outcome.code == 1 && outcome.stdout.contains("refuses it"),
        "{outcome:?}"
    );
    let role = &scene.stage.role;
    let start = ["run", "--workspace", "my-app", role, "--rm", "--", "true"];
    let outcome = scene.run(&start)?;
    ensure!(
        outcome.code == 125 && outcome.stderr.contains("claude-token rotate my-app"),
        "{outcome:?}"
    );
    Ok(())
}

/// It is unwired, and gone from where it was kept.
fn revoked(scene: &Scene<'_>) -> Result<()> {
    let revoke = ["workspace", "claude-token", "revoke", "my-app", "--delete"];
    let outcome = scene.run(&revoke)?;
    ensure!(outcome.code == 0, "{outcome:?}");
    let configuration = scene.configuration()?;
    ensure!(
        configuration.contains("auth_forward = \"ignore\"")
            && !configuration.contains("oauth_token"),
        "{configuration}"
    );
    let found = scene.holding()?;
    ensure!(found.is_empty(), "still in the clear in {found:?}");
    Ok(())
}
