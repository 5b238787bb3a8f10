//! An OCI bundle, and a runtime that is called as containerd's shim calls it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::binaries::RUNC;
use crate::command::{Outcome, bounded, run};
use crate::rig::unique;

/// A bundle with a root file system that bundles share, read-only.
#[derive(Debug)]
pub struct Bundle {
    /// Its folder.
    pub path: PathBuf,
}

impl Bundle {
    /// A bundle below `parent` that runs `arguments` in `rootfs`, with runc's
    /// own default configuration otherwise.
    pub fn new(parent: &Path, rootfs: &Path, arguments: &[&str]) -> Result<Self> {
        let path = parent.join(unique("bundle"));
        fs::create_dir_all(&path)?;
        run(Command::new(RUNC).args(["spec", "--bundle"]).arg(&path))?.success()?;
        let bundle = Self { path };
        bundle.edit(|config| {
            config["root"] = json!({ "path": rootfs, "readonly": true });
            config["process"]["args"] = json!(arguments);
            config["process"]["terminal"] = json!(false);
        })?;
        Ok(bundle)
    }

    /// Its `config.json`.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.json")
    }

    /// Changes its configuration.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut config = serde_json::from_slice(&fs::read(self.config())?)?;
        change(&mut config);
        fs::write(self.config(), config.to_string())?;
        Ok(())
    }
}

/// A runtime with a state folder of its own.
#[derive(Debug)]
pub struct Runtime {
    program: PathBuf,
    folder: PathBuf,
}

impl Runtime {
    /// The runtime `program`, with its state and log below `parent`.
    pub fn new(program: &str, parent: &Path) -> Result<Self> {
        let folder = parent.join(unique("runtime"));
        fs::create_dir_all(folder.join("state"))?;
        Ok(Self {
            program: program.into(),
            folder,
        })
    }

    /// A command with the global flags that the shim passes.
    pub fn command(&self) -> Command {
        let mut command = bounded(&self.program);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .arg("--root")
            .arg(self.folder.join("state"))
            .arg("--log")
            .arg(self.log())
            .args(["--log-format", "json"]);
        command
    }

    /// Runs a verb to its end.
    pub fn call(&self, arguments: &[&str]) -> Result<Outcome> {
        run(self.command().args(arguments))
    }

    /// The messages in its log, without their times, which is emptied.
    pub fn messages(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let _ = fs::remove_file(self.log());
        let message = |line: &str| -> Result<String> {
            let entry: Value = serde_json::from_str(line)?;
            let text = entry["msg"].as_str().context("a line without a message")?;
            Ok(format!(
                "{}: {text}",
                entry["level"].as_str().unwrap_or_default()
            ))
        };
        text.lines().map(message).collect()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log.json")
    }
}
