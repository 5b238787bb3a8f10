//! Podman with the hook alone: files, and no variables.

use std::fs;

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::payload::{CredentialFile, Payload, Without};
use jackin_oci_hook::ticket::Handle;
use jackin_tests::canary::Canary;
use jackin_tests::image::BASE;
use jackin_tests::mock_api::{ANSWER, MockApi};
use jackin_tests::podman::machine::{AGENTS, HOME};
use jackin_tests::podman::{Container, Podman};
use jackin_tests::rig::unique;
use jackin_tests::staging;
use libtest_mimic::Trial;
use serde_json::json;

use super::delivery::has_it;
use super::{on, on_each, with_crun};

pub(crate) fn trials() -> Vec<Trial> {
    let claude = [
        "podman-4.3 rootful crun",
        "podman-4.3 rootless crun",
        "podman-5.4 rootful runc",
        "podman-5.4 rootless crun",
    ];
    [
        on(
            &claude,
            "e42_the_real_claude_takes_the_file_of_the_hook",
            claude_asks,
        ),
        on_each("e44_the_hook_alone_over_restarts", restarts),
        with_crun("e45_the_hook_alone_with_all_sorts_of_flags", flags),
        on_each("e53_the_hook_alone_refuses", refusals),
        with_crun("e43_the_wrapper_and_the_hook_deliver_once", once),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A long-lived token, with the file that stands for it, and the flag that
/// spares the first screens.
pub(super) fn payload(canary: &Canary) -> Result<Payload> {
    let token = canary.oauth_token();
    let mut payload = staging::variables(&[("CLAUDE_CODE_OAUTH_TOKEN", &token)])?;
    for variable in &mut payload.env {
        variable.without = Without::File(login(&token)?);
    }
    payload.files.push(staging::onboarding()?);
    Ok(payload)
}

fn login(token: &str) -> Result<CredentialFile> {
    let login = json!({ "claudeAiOauth": {
        "accessToken": token, "refreshToken": null, "expiresAt": null,
        "scopes": ["user:inference"],
    }});
    staging::bound_file(".claude/.credentials.json", &login.to_string())
}

fn staged(podman: &Podman, canary: &Canary) -> Result<Handle> {
    podman.stage(&podman.ticket(payload(canary)?)?)
}

/// Proves that a container has the file, its owner's alone, and no variable.
pub(super) fn has_the_file(container: &Container, canary: &Canary) -> Result<()> {
    let script = "stat -c '%a %u' ~/.claude/.credentials.json; id -u; \
        cat ~/.claude/.credentials.json; cat /proc/1/environ; env";
    let seen = container.shell(script)?;
    let mut lines = seen.lines();
    let (stat, uid) = (lines.next(), lines.next().unwrap_or_default());
    ensure!(stat == Some(&*format!("600 {uid}")), "{seen:?}");
    ensure!(seen.matches(canary.text()).count() == 1, "{seen:?}");
    Ok(())
}

/// As root and as uid 1000, with the credential that arrives as the proof.
fn claude_asks(podman: &Podman) -> Result<()> {
    let api = MockApi::start()?;
    let mount = format!("{AGENTS}/claude/claude:/usr/local/bin/claude:ro");
    let url = format!("ANTHROPIC_BASE_URL={}", api.url());
    for user in ["0", "1000"] {
        let canary = Canary::new()?;
        let handle = staged(podman, &canary)?;
        let words = [
            "--rm",
            "--user",
            user,
            "--network",
            "host",
            "-v",
            &mount,
            "-e",
            &url,
            "-e",
            "CLAUDE_CODE_MAX_RETRIES=0",
            "-e",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
            "-e",
            "DISABLE_AUTOUPDATER=1",
            BASE,
            "claude",
            "-p",
            "ping",
        ];
        let outcome = podman.run_hooked(&handle, &words)?;
        ensure!(
            outcome.code == 0 && outcome.stdout.contains(ANSWER),
            "{outcome:?}"
        );
        let asked = api.take();
        let bearer = format!("Bearer {}", canary.oauth_token());
        let asked = asked.iter().find(|asked| asked.what == "POST /v1/messages");
        let asked = asked.context("claude did not ask")?;
        ensure!(
            asked.credentials.get("authorization") == Some(&bearer),
            "{asked:?}"
        );
    }
    Ok(())
}

fn restarts(podman: &Podman) -> Result<()> {
    let canary = Canary::new()?;
    let container = podman.container();
    let handle = staged(podman, &canary)?;
    let words = ["-d", "--name", &container.name, BASE, "sleep", "1000"];
    podman.run_hooked(&handle, &words)?.success()?;
    has_the_file(&container, &canary)?;
    container.at_once(&["restart"])?;
    has_the_file(&container, &canary)?;
    container.at_once(&["stop"])?;
    podman.podman(&["start", &container.name])?;
    has_the_file(&container, &canary)
}

fn flags(podman: &Podman) -> Result<()> {
    let mut all = vec![
        &["--user", "1000"][..],
        &["--user", "dev", "--read-only"],
        &["--userns", "auto"],
        &["--tmpfs", "/root"],
    ];
    if podman.rootless {
        all.extend([&["--userns", "keep-id"][..], &["--userns", "nomap"]]);
    }
    for flags in all {
        let canary = Canary::new()?;
        let handle = staged(podman, &canary)?;
        let container = podman.container();
        let mut words = vec!["-d", "--name", &container.name];
        words.extend_from_slice(flags);
        words.extend([BASE, "sleep", "1000"]);
        podman.run_hooked(&handle, &words)?.success()?;
        has_the_file(&container, &canary).with_context(|| format!("{flags:?}"))?;
    }
    Ok(())
}

/// crun tells its user no more than that the hook failed, and the reason to the
/// file that an annotation names; runc says it all.
fn refusals(podman: &Podman) -> Result<()> {
    let canary = Canary::new()?;
    // A variable that nothing stands for.
    let bare = staging::variables(&[("ONLY_A_VARIABLE", canary.text())])?;
    let handle = podman.stage(&podman.ticket(bare)?)?;
    refused(podman, &handle, "ONLY_A_VARIABLE")?;
    // The ticket is still there for what the refusal advises.
    let given = podman.run_with(
        &handle,
        &["--rm", BASE, "sh", "-c", "echo $ONLY_A_VARIABLE"],
    )?;
    ensure!(given.success()?.contains(canary.text()));
    let handle = staged(podman, &canary)?;
    podman
        .run_hooked(&handle, &["--rm", BASE, "true"])?
        .success()?;
    refused(podman, &handle, "redeemed already")
}

fn refused(podman: &Podman, handle: &Handle, reason: &str) -> Result<()> {
    let folder = if podman.rootless { HOME } else { "/root" };
    let file = format!("{folder}/{}", unique("hook"));
    let annotation = format!("run.oci.hooks.stderr={file}");
    let words = ["--rm", "--annotation", &annotation, BASE, "true"];
    let outcome = podman.run_hooked(handle, &words)?;
    ensure!(outcome.code == 126, "{outcome:?}");
    let mut told = outcome.stderr;
    if podman.low_level == "crun" {
        ensure!(told.contains("docker-jackin-hook"), "{told:?}");
        told = fs::read_to_string(podman.machine.path(&file)?)?;
    }
    ensure!(told.contains(reason), "{told:?}");
    Ok(())
}

/// The hook leaves a container to the wrapper that has it already.
fn once(podman: &Podman) -> Result<()> {
    let canary = Canary::new()?;
    let container = podman.container();
    container.start(super::delivery::payload(&canary)?, &[BASE, "sleep", "1000"])?;
    has_it(&container, &canary)?;
    let mounts = container.shell("grep -c ' /run/docker-jackin ' /proc/mounts")?;
    ensure!(mounts == "1", "{mounts} tmpfs are mounted");
    Ok(())
}
