//! Images made on the spot: nothing is pulled.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{run, run_with_input};
use crate::engine::Engine;
use crate::project;
use crate::sandbox::USER;

/// Busybox, root and the user `dev`, and the libraries that the agents need.
pub const BASE: &str = "jackin/base";

/// Packs the root file system of [`BASE`] as a tar.
pub fn base_tar(scratch: &Path) -> Result<PathBuf> {
    let root = scratch.join("base");
    for folder in [
        "bin", "etc", "home/dev", "root", "proc", "sys", "dev", "usr/bin",
    ] {
        fs::create_dir_all(root.join(folder))?;
    }
    install_busybox(&root)?;
    fs::write(root.join("etc/passwd"), passwd())?;
    fs::write(
        root.join("etc/group"),
        format!("root:x:0:\ndev:x:{USER}:\n"),
    )?;
    chown(root.join("home/dev"), Some(USER), Some(USER))?;
    for folder in ["tmp", "run"] {
        fs::create_dir_all(root.join(folder))?;
    }
    run(Command::new("chmod").arg("1777").arg(root.join("tmp")))?.success()?;
    install_libraries(&root)?;
    let tar = scratch.join("base.tar");
    run(Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-cf")
        .arg(&tar)
        .arg("."))?
    .success()?;
    Ok(tar)
}

/// Gives an engine an image out of a tar of its root file system.
pub fn import(engine: &Engine, tar: &Path, name: &str) -> Result<()> {
    let tar = tar.display().to_string();
    engine.docker(&["import", &tar, name])?;
    Ok(())
}

/// Builds an image out of the text of a Dockerfile.
pub fn build(engine: &Engine, name: &str, dockerfile: &str) -> Result<()> {
    let mut client = engine.client();
    // The classic builder is the one that both releases have.
    client.env("DOCKER_BUILDKIT", "0");
    client.args(["build", "--quiet", "--tag", name, "-"]);
    run_with_input(&mut client, dockerfile.as_bytes())?
        .success()
        .with_context(|| format!("failed to build {name}"))?;
    Ok(())
}

fn passwd() -> String {
    let mut text = "root:x:0:0:root:/root:/bin/sh\n".to_owned();
    let _ = writeln!(text, "dev:x:{USER}:{USER}:dev:/home/dev:/bin/sh");
    text
}

fn install_busybox(root: &Path) -> Result<()> {
    let busybox = root.join("bin/busybox");
    fs::copy("/usr/bin/busybox", &busybox).or_else(|_| fs::copy("/bin/busybox", &busybox))?;
    let applets = run(Command::new(&busybox).arg("--list"))?.success()?;
    for applet in applets.lines().filter(|applet| *applet != "busybox") {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    Ok(())
}

/// Copies the libraries that the real agents are linked with, to where their
/// loader looks for them, and the one that Amp loads when it runs.
fn install_libraries(root: &Path) -> Result<()> {
    install_library(root, "/lib/x86_64-linux-gnu/libgcc_s.so.1")?;
    for agent in project::AGENTS {
        // A static program has none, and makes ldd fail.
        let listed = run(Command::new("ldd").arg(project::agent(agent)?))?.stdout;
        let words = listed.split_whitespace();
        for library in words.filter(|word| word.starts_with('/')) {
            install_library(root, library)?;
        }
    }
    Ok(())
}

fn install_library(root: &Path, library: &str) -> Result<()> {
    let place = root.join(library.trim_start_matches('/'));
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(library, place).with_context(|| format!("failed to copy {library}"))?;
    Ok(())
}
