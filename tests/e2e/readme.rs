//! Scenario 73: what the README tells people to type works.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::policy::Policy;
use jackin_tests::binaries::PLUGIN;
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::{BASE, build};
use jackin_tests::project;
use jackin_tests::rig::Rig;
use jackin_tests::sandbox::USER;
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;

use crate::lab::{on_each_engine, once};
use crate::user::User;

pub(crate) fn trials() -> Vec<Trial> {
    [
        once("readme::e73_every_command_exists", commands),
        on_each_engine("readme::every_configuration_is_accepted", configurations),
        on_each_engine("readme::every_example_runs", examples),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One test at a time has containers of the examples' image: those that it did
/// not name are found by that.
static OF_THE_IMAGE: Mutex<()> = Mutex::new(());

fn readme() -> Result<String> {
    Ok(fs::read_to_string(project::root().join("README.md"))?)
}

/// The texts of the fenced blocks of one language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = readme.split(&fence).skip(1);
    let texts = parts.filter_map(|part| part.split_once("```"));
    texts.map(|(text, _)| text.to_owned()).collect()
}

/// The words that follow each occurrence of `prefix`, lines joined.
fn after(readme: &str, prefix: &str) -> BTreeSet<String> {
    let text: Vec<&str> = readme.split_whitespace().collect();
    let text = text.join(" ");
    let ends = |letter: char| !(letter.is_ascii_lowercase() || letter == '-');
    let words = text.split(prefix).skip(1);
    let words = words.filter_map(|rest| rest.split(ends).next());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn commands() -> Result<()> {
    let readme = readme()?;
    let verbs = after(&readme, "docker jackin ");
    ensure!(
        verbs.contains("run") && verbs.contains("install"),
        "{verbs:?}"
    );
    for verb in verbs {
        let outcome = run(Command::new(PLUGIN).args(["jackin", &verb, "--help"]))?;
        ensure!(outcome.code == 0, "docker jackin {verb}: {outcome:?}");
    }
    for line in readme.lines() {
        let line = line.strip_prefix("# docker jackin ");
        // Whatever comes last is the container's there, and none of ours.
        let Some(line) = line.filter(|line| !line.starts_with("exec ")) else {
            continue;
        };
        // What stands before it is read first, and refused where there is no
        // such verb or flag. A line quotes at most whole words.
        let words = line.split_whitespace().map(|word| word.trim_matches('\''));
        let mut command = Command::new(PLUGIN);
        let outcome = run(command.arg("jackin").args(words).arg("--help"))?;
        ensure!(outcome.code == 0, "{line}: {outcome:?}");
    }
    let targets: BTreeSet<String> = readme
        .split(['`', '\n'])
        .filter_map(|text| text.trim_start_matches("# ").strip_prefix("make "))
        .flat_map(|words| words.split(' ').map(str::to_owned))
        .collect();
    ensure!(
        targets.contains("demo") && targets.contains("test"),
        "{targets:?}"
    );
    for target in targets {
        let mut make = Command::new("make");
        make.current_dir(project::root())
            .args(["--dry-run", "--always-make", &target]);
        let outcome = run(&mut make)?;
        ensure!(outcome.code == 0, "make {target}: {outcome:?}");
    }
    Ok(())
}

/// A user with what the examples take for granted.
fn user() -> Result<User> {
    let user = User::new(USER)?;
    let canary = Canary::new()?;
    user.log_in(&canary.oauth_token(), "stays here")?;
    for token in [".secrets/claude-token", ".secrets/my-app-token"] {
        user.write(token, &canary.oauth_token())?;
    }
    Ok(user)
}

/// The image of the examples, in which `claude` is a stand-in.
fn import(rig: &Rig) -> Result<()> {
    let dockerfile = format!(
        "FROM {BASE}\nRUN printf '#!/bin/sh\\necho answered\\n' >/bin/claude && chmod 755 /bin/claude\n\
         CMD [\"claude\"]\n"
    );
    build(&rig.engine, "acme/web-agent:1", &dockerfile)
}

/// What the examples of `docker jackin run` have in common.
fn role(readme: &str) -> Result<String> {
    let all = blocks(readme, "toml");
    let role = all.into_iter().find(|block| block.contains("[roles.web]"));
    role.context("no role in the README")
}

fn configurations(rig: &Rig) -> Result<()> {
    let _alone = OF_THE_IMAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let readme = readme()?;
    let role = role(&readme)?;
    import(rig)?;
    let user = user()?;
    let all = blocks(&readme, "toml");
    ensure!(all.len() > 4, "{} blocks", all.len());
    for block in all {
        if block.contains("[[rule]]") {
            let policy = Policy::from_toml(block.as_bytes())?;
            ensure!(policy.rules.len() == 1, "{block}");
            continue;
        }
        let text = if block.contains("[roles.web]") {
            block.clone()
        } else {
            format!("{block}\n{role}")
        };
        user.configure(&text)?;
        let mut client = user.jackin(rig, &["run", "web", "--rm", "--", "true"]);
        client.env("WORK_KEY", Canary::new()?.api_key());
        let outcome = run(&mut client)?;
        ensure!(outcome.code == 0, "{block}\n{outcome:?}");
    }
    Ok(())
}

fn examples(rig: &Rig) -> Result<()> {
    let _alone = OF_THE_IMAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let readme = readme()?;
    import(rig)?;
    let user = user()?;
    user.configure(&role(&readme)?)?;
    let mut count = 0;
    let told = |line: &str, command: &str| -> Result<Outcome> {
        let told = in_terminal(rig, &user, command)?;
        ensure!(told.code == 0, "{line}: {told:?}");
        remove_containers(rig)?;
        Ok(told)
    };
    for block in blocks(&readme, "console") {
        let mut lines = block.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(command) = line.strip_prefix("$ docker ") else {
                continue;
            };
            let shown = lines.next_if(|line| !line.starts_with(['$', '#']));
            count += 1;
            let told = told(line, command)?;
            if let Some(shown) = shown {
                ensure!(told.stdout.contains(shown), "{line}: {told:?}");
            }
        }
    }
    ensure!(count > 1, "{count} examples");
    Ok(())
}

/// The examples name no container, and not all of them say `--rm`.
fn remove_containers(rig: &Rig) -> Result<()> {
    let ours = "ancestor=acme/web-agent:1";
    let listed = rig
        .engine
        .docker(&["ps", "--all", "--quiet", "--filter", ours])?;
    for id in listed.lines() {
        rig.engine.try_docker(&["rm", "--force", id])?;
    }
    Ok(())
}

/// As a person runs it, with a shell's reading of the line.
fn in_terminal(rig: &Rig, user: &User, command: &str) -> Result<Outcome> {
    let line = user.shell(rig, &format!("cd \"$HOME\" && docker {command}"));
    let mut terminal = Terminal::start(&line)?;
    let code = terminal.finish(std::time::Duration::from_secs(30))?;
    let screen = terminal.contents();
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    Ok(Outcome {
        code,
        stdout: lines.join("\n"),
        stderr: String::new(),
    })
}
