//! Running a program to its end, within bounds, and what came of it.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

/// The longest that any program may take, in seconds. An engine that hangs
/// must fail its test rather than stop the run.
const LIMIT: &str = "120";

/// How a program ended and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code, 128 + n when signal n ended it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    /// Standard output, when the program ended well.
    pub fn success(self) -> Result<String> {
        ensure!(self.code == 0, "exit code {}: {self:?}", self.code);
        Ok(self.stdout)
    }

    /// Both outputs together.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let status = output.status;
        Self {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command that ends by itself: with code 124 when it takes too long.
pub fn bounded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--foreground", "--kill-after=5", LIMIT]);
    command.arg(program).stdin(Stdio::null());
    command
}

/// Runs a command to its end, with nothing on its standard input.
pub fn run(command: &mut Command) -> Result<Outcome> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {command:?}"))?;
    Ok(output.into())
}

/// Runs a command to its end, with `input` on its standard input.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Result<Outcome> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {command:?}"))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let input = input.to_owned();
    // A program that does not read all of it is no failure of ours.
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    Ok(output.into())
}
