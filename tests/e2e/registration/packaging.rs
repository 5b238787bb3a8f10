//! `make install` puts everything below `DESTDIR`, with the paths of `PREFIX`,
//! and `make uninstall` takes all of it away again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use jackin_tests::command::run;
use jackin_tests::project;
use libtest_mimic::Trial;
use tempfile::TempDir;

use crate::lab::once;

pub(super) fn trials() -> Vec<Trial> {
    once("registration::packagers_get_every_file", packaged)
}

fn make(goal: &str, destination: &Path) -> Result<()> {
    let target = project::target_dir()?;
    let mut make = Command::new("make");
    make.current_dir(project::root())
        .env("CARGO_TARGET_DIR", &target)
        .args(["--silent", goal, "PREFIX=/usr"])
        .arg(format!("DESTDIR={}", destination.display()))
        .arg(format!("CLI_DIR={}", target.join("debug").display()));
    run(&mut make)?.success()?;
    Ok(())
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
    make("install", destination.path())?;
    let all = files(destination.path())?;
    for name in [
        "libexec/docker/cli-plugins/docker-jackin",
        "libexec/docker-jackin/docker-jackin-runtime",
        "libexec/docker-jackin/docker-jackin-runtime-crun",
        "libexec/docker-jackin/docker-jackin-hook",
        "share/man/man1/docker-jackin-install.1",
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
    let examples = destination.path().join("usr/share/docker-jackin");
    for file in files(&examples)? {
        let text = fs::read_to_string(&file)?;
        let filled = !text.contains("@LIBEXEC@") && !text.contains("/usr/local/libexec");
        ensure!(filled, "{}: {text}", file.display());
    }
    make("uninstall", destination.path())?;
    let left = files(destination.path())?;
    ensure!(left.is_empty(), "left: {left:?}");
    Ok(())
}
