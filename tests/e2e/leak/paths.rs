//! Scenarios 24, 25 and 50: every way that a secret takes from where its user
//! keeps it, through all of a container's life and all that we print.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run, run_with_input};
use jackin_tests::image::BASE;
use jackin_tests::processes::Watch;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::search::search_remains;
use libtest_mimic::Trial;

use super::{clean, nothing_kept};
use crate::agents::program::{Mode, Program};
use crate::agents::stage::Stage;
use crate::lab::on_each_engine;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("leak::e50_every_agents_login", |rig| {
            every_agent(rig, Mode::Sync)
        }),
        on_each_engine("leak::e50_every_agents_key", |rig| {
            every_agent(rig, Mode::ApiKey)
        }),
        on_each_engine("leak::e24_e25_e50_every_source", every_source),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn every_agent(rig: &Rig, mode: Mode) -> Result<()> {
    let canary = Canary::new()?;
    let stage = Stage::with_one_secret(rig, &canary)?;
    let modes = Program::ALL.map(|program| (program, mode));
    stage.configure(BASE, &modes, "")?;
    whole_life(&stage, &canary, |container| {
        for program in Program::ALL {
            let file = format!("cat ~/{} 2>/dev/null; env", program.login_file());
            let seen = container.shell(&file)?;
            ensure!(canary.finder().is_in(seen.as_bytes()), "{program:?}");
        }
        Ok(())
    })
}

/// A stand-in for 1Password's program: it answers one question, asked in one
/// way, and the doctor's, and keeps a note of everything else.
const OP: &str = r#"#!/bin/sh
fail() { echo "$1" >>"$HOME/surprises"; exit 99; }
[ "$(readlink /proc/self/fd/0)" = /dev/null ] || fail "standard input"
[ "$*" != whoami ] || exit 0
[ "$*" = "read --no-newline op://Personal/my-app/token" ] || fail "arguments: $*"
for name in $(env | sed -n 's/=.*//p'); do
    case $name in
        HOME | PATH | PWD | SHLVL | OLDPWD | _ | LC_ALL | XDG_RUNTIME_DIR) ;;
        *) fail "variable $name" ;;
    esac
done
cat "$HOME/secrets/op"
"#;

/// A key in a real credential helper, one in 1Password, one that a command
/// prints, and one in a file.
fn every_source(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let stage = Stage::with_one_secret(rig, &canary)?;
    let home = stage.user.home().to_owned();
    stage.user.write("bin/op", OP)?;
    fs::set_permissions(home.join("bin/op"), Permissions::from_mode(0o755))?;
    for name in ["op", "command", "file"] {
        stage
            .user
            .write(&format!("secrets/{name}"), &canary.api_key())?;
    }
    keep_in_pass(&stage, &canary)?;
    let home = home.display();
    let role = &stage.role;
    stage.user.configure(&format!(
        "[env]\nFROM_A_FILE = \"file:{home}/secrets/file\"\n\
         [claude]\nauth_forward = \"api_key\"\napi_key = \"op://Personal/my-app/token\"\n\
         [codex]\nauth_forward = \"api_key\"\napi_key = {{ cmd = [\"cat\", \"{home}/secrets/command\"] }}\n\
         [amp]\nauth_forward = \"api_key\"\napi_key = \"helper:pass/https://api.example.com\"\n\
         [roles.{role}]\nimage = \"{BASE}\"\nagents = [\"claude\", \"codex\", \"amp\"]\n"
    ))?;
    let lived = whole_life(&stage, &canary, |container| {
        for script in [
            "echo $FROM_A_FILE",
            "echo $ANTHROPIC_API_KEY",
            "cat ~/.codex/auth.json",
            "echo $AMP_API_KEY",
        ] {
            let seen = container.shell(script)?;
            ensure!(seen.contains(&canary.api_key()), "{script}: {seen}");
        }
        Ok(())
    });
    end_agent(&stage)?;
    let surprises = fs::read_to_string(stage.user.home().join("surprises"));
    ensure!(surprises.is_err(), "op was asked otherwise: {surprises:?}");
    lived
}

