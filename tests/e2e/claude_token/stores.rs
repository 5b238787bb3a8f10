//! Every store that a token is kept in, from its minting to its removal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use jackin_tests::command::run;
use jackin_tests::processes::Watch;
use jackin_tests::rig::Rig;
use libtest_mimic::Trial;

use super::scene::{Scene, stand_in};
use super::{launched, revoked};
use crate::lab::on_newest_engine;
use crate::leak::clean;

pub(super) fn trials() -> Vec<Trial> {
    [
        on_newest_engine("claude_token::e50_e65_a_file_for_an_identity", |rig| {
            whole_life(&Scene::recorded(rig)?, "age", "oauth_token = \"age:")
        }),
        on_newest_engine("claude_token::e50_e65_1password", one_password),
        on_newest_engine("claude_token::e50_e65_a_credential_helper", pass),
        on_newest_engine("claude_token::e50_e65_the_secret_service", secret_service),
        on_newest_engine("claude_token::e50_e65_in_the_configuration", plain),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A strict stand-in for `op`.
fn one_password(rig: &Rig) -> Result<()> {
    let mut scene = Scene::recorded(rig)?;
    scene.install("op", &stand_in("op")?)?;
    let folder = scene.folder("op")?;
    scene.folder("op/items")?;
    let account = serde_json::json!([{
        "url": "my.1password.com", "email": "me@example.com", "user_uuid": "MYUSERAAAAAAAAAAAAAAAAAAAA",
        "account_uuid": "MYACCOUNTAAAAAAAAAAAAAAAAA",
        "vaults": [{ "id": "myprivateaaaaaaaaaaaaaaaaa", "name": "Private" }],
    }]);
    fs::write(folder.join("accounts.json"), account.to_string())?;
    scene.set("OP_STAND_IN", &folder);
    whole_life(&scene, "1password", "oauth_token = { op = \"op://")?;
    let surprises = fs::read_to_string(folder.join("surprises"));
    ensure!(surprises.is_err(), "op was asked otherwise: {surprises:?}");
    Ok(())
}

/// The real `docker-credential-pass`.
fn pass(rig: &Rig) -> Result<()> {
    let scene = Scene::recorded(rig)?;
    let made = "gpg --batch --quiet --passphrase '' --quick-gen-key tests default default never \
        && pass init tests";
    run(&mut scene.shell(made)?)?.success()?;
    let lived = whole_life(
        &scene,
        "helper:pass",
        "oauth_token = \"helper:pass/https://",
    );
    run(&mut scene.shell("gpgconf --kill all")?)?;
    lived
}

/// The real GNOME Keyring, on a bus of its own.
fn secret_service(rig: &Rig) -> Result<()> {
    let mut scene = Scene::recorded(rig)?;
    let bus = Bus::start(&scene)?;
    scene.set("DBUS_SESSION_BUS_ADDRESS", &bus.address);
    whole_life(&scene, "secret-service", "oauth_token = \"secret-service:")
}

/// The control: who wants it in the clear has it there, and nowhere else.
fn plain(rig: &Rig) -> Result<()> {
    let scene = Scene::recorded(rig)?;
    scene.mint("setup", &["--store", "plain"])?;
    let found = scene.holding()?;
    ensure!(
        found.len() == 1 && found.iter().all(|file| file.ends_with("config.toml")),
        "{found:?}"
    );
    let outcome = scene.run(&["workspace", "claude-token", "revoke", "my-app"])?;
    ensure!(outcome.code == 0, "{outcome:?}");
    let found = scene.holding()?;
    ensure!(found.is_empty(), "still in {found:?}");
    Ok(())
}

/// Setup, launch, rotation, revocation; searched at each.
fn whole_life(scene: &Scene<'_>, store: &str, wired: &str) -> Result<()> {
    let rig = scene.stage.rig;
    let watch = Watch::start(&rig.engine, &scene.canary)?;
    scene.mint("setup", &["--store", store])?;
    let first = scene.configuration()?;
    ensure!(first.contains(wired), "{first}");
    let found = scene.holding()?;
    ensure!(found.is_empty(), "in the clear in {found:?}");
    let container = launched(scene)?;
    let seen = container.shell("echo $CLAUDE_CODE_OAUTH_TOKEN")?;
    ensure!(seen == scene.token, "{seen:?}");
    clean("in a container", rig, &container, &scene.canary)?;
    container.remove()?;
    let doctor = ["workspace", "claude-token", "doctor", "--offline"];
    let outcome = scene.run(&doctor)?;
    ensure!(outcome.code == 0, "{outcome:?}");
    scene.mint("rotate", &[])?;
    let second = scene.configuration()?;
    ensure!(second.contains(wired) && second != first, "{second}");
    revoked(scene)?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    Ok(())
}

/// A session bus with an unlocked keyring. Both end with it.
struct Bus {
    session: Child,
    address: String,
}

impl Bus {
    fn start(scene: &Scene<'_>) -> Result<Self> {
        let script = "dbus-run-session -- sh -c '\
            printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1 && \
            echo $DBUS_SESSION_BUS_ADDRESS && exec cat'";
        let mut command = scene.shell(script)?;
        let home = scene.stage.user.home();
        scene.stage.user.write("runtime/.keep", "")?;
        command.env("XDG_RUNTIME_DIR", home.join("runtime"));
        let mut session = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = session.stdout.take().context("no output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        ensure!(address.contains("unix:"), "no bus: {address:?}");
        Ok(Self {
            session,
            address: address.trim().to_owned(),
        })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // What holds the session reads until then.
        drop(self.session.stdin.take());
        let _ = self.session.wait();
    }
}
