//! The stand-in for `claude`, put into a test's `PATH`, and its folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::environment::TestEnvironment;

/// The folder in the home by which it is told what to do.
const FOLDER: &str = "stand-in-claude";

/// A machine that has it.
pub(crate) fn with_claude(environment: TestEnvironment) -> TestEnvironment {
    let folder = environment.home().join(FOLDER);
    fs::create_dir(&folder).unwrap();
    symlink(program(), environment.home().join("bin/claude")).unwrap();
    environment.variable("STAND_IN_CLAUDE", folder.to_str().unwrap())
}

/// Tells it something.
pub(crate) fn tell(environment: &TestEnvironment, what: &str, text: &str) {
    environment.write(&format!("{FOLDER}/{what}"), text);
}

/// What it noted, by lines.
pub(crate) fn noted(environment: &TestEnvironment, what: &str) -> Vec<String> {
    let text = fs::read_to_string(environment.home().join(FOLDER).join(what));
    text.unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn program() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_docker-jackin"));
    let program = beside.with_file_name("examples").join("stand-in-claude");
    assert!(
        program.exists(),
        "cargo build -p docker-jackin --examples makes it"
    );
    program
}
