//! Installing what was built, with the same `make install` as anybody.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::run;
use crate::project;

/// The plugin, where Docker looks for it.
pub const PLUGIN: &str = "/usr/local/libexec/docker/cli-plugins/docker-jackin";

/// The wrapper.
pub const RUNTIME: &str = "/usr/local/libexec/docker-jackin/docker-jackin-runtime";

/// The wrapper under the name that makes it use crun.
pub const RUNTIME_CRUN: &str = "/usr/local/libexec/docker-jackin/docker-jackin-runtime-crun";

/// The low-level runtime of the tests.
pub const RUNC: &str = "/usr/sbin/runc";

/// The wrapper's configuration.
pub const RUNTIME_CONFIG: &str = "/etc/docker-jackin/runtime.toml";

/// Installs both sides below `/usr/local` of the tests' own namespace, the
/// plugin as built for debugging, and configures the wrapper for runc.
pub fn install() -> Result<()> {
    install_build("debug")
}

/// The same with the plugin's release build, for measurements.
pub fn install_release() -> Result<()> {
    install_build("release")
}

fn install_build(profile: &str) -> Result<()> {
    let target = project::target_dir()?;
    let mut make = Command::new("make");
    make.current_dir(project::root())
        .env("CARGO_TARGET_DIR", &target)
        .arg("--silent")
        .arg("install")
        .arg(format!("CLI_DIR={}", target.join(profile).display()));
    run(&mut make)?
        .success()
        .context("nothing to install; run 'make build' and 'cargo build -p docker-jackin'")?;
    configure(Path::new(RUNTIME_CONFIG), RUNC)
}

/// Writes the wrapper's configuration for a low-level runtime.
pub fn configure(file: &Path, low_level: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = format!("low_level = \"{low_level}\"\nresolver = \"{PLUGIN}\"\n");
    fs::write(file, text)?;
    Ok(())
}
