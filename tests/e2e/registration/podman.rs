//! Podman gets the runtime and the hook, says by itself that both deliver, and
//! is as it was afterwards.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use jackin_tests::binaries::PLUGIN;
use jackin_tests::cgroup;
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::BASE;
use jackin_tests::podman::Podman;
use libtest_mimic::Trial;

use crate::lab::{lab, named};

/// Each Podman, as root and as an ordinary user.
const PODMANS: [&str; 4] = [
    "podman-4.3 rootful crun",
    "podman-4.3 rootless crun",
    "podman-5.4 rootful crun",
    "podman-5.4 rootless crun",
];

pub(super) fn trials() -> Vec<Trial> {
    let trial = |podman: &&'static str| {
        let podman = *podman;
        named(
            format!("registration::podman_from_install_to_uninstall [{podman}]"),
            move || life(&Scene::new(lab()?.podman(podman)?)?),
        )
    };
    PODMANS.iter().map(trial).collect()
}

/// A Podman that knows nothing of ours, until the scene ends.
struct Scene {
    podman: Podman,
    /// What the other tests have registered by hand.
    usual: Vec<(PathBuf, String)>,
}

impl Scene {
    fn new(podman: Podman) -> Result<Self> {
        let mut usual = Vec::new();
        for path in [
            "/etc/containers/containers.conf.d/50-docker-jackin.conf",
            "/usr/share/containers/oci/hooks.d/50-docker-jackin.json",
        ] {
            let path = podman.machine.path(path)?;
            usual.push((path.clone(), fs::read_to_string(&path)?));
            fs::remove_file(path)?;
        }
        Ok(Self { podman, usual })
    }

    fn jackin(&self, words: &[&str]) -> Result<Outcome> {
        let words = [&[PLUGIN], words, &["--engine", "podman"]].concat();
        run(&mut self.podman.machine.command(self.podman.rootless, &words)?)
    }

    /// The files of ours.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let files = if self.podman.rootless {
            [
                "/home/jackin-user/.config/containers/containers.conf.d/50-docker-jackin.conf",
                "/home/jackin-user/.config/containers/oci/hooks.d/50-docker-jackin.json",
                "/home/jackin-user/.config/docker-jackin/runtime.toml",
            ]
        } else {
            [
                "/etc/containers/containers.conf.d/50-docker-jackin.conf",
                "/usr/share/containers/oci/hooks.d/50-docker-jackin.json",
                "/etc/docker-jackin/runtime.toml",
            ]
        };
        files
            .iter()
            .map(|path| self.podman.machine.path(path))
            .collect()
    }

    fn state(&self) -> Result<Vec<(u64, String)>> {
        let files = self.files()?.into_iter();
        let state = files.map(|file| Ok((fs::metadata(&file)?.ino(), fs::read_to_string(file)?)));
        state.collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What the next test starts from; one that failed has said why.
        for (path, text) in &self.usual {
            let _ = fs::write(path, text);
        }
        let settings = self
            .podman
            .machine
            .path(jackin_tests::binaries::RUNTIME_CONFIG);
        if let Ok(settings) = settings {
            let _ = jackin_tests::binaries::configure(&settings, jackin_tests::binaries::RUNC);
        }
        // Podman's own group for containers that are given none.
        cgroup::remove("/libpod_parent");
    }
}

fn life(scene: &Scene) -> Result<()> {
    let shown = scene.jackin(&["install", "--dry-run"])?.success()?;
    ensure!(shown.contains("+docker-jackin-crun = ["), "{shown}");
    ensure!(scene.jackin(&["status"])?.code == 1, "a status of nothing");
    let said = scene.jackin(&["install"])?.success()?;
    for channel in ["by the runtime", "by the hook alone"] {
        let line = said.lines().find(|line| line.ends_with(channel));
        ensure!(
            line.is_some_and(|line| line.starts_with("verified: ")),
            "{said}"
        );
    }
    let before = scene.state()?;
    let again = scene.jackin(&["install"])?.success()?;
    ensure!(again.starts_with("nothing to do: "), "{again}");
    ensure!(scene.state()? == before, "a second install wrote something");
    let status = scene.jackin(&["status", "--verify"])?;
    ensure!(status.code == 0, "{status:?}");
    default_runtime(scene)?;
    a_missing_hook_is_told(scene)?;
    in_use(scene)?;
    scene.jackin(&["uninstall"])?.success()?;
    for file in scene.files()? {
        ensure!(!file.exists(), "{} is left", file.display());
    }
    let again = scene.jackin(&["uninstall"])?.success()?;
    ensure!(again.starts_with("nothing to do: "), "{again}");
    Ok(())
}

/// Podman takes it, and a later install does not take it back.
fn default_runtime(scene: &Scene) -> Result<()> {
    scene.jackin(&["install", "--default-runtime"])?.success()?;
    scene.jackin(&["install"])?.success()?;
    let default = scene
        .podman
        .podman(&["info", "-f", "{{.Host.OCIRuntime.Name}}"])?;
    ensure!(default == "docker-jackin", "{default}");
    Ok(())
}

/// Podman itself would skip it and say nothing.
fn a_missing_hook_is_told(scene: &Scene) -> Result<()> {
    let hook = scene.files()?.remove(1);
    let text = fs::read_to_string(&hook)?;
    fs::write(
        &hook,
        text.replace(
            "/docker-jackin/docker-jackin-hook",
            "/gone/docker-jackin-hook",
        ),
    )?;
    let status = scene.jackin(&["status"])?;
    let told = status
        .stdout
        .contains("/gone/docker-jackin-hook is missing");
    ensure!(status.code == 1 && told, "{status:?}");
    let delivery = scene.jackin(&["status", "--verify"])?;
    let told = delivery
        .stdout
        .contains("a delivery by the hook does not work");
    ensure!(told, "{delivery:?}");
    scene.jackin(&["install"])?.success()?;
    Ok(())
}

fn in_use(scene: &Scene) -> Result<()> {
    let container = scene.podman.container();
    let create = [
        "create",
        "--runtime",
        "docker-jackin-crun",
        "--name",
        &container.name,
    ];
    scene
        .podman
        .podman(&[&create[..], &[BASE, "true"]].concat())?;
    let refused = scene.jackin(&["uninstall"])?;
    let line = refused
        .stderr
        .lines()
        .find(|line| line.contains(&container.name));
    line.with_context(|| format!("not named: {refused:?}"))?;
    ensure!(refused.stderr.contains("podman rm -f"), "{refused:?}");
    ensure!(
        scene.files()?.iter().all(|file| file.exists()),
        "something is gone"
    );
    Ok(())
}
