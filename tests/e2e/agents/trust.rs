//! Whose folder is trusted is the user's decision: with `trust = true` no agent
//! asks, without it each one asks as ever.

use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_tests::image::BASE;
use jackin_tests::mock_api::ANSWER;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;

use super::program::{Mode, Program};
use super::stage::Stage;
use crate::lab::on_newest_engine;

const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_newest_engine("agents::trust_claude_is_told", |rig| {
            told(rig, Program::Claude)
        }),
        on_newest_engine("agents::trust_claude_asks", |rig| {
            asks(rig, Program::Claude)
        }),
        on_newest_engine("agents::trust_codex_is_told", |rig| {
            told(rig, Program::Codex)
        }),
        on_newest_engine("agents::trust_codex_asks", |rig| asks(rig, Program::Codex)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What an agent's screen says when it asks for trust, and when it is ready.
fn screens(program: Program) -> (&'static str, &'static str) {
    match program {
        Program::Codex => ("Trust this folder?", "Ask Codex to do anything"),
        _ => (
            "Is this a project you created or one you trust?",
            "shift+tab to cycle",
        ),
    }
}

/// It takes a question at once, and answers it.
fn told(rig: &Rig, program: Program) -> Result<()> {
    let (stage, mut terminal, _container) = start(rig, program, true)?;
    let (trust, ready) = screens(program);
    terminal.wait_for(&[ready], PATIENCE)?;
    terminal.send("ping")?;
    terminal.wait_for(&["ping"], PATIENCE)?;
    terminal.send("\r")?;
    terminal.wait_for(&[ANSWER], PATIENCE)?;
    let screen = terminal.contents();
    ensure!(!screen.contains(trust), "{screen}");
    ensure!(!stage.api.asked_for(program.asks()).is_empty());
    Ok(())
}

fn asks(rig: &Rig, program: Program) -> Result<()> {
    let (stage, terminal, _container) = start(rig, program, false)?;
    terminal.wait_for(&[screens(program).0], PATIENCE)?;
    let asked = stage.api.asked_for(program.asks());
    ensure!(asked.is_empty(), "{asked:?}");
    Ok(())
}

/// Starts an agent's own screen in a workspace that has settings of its own,
/// since Codex asks for nothing less.
fn start(rig: &Rig, program: Program, trust: bool) -> Result<(Stage<'_>, Terminal, Container)> {
    let stage = Stage::new(rig)?;
    stage.user.write("work/.codex/config.toml", "")?;
    let workspace = format!(
        "[workspaces.w]\nworkdir = \"{}/work\"\nmounts = [{{ src = \".\", dst = \"/workspace\" }}]\ntrust = {trust}\n",
        stage.user.home().display()
    );
    stage.configure(BASE, &[(program, Mode::ApiKey)], &workspace)?;
    let name = unique("trust");
    let mut arguments = vec![
        "run",
        "--workspace",
        "w",
        &stage.role,
        "-it",
        "--name",
        &name,
    ];
    arguments.extend(["-w", "/workspace", "--user", "dev", "--", program.word()]);
    let overrides = program.overrides(&stage.api);
    arguments.extend(overrides.iter().map(String::as_str));
    if program == Program::Codex {
        // Else it leaves a daemon behind, and copies itself into its folder.
        arguments.extend(["-c", "features.daemon_auto_start=false"]);
    }
    let terminal = Terminal::start(&stage.user.jackin(rig, &arguments))?;
    let container = rig.adopt(name);
    Ok((stage, terminal, container))
}
