//! Whose folder is trusted is the user's decision: with `trust = true` no agent
//! asks, without it each one asks as ever.

use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_tests::image::BASE;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;

use super::program::{Mode, Program};
use super::stage::Stage;
use crate::lab::on_each_engine;

const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("agents::trust_claude_is_told", |rig| {
            told(rig, Program::Claude)
        }),
        on_each_engine("agents::trust_claude_asks", |rig| {
            asks(rig, Program::Claude)
        }),
        on_each_engine("agents::trust_codex_is_told", |rig| {
            told(rig, Program::Codex)
        }),
        on_each_engine("agents::trust_codex_asks", |rig| asks(rig, Program::Codex)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What an agent's screen says when it asks for trust, and when it is ready.
fn screens(program: Program) -> [&'static str; 2] {
    match program {
        Program::Codex => ["Trust this folder?", "Ask Codex to do anything"],
        _ => [
            "Is this a project you created or one you trust?",
            "shift+tab to cycle",
        ],
    }
}

fn told(rig: &Rig, program: Program) -> Result<()> {
    ensure!(met(rig, program, true)? == 1, "{program:?} asks for trust");
    Ok(())
}

fn asks(rig: &Rig, program: Program) -> Result<()> {
    ensure!(met(rig, program, false)? == 0, "{program:?} does not ask");
    Ok(())
}

/// Which of its screens an agent comes up with in a workspace that is a
/// repository, since Codex asks nowhere else.
fn met(rig: &Rig, program: Program, trust: bool) -> Result<usize> {
    let stage = Stage::new(rig)?;
    for (file, text) in [
        ("work/.git/HEAD", "ref: refs/heads/main\n"),
        ("work/.git/config", "[core]\n"),
        ("work/.git/objects/keep", ""),
        ("work/.git/refs/keep", ""),
    ] {
        stage.user.write(file, text)?;
    }
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
        "agent",
        "-it",
        "--name",
        &name,
        "-w",
        "/workspace",
        "--user",
        "dev",
        "--",
        program.word(),
    ];
    if program == Program::Codex {
        // Else it leaves a daemon behind, and copies itself into its folder.
        arguments.extend(["-c", "features.daemon_auto_start=false"]);
    }
    let terminal = Terminal::start(&stage.user.jackin(rig, &arguments))?;
    let _container = rig.adopt(name);
    terminal.wait_for(&screens(program), PATIENCE)
}
