//! The real devcontainer CLI, and the Templates that the project ships.

pub mod registry;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::{Outcome, bounded, run};
use crate::project;

/// The file that a workspace describes its container with.
pub const CONFIG: &str = ".devcontainer/devcontainer.json";

/// The CLI. `disk` is a folder that ordinary users can get to; the CLI is
/// copied there, since the cache may lie in somebody's home.
pub fn cli(disk: &Path) -> Result<Command> {
    static COPYING: Mutex<()> = Mutex::new(());
    let copy = disk.join("devcontainers");
    let _alone = COPYING.lock().unwrap_or_else(PoisonError::into_inner);
    if !copy.exists() {
        let original = project::cache()?.join("devcontainers");
        let missing = "the devcontainer CLI is not there; run 'scripts/setup devcontainers'";
        ensure!(original.join("node").exists(), missing);
        let mut cp = Command::new("cp");
        run(cp.args(["-rL", "--"]).arg(&original).arg(&copy))?.success()?;
    }
    let mut cli = bounded(copy.join("node"));
    cli.arg(copy.join("devcontainer.js"));
    Ok(cli)
}

/// What the CLI says at the end of `up`.
#[derive(Debug)]
pub struct Up {
    /// The container's full id.
    pub container: String,
    /// The user in whose name everything else runs.
    pub remote_user: String,
}

impl Up {
    /// Reads it from the CLI's output.
    ///
    /// # Errors
    /// When there is no container, with what the CLI says about that.
    pub fn read(outcome: &Outcome) -> Result<Self> {
        let last = outcome.stdout.lines().last().unwrap_or_default();
        let said: Value = serde_json::from_str(last).with_context(|| format!("{outcome:?}"))?;
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        let container = text("containerId").with_context(|| format!("{outcome:?}"))?;
        let remote_user = text("remoteUser").with_context(|| format!("{outcome:?}"))?;
        Ok(Self {
            container,
            remote_user,
        })
    }
}

/// The folder of one of the project's Templates.
pub fn template(name: &str) -> PathBuf {
    project::root().join("share/devcontainer").join(name)
}

/// A Template's `devcontainer.json` with its options filled in.
pub fn filled_in(name: &str, options: &[(&str, &str)]) -> Result<Value> {
    let mut text = fs::read_to_string(template(name).join(CONFIG))?;
    for (option, value) in options {
        text = text.replace(&format!("${{templateOption:{option}}}"), value);
    }
    parse(&text)
}

/// The settings that the README asks for in any `devcontainer.json`.
pub fn settings_of_the_readme(role: &str, user: &str) -> Result<Value> {
    let readme = fs::read_to_string(project::root().join("README.md"))?;
    let block = readme.split("```jsonc\n").nth(1);
    let block = block.and_then(|rest| rest.split("```").next());
    let block = block.context("no settings in the README")?.trim_end();
    let block = block.replace("\"web\"", &format!("\"{role}\""));
    let block = block.replace("\"vscode\"", &format!("\"{user}\""));
    parse(&format!("{{{}}}", block.trim_end_matches(',')))
}

/// Reads JSON with comments, each on a line of its own.
pub fn parse(text: &str) -> Result<Value> {
    let lines = text.lines();
    let kept: Vec<_> = lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    serde_json::from_str(&kept.join("\n")).with_context(|| format!("no JSON: {text}"))
}
