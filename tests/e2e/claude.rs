//! Scenarios 42 and 45: the real claude, in a container.

use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::image::BASE;
use jackin_tests::mock_api::{ANSWER, MockApi};
use jackin_tests::project;
use jackin_tests::rig::Rig;
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;

use crate::lab::on_each_engine;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    trials.extend(on_each_engine("claude::a", plain));
    trials.extend(on_each_engine(
        "claude::e42_a_bare_token_meets_the_wizard",
        wizard,
    ));
    trials
}

fn plain(rig: &Rig) -> Result<()> {
    let api = MockApi::start()?;
    let canary = Canary::control()?;
    let mount = format!("{}:/usr/local/bin/claude:ro", project::claude()?.display());
    let t = format!("CLAUDE_CODE_OAUTH_TOKEN={}", canary.oauth_token());
    let u = format!("ANTHROPIC_BASE_URL={}", api.url());
    let start = std::time::Instant::now();
    let out = rig.engine.try_docker(&[
        "run",
        "--rm",
        "--network",
        "host",
        "-v",
        &mount,
        "-e",
        &t,
        "-e",
        &u,
        "-e",
        "CLAUDE_CODE_MAX_RETRIES=0",
        "-e",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
        BASE,
        "claude",
        "-p",
        "ping",
    ])?;
    println!("{out:?} {:?} {:?}", api.prompts(), start.elapsed());
    ensure!(out.stdout.contains(ANSWER));
    Ok(())
}

fn wizard(rig: &Rig) -> Result<()> {
    let mount = format!("{}:/usr/local/bin/claude:ro", project::claude()?.display());
    let mut client = rig.engine.client();
    client.args([
        "run",
        "--rm",
        "-it",
        "--network",
        "host",
        "-v",
        &mount,
        "-e",
        "CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-xx",
        BASE,
        "claude",
    ]);
    let terminal = Terminal::start(&client)?;
    terminal.wait_for(&["Choose the text style", "trust"], Duration::from_secs(20))?;
    println!("{}", terminal.contents());
    Ok(())
}
