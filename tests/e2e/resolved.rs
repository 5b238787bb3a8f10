//! Scenarios 32, 34 and 38: the resolver is told what the container's own login
//! is, and its answer says what the container keeps of it.

use std::fs;

use anyhow::{Result, ensure};
use jackin_oci_hook::payload::{CredentialFile, Delivery, Payload};
use jackin_oci_hook::ticket::SCHEMA;
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::Sandbox;
use jackin_tests::search::files;
use jackin_tests::staging;
use libtest_mimic::Trial;
use serde_json::{json, value::RawValue};

use crate::kept::{RENEW, RESTART, docker, kept_mounts};
use crate::lab::on_each_engine;
use crate::leak::{STATE, payload};
use crate::restart::Resolver;

/// All of them change the engine's side's own settings.
pub(crate) fn trials_alone() -> Vec<Trial> {
    [
        on_each_engine("resolved::e38_the_resolver_decides", resolver_decides),
        on_each_engine("resolved::e32_e34_what_is_revoked", revoked),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A container whose ticket can be resolved again.
fn resolvable(rig: &Rig, payload: Payload, user: &str) -> Result<Container> {
    let mut ticket = staging::ticket(0, payload)?;
    ticket.request = Some(RawValue::from_string("{}".to_owned())?);
    let handle = staging::stage(&ticket)?;
    let name = unique("resolved");
    let mut client = rig.with_handle("run", &handle);
    run(client.args(["-d", "--name", &name, "-u", user, BASE, "sleep", "1000"]))?.success()?;
    Ok(rig.adopt(name))
}

fn resolver_decides(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let container = resolvable(rig, payload(&canary)?, "root")?;
    let own = format!("renewed-{}", canary.text());
    let question = Sandbox::memory().join(unique("question"));
    let report = question.display();

    // It is asked with the container's own, and may take that for the answer.
    container.shell(RENEW)?;
    let echo = r#"sed 's/"asked":.*,"payload":/"payload":/'"#;
    let resolver = Resolver::script(&format!("tee {report} | {echo}"))?;
    docker(rig, &container, &[RESTART])?;
    let asked: serde_json::Value = serde_json::from_slice(&fs::read(&question)?)?;
    fs::remove_file(&question)?;
    let content = &asked["payload"]["files"][0]["delivery"]["bind"]["content"];
    ensure!(*content == own, "asked with {content}");
    let seen = container.shell("cat ~/.agent/token")?;
    ensure!(seen == own, "{seen:?}");
    drop(resolver);

    // It fails: the container has its own all the same.
    container.shell(RENEW)?;
    let resolver = Resolver::script("echo >&2 no; exit 1")?;
    docker(rig, &container, &[RESTART])?;
    let seen = container.shell("cat ~/.agent/token")?;
    ensure!(seen == format!("renewed-{own}"), "{seen:?}");
    drop(resolver);

    // It knows better: what the container wrote gives way.
    container.shell(RENEW)?;
    let better = format!("{echo} | sed 's/renewed-//g'");
    let _resolver = Resolver::script(&better)?;
    docker(rig, &container, &[RESTART])?;
    let seen = container.shell("cat ~/.agent/token")?;
    ensure!(seen == canary.text(), "{seen:?}");
    Ok(())
}

/// With another mode there is no file any more, and of the seed only what is
/// still wanted.
fn revoked(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let mut given = Payload::default();
    given
        .files
        .push(staging::bound_file(".agent/token", canary.text())?);
    given.files.push(seed(&["old", "both"])?);
    let container = resolvable(rig, given, "dev")?;
    let id = container.id()?;
    container.shell(RENEW)?;
    container.shell("sed -i 's/\"old\"/\"mine\", \"old\"/' ~/.agent.json")?;

    let mut wanted = Payload::default();
    wanted.files.push(seed(&["both", "new"])?);
    restart_with(rig, &container, &wanted)?;
    let seen = container.shell("cat ~/.agent.json; cat ~/.agent/token; ls /run/docker-jackin")?;
    let expected = r#"{"keys": {"approved": ["mine", "both", "new"]}}"#;
    ensure!(seen == expected, "{seen:?}");
    ensure!(kept_mounts(rig, &id)? == 0, "it is still kept");
    let mut found = Vec::new();
    files(STATE.as_ref(), None, &canary.finder(), &mut found)?;
    ensure!(found.is_empty(), "still in {found:?}");

    // Where it cannot be taken out, the container starts all the same, and it
    // is taken out as soon as it can be.
    let owned_by = |user: &str| {
        let command = ["--user=0", "chown", user, "/home/dev/.agent.json"];
        container.exec(&command)?.success()
    };
    owned_by("root")?;
    restart_with(rig, &container, &Payload::default())?;
    owned_by("dev")?;
    let seen = container.shell("cat ~/.agent.json")?;
    ensure!(seen == expected, "{seen:?}");
    restart_with(rig, &container, &Payload::default())?;
    let seen = container.shell("cat ~/.agent.json")?;
    ensure!(seen == r#"{"keys": {"approved": ["mine"]}}"#, "{seen:?}");
    // And the record has forgotten it: an item of the user's own stays.
    container.shell("sed -i 's/\"mine\"/\"both\"/' ~/.agent.json")?;
    restart_with(rig, &container, &Payload::default())?;
    let seen = container.shell("cat ~/.agent.json")?;
    ensure!(seen == r#"{"keys": {"approved": ["both"]}}"#, "{seen:?}");
    Ok(())
}

fn seed(approved: &[&str]) -> Result<CredentialFile> {
    let mut file = staging::onboarding()?;
    let object = serde_json::from_value(json!({"keys": {"approved": approved}}))?;
    file.delivery = Delivery::MergeJson { object };
    file.place = staging::bound_file(".agent.json", "")?.place;
    Ok(file)
}

/// A restart where the resolver answers with this payload.
fn restart_with(rig: &Rig, container: &Container, payload: &Payload) -> Result<()> {
    let answer = json!({"schema": SCHEMA, "payload": payload});
    let file = Sandbox::memory().join(unique("answer"));
    fs::write(&file, answer.to_string())?;
    let _resolver = Resolver::script(&format!("cat {}", file.display()))?;
    docker(rig, container, &[RESTART])?;
    fs::remove_file(file)?;
    Ok(())
}
