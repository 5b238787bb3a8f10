//! The configuration that tests of `docker jackin config` begin with, and what
//! such a command says.

use std::fs;

use crate::environment::{Outcome, TestEnvironment};

/// The example of the design, with comments.
pub(crate) const EXAMPLE: &str = r#"# My agents.
[claude]
auth_forward = "sync"  # on all machines

[env]
OPENAI_API_KEY = "$OPENAI_API_KEY"  # from the host's environment

[roles.web]
image  = "acme/web-agent:1"
agents = ["claude", "codex"]
run    = ["--memory", "4g"]

# The shop.
[workspaces.my-app]
workdir = "/nonexistent/my-app"
mounts  = [{ src = ".", dst = "/workspace" }]
[workspaces.my-app.claude]
auth_forward = "oauth_token"
oauth_token  = "op://Personal/my-app/token"   # the canonical slot
[workspaces.my-app.roles.web.codex]
auth_forward = "ignore"
"#;

/// A machine with the example.
pub(crate) fn example() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.configure(EXAMPLE);
    environment
}

/// The configuration as it now is.
pub(crate) fn text(environment: &TestEnvironment) -> String {
    fs::read_to_string(environment.home().join(".docker/jackin/config.toml")).unwrap()
}

/// What a command says, after what it did.
pub(crate) fn said(environment: &TestEnvironment, line: &str) -> String {
    shown(&environment.run(&words(line)))
}

/// The JSON that a command says.
pub(crate) fn said_as_json(environment: &TestEnvironment, line: &str) -> serde_json::Value {
    serde_json::from_str(&environment.run(&words(line)).stdout).unwrap()
}

/// A line as words.
pub(crate) fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// An outcome as one text.
pub(crate) fn shown(outcome: &Outcome) -> String {
    format!("{}{}[{}]", outcome.stdout, outcome.stderr, outcome.code)
}
