//! A login delivered again to a container that runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::payload::Payload;
use jackin_oci_hook::published::{REDELIVER, REDELIVERED};
use jackin_oci_hook::ticket::SCHEMA;
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::BASE;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::{Sandbox, USER};
use jackin_tests::staging;
use libtest_mimic::Trial;
use serde_json::json;
use serde_json::value::RawValue;

use super::owner::{Owner, leave_word};
use super::{has, sleeping, start};
use crate::kept::{RENEW, RESTART, docker, kept_mounts};
use crate::lab::{on_each_rig, on_newest_engine};
use crate::restart::Resolver;

pub(super) fn trials() -> Vec<Trial> {
    [
        on_each_rig("live::e44_a_login_is_delivered_again", delivered_again),
        // An older engine's crun cannot even exec there.
        on_newest_engine("live::e56_who_left_gets_no_login_again", left),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Those that change the engine's side's own settings.
pub(super) fn trials_alone() -> Vec<Trial> {
    on_newest_engine("live::e38_what_is_delivered_again_is_resolved", resolved)
}

/// Whether the answer says that it was done.
pub(super) fn is_done(outcome: &Outcome) -> bool {
    let answer = format!("docker-jackin: {REDELIVERED}");
    outcome.code != 0 && outcome.text().contains(&answer)
}

/// Asks as user `uid`, whose login it is.
pub(super) fn ask(container: &Container, uid: u32) -> Result<()> {
    let outcome = try_to_ask(container, uid)?;
    ensure!(is_done(&outcome), "{outcome:?}");
    Ok(())
}

fn try_to_ask(container: &Container, uid: u32) -> Result<Outcome> {
    let word = leave_word(Path::new("/"), uid, &container.id()?)?;
    let outcome = container.exec(&[REDELIVER])?;
    ensure!(!word.exists(), "the word still counts");
    Ok(outcome)
}

/// How many mounts of ours a container has.
const MOUNTS: &str = "grep -cE ' - tmpfs docker-jackin |/live-0 ' /proc/self/mountinfo";

/// The owner's folder went, as with a logout, and came again as another.
fn delivered_again(rig: &Rig) -> Result<()> {
    let login = Canary::new()?;
    let owner = Owner::new(Path::new("/"), USER, &login)?;
    let containers = [
        sleeping(rig, &owner, None, &[])?,
        sleeping(rig, &owner, None, &["-u", "dev", "--cap-drop", "ALL"])?,
        sleeping(rig, &owner, Some("dev"), &["--read-only"])?,
    ];
    let hidden = owner.login().with_extension("hidden");
    fs::rename(owner.login(), &hidden)?;
    // This one never followed.
    let copied = sleeping(rig, &owner, None, &[])?;
    has(&copied, &owner.copy)?;
    owner.begin(&Canary::new()?)?;
    fs::remove_dir_all(&hidden)?;
    for container in containers.iter().chain([&copied]) {
        let id = container.id()?;
        let login = Canary::new()?;
        ask(container, USER)?;
        owner.publish(&login)?;
        let script = "cat ~root/.agent/login 2>/dev/null || cat /home/dev/.agent/login";
        let seen = container.shell(script)?;
        ensure!(seen == login.text(), "{seen:?}");
        let mounts = container.shell(MOUNTS)?;
        ensure!(mounts == "3", "{mounts} mounts");
        ensure!(kept_mounts(rig, &id)? == 1, "not kept, or twice");
        let inode = fs::metadata(owner.published())?.ino();
        ensure!(owner.lease(&id)?.folder.number == inode, "an old lease");
    }
    let [first, ..] = &containers;
    docker(rig, first, &[RESTART])?;
    ask(first, USER)?;
    // Elsewhere it is the low-level runtime that says that there is no such file.
    let plain = unique("plain");
    let run = ["run", "-d", "--name", &plain, "--runtime", rig.wrapper];
    rig.engine
        .docker(&[&run[..], &[BASE, "sleep", "100"]].concat())?;
    let plain = rig.adopt(plain);
    let outcome = plain.exec(&[REDELIVER])?;
    ensure!(outcome.text().contains("o such file"), "{outcome:?}");
    Ok(())
}

/// The first process of a container goes where it may mount, and where nothing
/// that is mounted then is locked.
fn left(rig: &Rig) -> Result<()> {
    let login = Canary::new()?;
    let owner = Owner::new(Path::new("/"), USER, &login)?;
    let name = unique("left");
    let unconfined = ["seccomp=unconfined", "apparmor=unconfined"];
    let mut words = vec!["-d", "--name", &name];
    for option in unconfined {
        words.extend(["--security-opt", option]);
    }
    words.extend([BASE, "unshare", "-Umr", "sleep", "1000"]);
    start(rig, &owner, None, &words)?.success()?;
    let container = rig.adopt(name);
    // Until it is there.
    container.shell("until grep -q '^ *0 *0 *1$' /proc/1/uid_map; do sleep 0.1; done")?;
    has(&container, &login)?;
    let mounts = || container.shell("sort /proc/1/mountinfo");
    let before = mounts()?;
    let outcome = try_to_ask(&container, USER)?;
    ensure!(!is_done(&outcome), "{outcome:?}");
    let told = outcome.text();
    ensure!(
        told.contains("has left the user namespace") && told.contains("restart the container"),
        "{outcome:?}"
    );
    ensure!(mounts()? == before, "{before}, and then {}", mounts()?);
    has(&container, &login)?;
    ensure!(
        kept_mounts(rig, &container.id()?)? == 1,
        "what it wrote is gone"
    );
    docker(rig, &container, &[RESTART])?;
    has(&container, &login)
}

/// What the container wrote is asked with, the answer is what it gets, and
/// without an answer it keeps what it has.
fn resolved(rig: &Rig) -> Result<()> {
    let (former, next) = (Canary::new()?, Canary::new()?);
    let payload = |login: &str| -> Result<Payload> {
        let mut payload = Payload::default();
        let file = staging::bound_file(".agent/token", login)?;
        payload.files.push(file);
        Ok(payload)
    };
    let mut ticket = staging::ticket(0, payload(former.text())?)?;
    ticket.request = Some(RawValue::from_string("{}".to_owned())?);
    let handle = staging::stage(&ticket)?;
    let name = unique("again");
    let mut client = rig.with_handle("run", &handle);
    run(client.args(["-d", "--name", &name, BASE, "sleep", "1000"]))?.success()?;
    let container = rig.adopt(name);
    container.shell(RENEW)?;
    let renewed = format!("renewed-{}", former.text());
    let seen = || container.shell("cat ~/.agent/token");

    let resolver = Resolver::script("echo >&2 not today; exit 1")?;
    // An image asks on its own, as its healthcheck.
    let outcome = container.exec(&[REDELIVER])?;
    ensure!(outcome.text().contains("o such file"), "{outcome:?}");
    ensure!(!outcome.text().contains("not today"), "{outcome:?}");
    ensure!(seen()? == renewed, "it lost its own");
    // Another user asks, whose login it is not.
    let word = leave_word(Path::new("/"), USER, &container.id()?)?;
    let outcome = container.exec(&[REDELIVER])?;
    fs::remove_file(word)?;
    ensure!(outcome.text().contains("o such file"), "{outcome:?}");
    let outcome = try_to_ask(&container, 0)?;
    ensure!(!is_done(&outcome), "{outcome:?}");
    ensure!(outcome.text().contains("not today"), "{outcome:?}");
    ensure!(seen()? == renewed, "it lost its own");
    drop(resolver);

    let question = Sandbox::memory().join(unique("question"));
    let answer = Sandbox::memory().join(unique("answer"));
    // Another one comes before it now.
    let mut wanted = payload(next.text())?;
    let other = staging::bound_file(".agent/other", "other")?;
    wanted.files.insert(0, other);
    let text = json!({"schema": SCHEMA, "payload": wanted});
    fs::write(&answer, text.to_string())?;
    let script = format!("cat >{}; cat {}", question.display(), answer.display());
    let resolver = Resolver::script(&script)?;
    ask(&container, 0)?;
    let asked = fs::read_to_string(&question)?;
    ensure!(asked.contains(&renewed), "asked without its own");
    ensure!(seen()? == next.text(), "{:?}", seen()?);
    drop(resolver);
    for file in [&question, &answer] {
        fs::remove_file(file).context("no file")?;
    }

    // What it writes there is taken over by its new number.
    container.shell(RENEW)?;
    let _resolver = Resolver::script("exit 1")?;
    docker(rig, &container, &[RESTART])?;
    let renewed = format!("renewed-{}", next.text());
    ensure!(seen()? == renewed, "{:?}", seen()?);
    let other = container.shell("cat ~/.agent/other")?;
    ensure!(other == "other", "{other:?}");
    Ok(())
}
