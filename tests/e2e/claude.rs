//! Scenarios 39 and 42: the real claude is not met by its wizard.

use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::image::{BASE, build};
use jackin_tests::mock_api::ANSWER;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;

use crate::agents::program::{Mode, Program};
use crate::agents::stage::Stage;
use crate::lab::on_each_engine;

const PATIENCE: Duration = Duration::from_secs(40);

/// The wizard's first screen, or what it shows where it finds no network: an
/// onboarded claude asks for neither.
const WIZARD: [&str; 3] = [
    "Unable to connect to Anthropic services",
    "Choose the text style",
    "Select login method",
];

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("claude::e42_without_us_the_wizard_comes", wizard),
        on_each_engine("claude::e39_e42_no_wizard_with_the_flag", no_wizard),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The control: the token alone, by `-e`, still meets the wizard.
fn wizard(rig: &Rig) -> Result<()> {
    let mount = Program::Claude.mount()?;
    let token = format!(
        "CLAUDE_CODE_OAUTH_TOKEN={}",
        Canary::control()?.oauth_token()
    );
    let mut client = rig.engine.client();
    client.args(["run", "--rm", "-it", "--network", "host", "-v", &mount]);
    client.args(["-e", &token]);
    let terminal = Terminal::start(client.args([BASE, "claude"]))?;
    terminal.wait_for(&WIZARD, PATIENCE)?;
    Ok(())
}

/// The image's own keys survive the merge (its folder is trusted there), so
/// claude comes up ready to be asked, and answers.
fn no_wizard(rig: &Rig) -> Result<()> {
    let image = unique("trusting");
    let keys = r#"{"projects":{"/":{"hasTrustDialogAccepted":true}},"ofTheImage":1}"#;
    let dockerfile = format!("FROM {BASE}\nUSER dev\nRUN echo '{keys}' >/home/dev/.claude.json\n");
    build(&rig.engine, &image, &dockerfile)?;
    let stage = Stage::new(rig)?;
    stage.configure(&image, &[(Program::Claude, Mode::OauthToken)], "")?;
    let name = unique("interactive");
    let arguments = ["run", &stage.role, "-it", "--name", &name, "--", "claude"];
    let mut terminal = Terminal::start(&stage.user.jackin(rig, &arguments))?;
    let container = rig.adopt(name);
    let mut screens = vec!["? for shortcuts", "shift+tab to cycle"];
    screens.extend(WIZARD);
    let met = terminal.wait_for(&screens, PATIENCE)?;
    ensure!(met < 2, "the wizard came up:\n{}", terminal.contents());
    terminal.send("ping\r")?;
    terminal.wait_for(&[ANSWER], PATIENCE)?;
    let secrets = stage.secrets(Program::Claude)?;
    let expected = Program::Claude.expected(Mode::OauthToken, secrets);
    let asked = stage.api.asked_for(Program::Claude.asks());
    ensure!(
        asked.iter().any(|asked| asked.credentials == expected),
        "{asked:?}"
    );
    let kept =
        run(rig
            .engine
            .client()
            .args(["exec", &container.name, "cat", "/home/dev/.claude.json"]))?;
    ensure!(kept.stdout.contains("ofTheImage"), "{kept:?}");
    Ok(())
}
