//! Scenario 71: the shells complete what docker-jackin knows, through docker's
//! own script. Docker 20.10 has none that asks its plugins.

use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::USER;
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;

use crate::lab::on_newest_engine;
use crate::user::User;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_newest_engine("completion::e71_docker_asks_the_plugin", asked),
        on_newest_engine("completion::e71_tab_in_bash", |rig| {
            tab(rig, "bash --norc", "PS1='ready> '; . /usr/share/bash-completion/bash_completion; . <(docker completion bash)")
        }),
        on_newest_engine("completion::e71_tab_in_zsh", |rig| {
            tab(rig, "zsh -f", "PS1='ready> '; autoload -U compinit; compinit -u -D; . <(docker completion zsh)")
        }),
        on_newest_engine("completion::e71_tab_in_fish", |rig| {
            tab(rig, "fish --no-config", "function fish_prompt; echo 'ready> '; end; docker completion fish | source")
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn user(role: &str) -> Result<User> {
    let user = User::new(USER)?;
    user.configure(&format!(
        "[roles.{role}]\nimage = \"{BASE}\"\nagents = [\"claude\"]\n[workspaces.my-space]\n"
    ))?;
    Ok(user)
}

/// What docker's script asks, and what it must be told.
fn asked(rig: &Rig) -> Result<()> {
    let role = unique("role");
    let user = user(&role)?;
    for (words, wanted) in [
        (&["r"][..], "run"),
        (&["run", ""], role.as_str()),
        (&["run", "--workspace", ""], "my-space"),
        (&["config", "auth", "set", ""], "oauth_token"),
        (
            &["config", "auth", "set", "sync", "--agent", ""],
            "opencode",
        ),
        (&["eject", ""], role.as_str()),
    ] {
        let words = [&["__complete", "jackin"], words].concat();
        let line = format!("docker {}", words.join(" ").replace("  ", " '' "));
        let line = if line.ends_with(' ') {
            line + "''"
        } else {
            line
        };
        let outcome = run(&mut user.shell(rig, &line))?;
        let mut answers = outcome
            .stdout
            .lines()
            .filter_map(|line| line.split('\t').next());
        ensure!(
            answers.any(|answer| answer == wanted),
            "{line}: {outcome:?}"
        );
    }
    Ok(())
}

/// The beginning of a role becomes the role.
fn tab(rig: &Rig, shell: &str, set_up: &str) -> Result<()> {
    let role = unique("zebra");
    let user = user(&role)?;
    let mut terminal = Terminal::start(&user.shell(rig, &format!("exec {shell} -i")))?;
    terminal.send(&format!("{set_up}; clear\r"))?;
    terminal.wait_for(&["ready>"], PATIENCE)?;
    terminal.send("docker jackin run zeb\t")?;
    terminal.wait_for(&[&format!("docker jackin run {role}")], PATIENCE)?;
    Ok(())
}
