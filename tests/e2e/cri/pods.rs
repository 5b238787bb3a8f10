//! What a pod's containers get, and its sandbox does not.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE, Handle};
use jackin_tests::canary::Canary;
use jackin_tests::containerd::{Containerd, HANDLER, HANDLER_WITHOUT_ANNOTATIONS};
use jackin_tests::cri::messages::KeyValue;
use jackin_tests::oci_archive::OciImage;
use jackin_tests::pod::{Pod, PodContainer, Wanted, words};
use jackin_tests::staging;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::on_each_containerd;
use crate::lab::lab;
use crate::leak::{STATE, payload};

pub(super) fn trials() -> Vec<Trial> {
    [
        on_each_containerd("cri::e43_a_pods_ticket_goes_to_its_container", delivered),
        on_each_containerd("cri::e55_two_pods_at_once", two_pods),
        on_each_containerd("cri::e53_a_container_started_again", started_again),
        on_each_containerd("cri::e46_a_pod_without_a_ticket", without_ticket),
        on_each_containerd("cri::e54_annotations_not_let_through", not_let_through),
        on_each_containerd("cri::e54_an_image_that_names_a_ticket", names_a_ticket),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A ticket of root's with a canary in it.
pub(super) fn stage(canary: &Canary) -> Result<Handle> {
    staging::stage(&staging::ticket(0, payload(canary)?)?)
}

/// Proves that a container has what it was given, in process 1 and in an exec.
pub(super) fn has_it(container: &PodContainer, canary: &Canary) -> Result<()> {
    for script in [
        staging::TOKEN_AT_START,
        "env | sed -n 's/^TOKEN=//p'",
        "cat ~/.agent/token",
    ] {
        let seen = container.shell(script)?;
        ensure!(seen == canary.text(), "{script}: {seen:?}");
    }
    Ok(())
}

/// Proves that a container is as its image made it.
fn has_nothing(container: &PodContainer) -> Result<()> {
    let seen = container.shell("env | sed -n 's/^TOKEN=//p'; ls -a ~ /run")?;
    ensure!(
        !seen.contains(".agent") && !seen.contains("docker-jackin"),
        "{seen}"
    );
    Ok(())
}

fn delivered(containerd: &Arc<Containerd>) -> Result<()> {
    let canary = Canary::new()?;
    let handle = stage(&canary)?;
    let annotations = [(HANDLE_ANNOTATION, &*handle.expose())];
    let pod = Pod::start(containerd, HANDLER, &annotations)?;
    ensure!(staging::place(&handle)?.exists(), "the sandbox redeemed it");
    untouched(&pod, containerd, &pod.id)?;
    let wanted = Wanted {
        user: "dev",
        ..Wanted::default()
    };
    let container = pod.run(&wanted, 0)?;
    has_it(&container, &canary)?;
    let facts = container.shell("id -u; stat -c '%u %a' ~/.agent/token")?;
    ensure!(facts == "1000\n1000 600", "{facts}");
    Ok(())
}

fn two_pods(containerd: &Arc<Containerd>) -> Result<()> {
    let canaries = [Canary::new()?, Canary::new()?];
    let start = |canary: &Canary| {
        let handle = stage(canary)?;
        Pod::start(
            containerd,
            HANDLER,
            &[(HANDLE_ANNOTATION, &*handle.expose())],
        )
    };
    let pods = [start(&canaries[0])?, start(&canaries[1])?];
    let containers = [
        pods[0].run(&Wanted::default(), 0)?,
        pods[1].run(&Wanted::default(), 0)?,
    ];
    for (container, canary) in containers.iter().zip(&canaries) {
        has_it(container, canary)?;
    }
    let other = containers[0].shell("env; cat ~/.agent/token")?;
    ensure!(!other.contains(canaries[1].text()), "it has the other's");
    Ok(())
}

/// For the engine, a container that is started again is a new one: its ticket
/// was for one.
fn started_again(containerd: &Arc<Containerd>) -> Result<()> {
    let canary = Canary::new()?;
    let handle = stage(&canary)?;
    let annotations = [(HANDLE_ANNOTATION, &*handle.expose())];
    let pod = Pod::start(containerd, HANDLER, &annotations)?;
    pod.run(&Wanted::default(), 0)?.end()?;
    let Err(error) = pod.run(&Wanted::default(), 1) else {
        bail!("it was started with a ticket that was redeemed");
    };
    let message = format!("{error:#}");
    ensure!(message.contains("redeemed already"), "{message}");
    Ok(())
}

fn without_ticket(containerd: &Arc<Containerd>) -> Result<()> {
    let annotations = [("example.com/other", "annotation")];
    let wrapped = Pod::start(containerd, HANDLER, &annotations)?;
    let bare = Pod::start(containerd, "runc", &annotations)?;
    let mut texts = Vec::new();
    for pod in [&wrapped, &bare] {
        let container = pod.run(&Wanted::default(), 0)?;
        untouched(pod, containerd, &container.id)?;
        has_nothing(&container)?;
        let code = container.exec(&["sh", "-c", "exit 6"])?.code;
        ensure!(code == 6, "{code}");
        for id in [&pod.id, &container.id] {
            let text = pod.config_of(id)?;
            texts.push(neutral(&text, pod, &container)?);
        }
    }
    for (wrapped, bare) in texts[..2].iter().zip(&texts[2..]) {
        let same = wrapped
            .bytes()
            .zip(bare.bytes())
            .take_while(|(a, b)| a == b);
        let same = same.count();
        ensure!(
            wrapped == bare,
            "{}, not {}",
            &wrapped[same..],
            &bare[same..]
        );
    }
    Ok(())
}

/// A `config.json` without what differs from pod to pod.
fn neutral(text: &str, pod: &Pod, container: &PodContainer) -> Result<String> {
    let status: Value = serde_json::from_str(&pod.status()?)?;
    let namespaces = format!("/proc/{}/ns/", status["pid"]);
    ensure!(status["pid"].is_u64(), "no process in {status}");
    let name = pod.logs();
    let name = name.file_name().context("no name")?.to_string_lossy();
    Ok(text
        .replace(&container.id, "CONTAINER")
        .replace(&pod.id, "SANDBOX")
        .replace(&*name, "NAME")
        .replace(&namespaces, "/proc/PID/ns/"))
}

/// Proves that the low-level runtime was given the engine's own bundle, and
/// that nothing is kept of the container.
fn untouched(pod: &Pod, containerd: &Containerd, id: &str) -> Result<()> {
    let init = containerd.daemon().init()?;
    let state = format!("/proc/{init}/root/run/containerd/runc/k8s.io/{id}/state.json");
    let state = fs::read_to_string(&state).with_context(|| format!("failed to read {state}"))?;
    let bundle = format!("bundle={}", containerd.bundle(id).display());
    ensure!(state.contains(&bundle), "no {bundle:?} in {state}");
    ensure!(
        !pod.config_of(id)?.contains("docker-jackin-hook"),
        "it has the hook"
    );
    let kept = Path::new(STATE).join("containers").join(id);
    ensure!(!kept.exists(), "{} is kept", kept.display());
    Ok(())
}

fn not_let_through(containerd: &Arc<Containerd>) -> Result<()> {
    let handle = stage(&Canary::new()?)?;
    let annotations = [(HANDLE_ANNOTATION, &*handle.expose())];
    let pod = Pod::start(containerd, HANDLER_WITHOUT_ANNOTATIONS, &annotations)?;
    let wanted = Wanted {
        annotations: HashMap::from([(HANDLE_ANNOTATION.to_owned(), handle.expose().clone())]),
        ..Wanted::default()
    };
    let container = pod.run(&wanted, 0)?;
    has_nothing(&container)?;
    untouched(&pod, containerd, &container.id)?;
    Ok(fs::remove_file(staging::place(&handle)?)?)
}

/// Scenario 54, with everything that an image may say.
fn names_a_ticket(containerd: &Arc<Containerd>) -> Result<()> {
    const GREEDY: &str = "jackin.example/greedy:1";
    let handle = stage(&Canary::new()?)?;
    let text = handle.expose();
    let variable = format!("{HANDLE_VARIABLE}={}", &*text);
    let ours = json!({
        HANDLE_ANNOTATION: &*text,
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.sandbox-id": "of-the-image",
    });
    containerd.import(&OciImage {
        name: GREEDY,
        layer: lab()?.base_tar(),
        config: json!({
            "Env": ["PATH=/bin", variable],
            "Cmd": ["sh"],
            "Labels": ours,
        }),
        annotations: ours,
    })?;
    let pod = Pod::start(containerd, HANDLER, &[])?;
    let wanted = Wanted {
        image: GREEDY,
        ..Wanted::default()
    };
    match pod.run(&wanted, 0) {
        Ok(container) => has_nothing(&container)?,
        Err(error) => {
            let message = format!("{error:#}");
            ensure!(message.contains("image"), "{message}");
        }
    }
    ensure!(staging::place(&handle)?.exists(), "redeemed");
    // The pod's own says so as well, and is no image's.
    let own = Wanted {
        envs: vec![KeyValue {
            key: "PLAIN".to_owned(),
            value: "variable".to_owned(),
        }],
        command: words(&["sleep", "1000"]),
        ..Wanted::default()
    };
    has_nothing(&pod.run(&own, 1)?)?;
    Ok(fs::remove_file(staging::place(&handle)?)?)
}
