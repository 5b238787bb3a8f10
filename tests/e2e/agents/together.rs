//! Scenarios 42 and 43: all agents of a role have their logins from the start,
//! each by its own mode, so any of them can be started later.

use anyhow::{Context, Result, ensure};
use jackin_tests::command::Outcome;
use jackin_tests::rig::{Container, Rig, unique};
use libtest_mimic::Trial;

use super::program::{Mode, Program};
use super::stage::{Stage, auth_line};
use crate::lab::on_each_engine;

/// Four agents with four modes.
const MODES: [(Program, Mode); 4] = [
    (Program::Claude, Mode::OauthToken),
    (Program::Codex, Mode::Sync),
    (Program::Opencode, Mode::ApiKey),
    (Program::Amp, Mode::Ignore),
];

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("agents::e42_e43_four_at_once_as_root", |rig| four(rig, &[])),
        on_each_engine("agents::e42_e43_four_at_once_as_a_user", |rig| {
            four(rig, &["--user", "dev"])
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn four(rig: &Rig, flags: &[&str]) -> Result<()> {
    let stage = Stage::new(rig)?;
    stage.configure(&stage.meddling_image()?, &MODES, "")?;
    let name = unique("four");
    let mut arguments = vec!["run", &stage.role, "-d", "--name", &name];
    arguments.extend_from_slice(flags);
    arguments.extend(["--", "sleep", "1000"]);
    let started = stage.user.run(rig, &arguments)?;
    let container = rig.adopt(name);
    ensure!(started.code == 0, "{started:?}");
    for (program, mode) in MODES {
        let line = auth_line(&started, program)?;
        ensure!(line.contains(mode.told()), "{line}");
    }
    for (program, mode) in MODES {
        // The image's own key is what an ignored agent finds.
        if mode == Mode::Ignore {
            continue;
        }
        let by_docker = stage.ask_in(&container, program)?;
        stage
            .check(program, mode, &by_docker)
            .with_context(|| format!("docker exec of {program:?}"))?;
        for target in [&stage.role, &container.name] {
            let by_jackin = by_jackin(&stage, target, program)?;
            stage
                .check(program, mode, &by_jackin)
                .with_context(|| format!("docker jackin exec {target} of {program:?}"))?;
        }
    }
    ignored(&stage, &container)
}

fn by_jackin(stage: &Stage, target: &str, program: Program) -> Result<Outcome> {
    let question = program.question(&stage.api);
    let mut arguments = vec!["exec", target, "--agent", program.word(), "--"];
    arguments.extend(question.iter().map(String::as_str));
    stage.user.run(stage.rig, &arguments)
}

/// Amp has neither its login nor its operator variable; the image's own it has.
fn ignored(stage: &Stage, container: &Container) -> Result<()> {
    let secrets = stage.secrets(Program::Amp)?;
    let seen = container.shell("env | sed -n s/^AMP_API_KEY=//p")?;
    ensure!(seen == secrets.image.text(), "{seen}");
    let file = container.shell("cat ~/.local/share/amp/secrets.json 2>/dev/null; true")?;
    ensure!(file.is_empty(), "{file}");
    Ok(())
}
