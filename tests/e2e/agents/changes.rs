//! Scenarios 31 to 35: the mode is changed on the host, and the container is
//! restarted: what was put there before is gone, and the new credential works.

use anyhow::{Context, Result, ensure};
use jackin_tests::image::BASE;
use jackin_tests::rig::{Rig, unique};
use libtest_mimic::Trial;

use super::program::{Mode, Program};
use super::stage::Stage;
use crate::lab::on_newest_engine;

pub(crate) fn trials() -> Vec<Trial> {
    use Mode::{ApiKey, Ignore, OauthToken, Sync};
    [
        on_newest_engine("agents::e32_e33_e34_e35_claude_changes", |rig| {
            changes(
                rig,
                Program::Claude,
                &[Sync, Ignore, OauthToken, Sync, ApiKey],
            )
        }),
        on_newest_engine("agents::e32_e34_codex_changes", |rig| {
            changes(rig, Program::Codex, &[Sync, Ignore, ApiKey, Sync])
        }),
        on_newest_engine("agents::e32_e34_opencode_changes", |rig| {
            changes(rig, Program::Opencode, &[Sync, Ignore, ApiKey, Sync])
        }),
        on_newest_engine("agents::e32_e34_amp_changes", |rig| {
            changes(rig, Program::Amp, &[Sync, Ignore, ApiKey, Sync])
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn changes(rig: &Rig, program: Program, modes: &[Mode]) -> Result<()> {
    let stage = Stage::new(rig)?;
    let (first, later) = modes.split_first().context("no mode")?;
    stage.configure(BASE, &[(program, *first)], "")?;
    let name = unique("changing");
    let words = [
        "run",
        &stage.role,
        "-d",
        "--name",
        &name,
        "--",
        "sleep",
        "1000",
    ];
    let started = stage.user.run(rig, &words)?;
    let container = rig.adopt(name);
    ensure!(started.code == 0, "{started:?}");
    stage.check(program, *first, &stage.ask_in(&container, program)?)?;
    for mode in later {
        stage.configure(BASE, &[(program, *mode)], "")?;
        rig.engine
            .docker(&["restart", "-t", "0", &container.name])?;
        stage
            .check(program, *mode, &stage.ask_in(&container, program)?)
            .with_context(|| format!("after a change to {mode:?}"))?;
    }
    Ok(())
}
