//! Where things are: the project's own files and what was downloaded for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

use crate::command::run;

/// The workspace's root.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The build folder that the running test binary came from
/// (`<here>/debug/deps/e2e-…`).
pub fn target_dir() -> Result<PathBuf> {
    let binary = std::env::current_exe()?;
    let target = binary.ancestors().nth(3);
    Ok(target
        .context("the test binary lies in no build folder")?
        .to_owned())
}

/// The folder for downloads, as `scripts/setup` has it.
pub fn cache() -> Result<&'static Path> {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(cache) = CACHE.get() {
        return Ok(cache);
    }
    let printed = run(Command::new(root().join("scripts/setup")).arg("cache"))?.success()?;
    Ok(CACHE.get_or_init(|| PathBuf::from(printed.trim())))
}

/// An agent's real program, of 100 to 400 MB: `claude`, `codex`, `opencode` or
/// `amp`.
pub fn agent(name: &str) -> Result<PathBuf> {
    let program = cache()?.join(name).join(name);
    ensure!(
        program.exists(),
        "{} is not there; run 'scripts/setup agents'",
        program.display()
    );
    Ok(program)
}

/// The names of the agents whose programs there are.
pub const AGENTS: [&str; 4] = ["claude", "codex", "opencode", "amp"];
