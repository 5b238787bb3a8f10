//! `make install` puts everything below `DESTDIR`, with the paths of `PREFIX`,
//! and `make uninstall` takes all of it away again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use jackin_tests::command::{Outcome, run};
use jackin_tests::project;
use libtest_mimic::Trial;
use tempfile::TempDir;

use crate::lab::once;

pub(super) fn trials() -> Vec<Trial> {
    once("registration::packagers_get_every_file", packaged)
}

fn make(goal: &str, destination: &Path) -> Result<Outcome> {
    let target = project::target_dir()?;
    let mut make = Command::new("make");
    make.current_dir(project::root())
        .env("CARGO_TARGET_DIR", &target)
        .args(["--silent", goal, "PREFIX=/usr"])
        .arg(format!("DESTDIR={}", destination.display()))
        .arg(format!("CLI_DIR={}", target.join("debug").display()));
    run(&mut make)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn packaged() -> Result<()> {
    let destination = TempDir::new()?;
    make("install", destination.path())?.success()?;
    let all = files(destination.path())?;
    for name in [
        "libexec/docker/cli-plugins/docker-jackin",
        "libexec/docker-jackin/docker-jackin-runtime",
        "libexec/docker-jackin/docker-jackin-runtime-crun",
        "libexec/docker-jackin/docker-jackin-hook",
        "share/man/man1/docker-jackin-install.1",
        "share/systemd/user/docker-jackin-sync.service",
        "share/docker-jackin/docker/daemon.json",
        "share/docker-jackin/docker/runtime.toml",
        "share/docker-jackin/podman/containers.conf.d/50-docker-jackin.conf",
        "share/docker-jackin/podman/hooks.d/50-docker-jackin.json",
        "share/docker-jackin/containerd/config.toml",
        "share/docker-jackin/crio/crio.conf.d/50-docker-jackin.conf",
        "share/docker-jackin/crio/hooks.d/50-docker-jackin.json",
        "share/docker-jackin/cdi/docker-jackin.json",
    ] {
        let path = destination.path().join("usr").join(name);
        ensure!(all.contains(&path), "{name} is missing");
    }
    let shared = destination.path().join("usr/share");
    let filled_in = ["docker-jackin", "systemd"].map(|name| files(&shared.join(name)));
    for file in filled_in.into_iter().collect::<Result<Vec<_>>>()?.concat() {
        let text = fs::read_to_string(&file)?;
        let blanks = ["@LIBEXEC@", "@PLUGINS@", "/usr/local/libexec"];
        let filled = !blanks.iter().any(|blank| text.contains(blank));
        ensure!(filled, "{}: {text}", file.display());
    }
    programs_that_an_engine_names_stay(destination.path())?;
    make("uninstall", destination.path())?.success()?;
    let left = files(destination.path())?;
    ensure!(left.is_empty(), "left: {left:?}");
    Ok(())
}

/// The registration goes before the programs.
fn programs_that_an_engine_names_stay(destination: &Path) -> Result<()> {
    let shipped = destination.join("usr/share/docker-jackin/cdi/docker-jackin.json");
    let registered = destination.join("etc/cdi/docker-jackin.json");
    fs::create_dir_all(destination.join("etc/cdi"))?;
    fs::copy(shipped, &registered)?;
    let refused = make("uninstall", destination)?;
    let told = refused.text();
    ensure!(refused.code != 0, "{refused:?}");
    ensure!(told.contains("etc/cdi/docker-jackin.json"), "{refused:?}");
    ensure!(
        told.contains("docker jackin uninstall --engine"),
        "{refused:?}"
    );
    let hook = destination.join("usr/libexec/docker-jackin/docker-jackin-hook");
    ensure!(hook.exists(), "the hook is gone");
    Ok(fs::remove_file(registered)?)
}
