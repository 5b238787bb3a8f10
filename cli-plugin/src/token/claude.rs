//! The vendor's own program, which alone mints and checks tokens.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::{Question, Watch, find_program, whole_environment};

/// Its name.
pub const PROGRAM: &str = "claude";

/// How long it may take to tell its version.
const LIMIT: Duration = Duration::from_secs(15);

/// A `claude` that runs.
#[derive(Debug, Clone)]
pub struct Claude {
    /// Its file.
    pub program: PathBuf,
    /// What it says of its version, such as `2.1.330`.
    pub version: String,
}

impl Claude {
    /// Looks for it in `PATH`, and asks it for its version.
    ///
    /// # Errors
    /// It is not there, or does not run.
    pub fn find(host: &Host) -> Result<Self, Failure> {
        let program = find_program(PROGRAM, host).ok_or_else(|| {
            Failure::new(Kind::Configuration, "`claude` is not in PATH")
                .hint("install Claude Code: npm install -g @anthropic-ai/claude-code")
        })?;
        let failed = |why: &dyn std::fmt::Display| {
            let message = format!("{} does not run: {why}", program.display());
            Failure::new(Kind::Configuration, message)
                .hint("see what it says yourself: claude --version")
        };
        let watch = Watch::begin();
        let answer = Question {
            program: &program,
            arguments: vec!["--version"],
            variables: clean_environment(host),
            folder: host.folder_for_programs(),
            input: None,
            limit: LIMIT,
        }
        .ask(&watch)
        .map_err(|error| failed(&error))?;
        if !answer.status.success() {
            return Err(failed(&answer.status));
        }
        let said = String::from_utf8_lossy(&answer.output);
        let version = said.split_whitespace().next().unwrap_or_default();
        let version = version.chars().filter(char::is_ascii_graphic).take(32);
        Ok(Self {
            version: version.collect(),
            program,
        })
    }
}

/// The user's environment without any credential of Claude's and without the
/// places of its logins: an expired login that it found there would be renewed
/// by the way, and an old token sent with its first requests.
pub fn clean_environment(host: &Host) -> Vec<(OsString, OsString)> {
    let stays = |name: &OsString| {
        let name = name.to_string_lossy();
        let family = ["ANTHROPIC_", "CLAUDE_", "CLAUDECODE"];
        !family.iter().any(|family| name.starts_with(family))
    };
    let variables = whole_environment(host).into_iter();
    variables.filter(|(name, _)| stays(name)).collect()
}
