//! Scenarios 46 and 47 on Podman: a container without a ticket is as on the
//! bare runtime.

use std::fs;

use anyhow::{Context, Result, ensure};
use jackin_tests::image::BASE;
use jackin_tests::podman::{Container, Podman};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{on_each, with_crun};

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each("e46_config_json_is_podmans_own", config),
        on_each("e46_exit_codes_and_signals", codes),
        with_crun("e47_podmans_other_verbs", verbs),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn start<'a>(podman: &'a Podman, runtime: &str) -> Result<Container<'a>> {
    let container = podman.container();
    let words = [
        "run",
        "-d",
        "--runtime",
        runtime,
        "--name",
        &container.name,
        "--hostname",
        "same",
        "-e",
        "OWN=1",
        BASE,
        "sleep",
        "1000",
    ];
    podman.podman(&words)?;
    Ok(container)
}

/// The wrapper leaves the file as Podman wrote it, and hands that very file on:
/// crun keeps a copy, runc says where it was.
fn config(podman: &Podman) -> Result<()> {
    let (bare, wrapped) = (
        start(podman, podman.low_level)?,
        start(podman, &podman.wrapper())?,
    );
    ensure!(
        comparable(&bare)? == comparable(&wrapped)?,
        "config.json differs"
    );
    let bundle = wrapped.inspect("{{.OCIConfigPath}}")?;
    let id = wrapped.id()?;
    let base = if podman.rootless {
        format!("/run/user/{}", podman.uid())
    } else {
        "/run".to_owned()
    };
    let folder = format!("{base}/{}/{id}", podman.low_level);
    if podman.low_level == "crun" {
        let copy = fs::read(podman.machine.path(&format!("{folder}/config.json"))?)?;
        ensure!(
            copy == fs::read(podman.machine.path(&bundle)?)?,
            "crun got another file"
        );
    } else {
        let state = fs::read(podman.machine.path(&format!("{folder}/state.json"))?)?;
        let state: Value = serde_json::from_slice(&state)?;
        let label = json!(format!(
            "bundle={}",
            bundle.trim_end_matches("/config.json")
        ));
        let labels = state["config"]["labels"].as_array().context("no labels")?;
        ensure!(labels.contains(&label), "{labels:?}");
    }
    Ok(())
}

/// A container's configuration without what differs from one to the next.
fn comparable(container: &Container) -> Result<Value> {
    let path = container.inspect("{{.OCIConfigPath}}")?;
    let text = fs::read_to_string(container.podman().machine.path(&path)?)?;
    let id = container.id()?;
    let text = text
        .replace(&id, "ID")
        .replace(&id[..12], "ID")
        .replace(&container.name, "NAME");
    let mut config: Value = serde_json::from_str(&text)?;
    config["root"]["path"] = Value::Null;
    config["annotations"] = Value::Null;
    for list in ["/process/env", "/mounts"] {
        let list = config.pointer_mut(list).and_then(Value::as_array_mut);
        list.context("no list")?.sort_by_key(Value::to_string);
    }
    Ok(config)
}

fn codes(podman: &Podman) -> Result<()> {
    for script in ["exit 0", "exit 3", "kill -9 $$", "/no/such/program"] {
        let run = |runtime: &str| {
            podman.try_podman(&[
                "run",
                "--rm",
                "--runtime",
                runtime,
                BASE,
                "sh",
                "-c",
                script,
            ])
        };
        let (bare, wrapped) = (run(podman.low_level)?, run(&podman.wrapper())?);
        ensure!(bare == wrapped, "{script}: {bare:?}, and {wrapped:?}");
    }
    let missing = |runtime: &str| -> Result<_> {
        let words = [
            "run",
            "--rm",
            "--runtime",
            runtime,
            BASE,
            "/no/such/program",
        ];
        let outcome = podman.try_podman(&words)?;
        // The runtime's own name stands in the message.
        Ok((
            outcome.code,
            outcome.stderr.replace(&*podman.wrapper(), podman.low_level),
        ))
    };
    let (bare, wrapped) = (missing(podman.low_level)?, missing(&podman.wrapper())?);
    ensure!(
        bare.0 == 127 && bare == wrapped,
        "{bare:?}, and {wrapped:?}"
    );
    Ok(())
}

fn verbs(podman: &Podman) -> Result<()> {
    let container = start(podman, &podman.wrapper())?;
    let name = container.name.as_str();
    ensure!(
        podman
            .try_podman(&["exec", name, "sh", "-c", "exit 5"])?
            .code
            == 5,
        "exec's code"
    );
    podman.podman(&["top", name])?;
    podman.podman(&["inspect", name])?;
    // A rootless container has no cgroup to freeze in version 1.
    if !podman.rootless {
        podman.podman(&["pause", name])?;
        podman.podman(&["unpause", name])?;
    }
    podman.podman(&["kill", "--signal", "KILL", name])?;
    ensure!(
        podman.podman(&["wait", name])? == "137",
        "the signal did not arrive"
    );
    podman.podman(&["start", name])?;
    ensure!(
        container.shell("echo $OWN")? == "1",
        "it did not start again"
    );
    podman.podman(&["info"])?;
    Ok(())
}
