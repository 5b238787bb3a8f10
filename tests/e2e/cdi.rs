//! The hook as a device (CDI) on Docker with its plain runtime: files, and no
//! variables.

use std::fs;

use anyhow::{Result, ensure};
use jackin_oci_hook::payload::{Payload, Without};
use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, Handle};
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::BASE;
use jackin_tests::processes::Watch;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::search::search_remains;
use jackin_tests::staging;
use libtest_mimic::Trial;
use serde_json::json;

use crate::lab::on_newest_engine;
use crate::leak::{self, clean, nothing_kept};

/// One at a time: the device is the whole machine's.
pub(crate) fn trials_alone() -> Vec<Trial> {
    [
        on_newest_engine("cdi::e44_files_from_start_over_restarts", restarts),
        on_newest_engine("cdi::e53_refusals", refusals),
        on_newest_engine("cdi::e43_the_wrapper_and_the_device", with_wrapper),
        on_newest_engine("cdi::e50_e52_from_start_to_removal", leaks_nothing),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const DEVICE: &str = "--device=jackin.dev/agent=login";

/// The device, for as long as this lives.
struct Spec;

impl Spec {
    const PATH: &str = "/etc/cdi/docker-jackin.json";

    fn install() -> Result<Self> {
        let spec = json!({
            "cdiVersion": "0.5.0",
            "kind": "jackin.dev/agent",
            "devices": [{ "name": "login", "containerEdits": { "hooks": [{
                "hookName": "createRuntime",
                "path": "/usr/local/libexec/docker-jackin/docker-jackin-hook",
                "args": ["docker-jackin-hook", "device"],
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                "timeout": 30,
            }]}}],
        });
        fs::create_dir_all("/etc/cdi")?;
        fs::write(Self::PATH, spec.to_string())?;
        Ok(Self)
    }
}

impl Drop for Spec {
    fn drop(&mut self) {
        let _ = fs::remove_file(Self::PATH);
    }
}

/// A long-lived token, and the file that stands for it.
fn payload(canary: &Canary) -> Result<Payload> {
    let token = canary.oauth_token();
    let login = json!({ "claudeAiOauth": {
        "accessToken": token, "refreshToken": null, "expiresAt": null,
        "scopes": ["user:inference"],
    }});
    let file = staging::bound_file(".claude/.credentials.json", &login.to_string())?;
    let mut payload = staging::variables(&[("CLAUDE_CODE_OAUTH_TOKEN", &token)])?;
    for variable in &mut payload.env {
        variable.without = Without::File(file.clone());
    }
    payload.files.push(staging::onboarding()?);
    Ok(payload)
}

fn staged(payload: Payload) -> Result<Handle> {
    staging::stage(&staging::ticket(0, payload)?)
}

/// `docker run` with the device, and with a ticket if there is one.
fn try_start(rig: &Rig, handle: Option<&Handle>, flags: &[&str]) -> Result<(Container, Outcome)> {
    let name = unique("device");
    let mut client = rig.engine.client();
    client
        .args(["run", "-d", "--name", &name, DEVICE])
        .args(flags);
    if let Some(handle) = handle {
        client.arg("--annotation");
        client.arg(format!("{HANDLE_ANNOTATION}={}", &*handle.expose()));
    }
    let outcome = run(client.args([BASE, "sleep", "1000"]))?;
    Ok((rig.adopt(name), outcome))
}

fn start(rig: &Rig, canary: &Canary, flags: &[&str]) -> Result<Container> {
    let handle = staged(payload(canary)?)?;
    let (container, outcome) = try_start(rig, Some(&handle), flags)?;
    outcome.success()?;
    Ok(container)
}

/// Proves that a container has the file, its owner's alone, and no variable.
fn has_the_file(container: &Container, canary: &Canary) -> Result<()> {
    let script = "stat -c '%a %u' ~/.claude/.credentials.json; id -u; \
        cat ~/.claude/.credentials.json ~/.claude.json; cat /proc/1/environ; env";
    let seen = container.shell(script)?;
    let mut lines = seen.lines();
    let (stat, uid) = (lines.next(), lines.next().unwrap_or_default());
    ensure!(stat == Some(&*format!("600 {uid}")), "{seen:?}");
    ensure!(seen.matches(canary.text()).count() == 1, "{seen:?}");
    ensure!(seen.contains("hasCompletedOnboarding"), "{seen:?}");
    Ok(())
}

fn restarts(rig: &Rig) -> Result<()> {
    let _spec = Spec::install()?;
    for flags in [
        &[][..],
        &["--user", "dev"],
        &["--user", "dev", "--tmpfs", "/home/dev:uid=1000"],
    ] {
        let canary = Canary::new()?;
        let container = start(rig, &canary, flags)?;
        has_the_file(&container, &canary)?;
        for verbs in [&["restart"][..], &["kill", "start"]] {
            for verb in verbs {
                rig.engine.docker(&[verb, &container.name])?;
            }
            has_the_file(&container, &canary)?;
        }
    }
    Ok(())
}

/// Does something while there is a policy, with a rule for another image.
fn with_a_policy_for_others(action: impl FnOnce() -> Result<()>) -> Result<()> {
    const POLICY: &str = "/etc/docker-jackin/policy.toml";
    fs::create_dir_all("/etc/docker-jackin")?;
    let rule = "[[rule]]\nname = \"others\"\nowner = 0\nagents = [\"claude\"]\n\
                [rule.match]\nimage = \"acme/other:1\"\n";
    fs::write(POLICY, rule)?;
    let done = action();
    fs::remove_file(POLICY)?;
    done
}

fn refusals(rig: &Rig) -> Result<()> {
    let _spec = Spec::install()?;
    refused(rig, None, &[], "names no ticket")?;
    with_a_policy_for_others(|| refused(rig, None, &[], "names no ticket"))?;
    let by_variable = format!("DOCKER_JACKIN_TICKET=0.{}", "a".repeat(32));
    refused(rig, None, &["-e", &by_variable], "by the variable")?;

    let handle = staged(payload(&Canary::new()?)?)?;
    let (_first, outcome) = try_start(rig, Some(&handle), &[])?;
    outcome.success()?;
    refused(rig, Some(&handle), &[], "redeemed already")?;

    // No file stands for this variable.
    let handle = staged(leak::payload(&Canary::new()?)?)?;
    refused(rig, Some(&handle), &[], "TOKEN")?;

    // One of the container's own would go before the file.
    let handle = staged(payload(&Canary::new()?)?)?;
    let own = ["-e", "CLAUDE_CODE_OAUTH_TOKEN=own"];
    refused(rig, Some(&handle), &own, "CLAUDE_CODE_OAUTH_TOKEN")
}

fn refused(rig: &Rig, handle: Option<&Handle>, flags: &[&str], reason: &str) -> Result<()> {
    let (container, outcome) = try_start(rig, handle, flags)?;
    ensure!(outcome.code != 0, "it started: {outcome:?}");
    ensure!(
        outcome.stderr.contains(reason),
        "no {reason:?} in {outcome:?}"
    );
    let status = container.inspect("{{.State.Pid}}")?;
    ensure!(status == "0", "process {status} runs");
    Ok(())
}

/// Where both are asked for, the wrapper serves, and the hook sees it.
fn with_wrapper(rig: &Rig) -> Result<()> {
    let _spec = Spec::install()?;
    let canary = Canary::new()?;
    let given = leak::payload(&canary)?;
    let container = rig.start(given, &[DEVICE, BASE, "sleep", "1000"])?;
    leak::has_it(&container, &canary)
}

fn leaks_nothing(rig: &Rig) -> Result<()> {
    let _spec = Spec::install()?;
    let canary = Canary::new()?;
    let watch = Watch::start(&rig.engine, &canary)?;
    let container = start(rig, &canary, &[])?;
    let id = container.id()?;
    has_the_file(&container, &canary)?;
    clean("after start and exec", rig, &container, &canary)?;
    rig.engine
        .docker(&["restart", "-t", "0", &container.name])?;
    clean("after a restart", rig, &container, &canary)?;
    rig.engine.docker(&["stop", "-t", "0", &container.name])?;
    clean("after a stop", rig, &container, &canary)?;
    container.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    let remains = search_remains(&rig.engine, &canary)?;
    ensure!(remains.is_empty(), "after the removal: {remains:?}");
    nothing_kept(rig, &id, &canary)
}