/// Puts the secret into `pass`, through the helper's own way in.
fn keep_in_pass(stage: &Stage, canary: &Canary) -> Result<()> {
    let made = "gpg --batch --quiet --passphrase '' --quick-gen-key tests default default never \
        && pass init tests";
    run(&mut shell(stage, made))?.success()?;
    let secret = serde_json::json!({
        "ServerURL": "https://api.example.com", "Username": "me", "Secret": canary.api_key(),
    });
    let mut store = shell(stage, "docker-credential-pass store");
    run_with_input(&mut store, secret.to_string().as_bytes())?.success()?;
    Ok(())
}

/// The user's gpg-agent is a process of its own.
fn end_agent(stage: &Stage) -> Result<Outcome> {
    run(&mut shell(stage, "gpgconf --kill all"))
}

fn shell(stage: &Stage, line: &str) -> std::process::Command {
    stage.user.shell(stage.rig, line)
}

/// Start, exec, restart, stop, removal, and what we print, searched at each.
fn whole_life(
    stage: &Stage,
    canary: &Canary,
    has_it: impl Fn(&Container) -> Result<()>,
) -> Result<()> {
    let (rig, role) = (stage.rig, stage.role.as_str());
    let watch = Watch::start(&rig.engine, canary)?;
    let name = unique("leaking");
    let start = ["run", role, "-d", "--name", &name, "--", "sleep", "1000"];
    ours(stage, canary, &start)?;
    let container = rig.adopt(name);
    let id = container.id()?;
    has_it(&container)?;
    ours(stage, canary, &["exec", &container.name, "--", "true"])?;
    clean("after start and exec", rig, &container, canary)?;
    prints_nothing(stage, canary)?;
    let restart = ["restart", "-t", "0", &container.name];
    rig.engine.docker(&restart)?;
    has_it(&container)?;
    clean("after a restart", rig, &container, canary)?;
    rig.engine.docker(&["stop", "-t", "0", &container.name])?;
    clean("after a stop", rig, &container, canary)?;
    container.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    let remains = search_remains(&rig.engine, canary)?;
    ensure!(remains.is_empty(), "after the removal: {remains:?}");
    nothing_kept(rig, &id, canary)
}

/// What shows decisions and states, for people and for programs.
fn prints_nothing(stage: &Stage, canary: &Canary) -> Result<()> {
    let role = stage.role.as_str();
    for words in [
        &["ps"][..],
        &["doctor"],
        &["config", "auth", "show", "--role", role],
        &["config", "env", "list"],
        &["config", "check"],
        &["role", "show", role],
    ] {
        ours(stage, canary, words)?;
        let mut as_json = words.to_vec();
        as_json.extend(["--format", "json"]);
        let printed = ours(stage, canary, &as_json)?;
        let json: Result<serde_json::Value, _> = serde_json::from_str(&printed.stdout);
        ensure!(json.is_ok(), "{as_json:?}: {printed:?}");
    }
    ours(stage, canary, &["run", "--dry-run", role])?;
    Ok(())
}

/// Runs one of our commands at `-D`; it must not print the secret.
fn ours(stage: &Stage, canary: &Canary, words: &[&str]) -> Result<Outcome> {
    let mut client = stage.user.jackin_with(&["-D"], stage.rig, words);
    let path = client
        .get_envs()
        .find_map(|(name, value)| (name == "PATH").then_some(value?.to_owned()));
    let own = stage.user.home().join("bin");
    let path = path.unwrap_or_default();
    client.env(
        "PATH",
        format!("{}:{}", own.display(), Path::new(&path).display()),
    );
    let outcome = run(&mut client)?;
    ensure!(
        !canary.finder().is_in(outcome.text().as_bytes()),
        "{words:?} told it"
    );
    // A doctor that finds something to mend is no failure of this test.
    ensure!(outcome.code == 0 || words[0] == "doctor", "{outcome:?}");
    Ok(outcome)
}
