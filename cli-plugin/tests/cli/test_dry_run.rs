//! `docker jackin run --dry-run`: what is shown, and that nothing is done.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::environment::TestEnvironment;

const CONFIGURATION: &str = r#"
[codex]
auth_forward = "ignore"
[env]
GIT_AUTHOR_NAME = "canary name"
NPM_TOKEN = "$NPM"
OPENAI_API_KEY = "canary-of-another-agent"
[roles.web]
image = "acme/web:1"
agents = ["claude", "codex"]
run = ["--memory", "4g"]
[workspaces.my-app]
[workspaces.my-app.claude]
auth_forward = "oauth_token"
oauth_token = "op://Personal/my-app/token"
[workspaces.my-app.env]
NPM_TOKEN = "cmd:pass show npm"
"#;

/// An environment in which every program that could be asked leaves a mark.
fn environment(api: &'static str) -> TestEnvironment {
    let environment = TestEnvironment::new(api).variable("NPM", "canary-npm");
    environment.configure(CONFIGURATION);
    for program in ["op", "pass"] {
        let path = environment.write(&format!("bin/{program}"), "#!/bin/sh\n: > $HOME/asked\n");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    environment
}

/// What a dry run shows, having done nothing.
fn dry_run(environment: &TestEnvironment, arguments: &[&str]) -> String {
    let outcome = environment.run(arguments);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, ""),
        "{}",
        outcome.stdout
    );
    assert_eq!(environment.docker_argv(), None, "docker was called");
    assert!(
        !environment.home().join("asked").exists(),
        "a program was asked"
    );
    assert!(!environment.has_folder(), "a ticket or a record was made");
    assert!(!outcome.stdout.contains("canary"), "{}", outcome.stdout);
    let uid = rustix::process::geteuid().as_raw();
    let shown = outcome
        .stdout
        .replace(&format!("owner={uid}"), "owner=<uid>");
    shown.replace(&format!("={uid}.…"), "=<uid>.…")
}

#[test]
fn scenario_72_a_dry_run_shows_decisions_and_the_command_of_docker() {
    let environment = environment("1.45");
    let line = [
        "run",
        "--workspace",
        "my-app",
        "--dry-run",
        "web",
        "-it",
        "--name",
        "a  b",
        "--",
        "sh",
        "-c",
        "echo $HOME",
    ];
    assert_snapshot!(dry_run(&environment, &line), @r"
    claude auth: long-lived OAuth token (op://Personal/my-app/token, from workspace my-app), not asked
      workspace my-app × role web  not set
      workspace my-app             oauth_token, decides
      global                       not set
    codex auth: none (manual login required), from global
      workspace my-app × role web  not set
      workspace my-app             not set
      global                       ignore, decides
    GIT_AUTHOR_NAME: plain value, from global
    NPM_TOKEN: cmd:pass, from workspace my-app, not asked

    $HOME/bin/docker run --runtime docker-jackin --annotation 'dev.jackin.ticket=<uid>.…' --label 'dev.jackin.role=web' --label 'dev.jackin.workspace=my-app' --label 'dev.jackin.owner=<uid>' --label 'dev.jackin.launch=…' --label 'dev.jackin.agents=claude,codex' --memory 4g -it --name 'a  b' acme/web:1 sh -c 'echo $HOME'
    ");
}

#[test]
fn an_old_engine_is_told_the_handle_by_a_variable_in_a_dry_run_too() {
    let environment = environment("1.41");
    assert_snapshot!(dry_run(&environment, &["run", "--dry-run", "web"]), @r"
    claude auth: no host session to forward (sync), log in with `claude` on this host
      global   not set
      default  sync
    codex auth: none (manual login required), from global
      global  ignore, decides
    GIT_AUTHOR_NAME: plain value, from global
    NPM_TOKEN: $NPM, from global

    DOCKER_JACKIN_TICKET=<uid>.… $HOME/bin/docker run --runtime docker-jackin --env DOCKER_JACKIN_TICKET --label 'dev.jackin.role=web' --label 'dev.jackin.owner=<uid>' --label 'dev.jackin.launch=…' --label 'dev.jackin.agents=claude,codex' --memory 4g acme/web:1
    ");
}

#[test]
fn what_a_docker_flag_gives_would_be_asked_of_no_program() {
    let environment = environment("1.45");
    let line = [
        "run",
        "--workspace",
        "my-app",
        "--dry-run",
        "web",
        "-eCLAUDE_CODE_OAUTH_TOKEN",
        "-eNPM_TOKEN",
    ];
    let mut command = environment.command(&line);
    command.env("CLAUDE_CODE_OAUTH_TOKEN", "canary");
    let output = command.env("NPM_TOKEN", "canary").output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let claude = "claude auth: long-lived OAuth token (CLAUDE_CODE_OAUTH_TOKEN from a docker flag), from workspace my-app";
    assert_eq!(shown.lines().next(), Some(claude));
    assert!(!shown.contains("NPM_TOKEN:"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn programs_get_a_dry_run_as_json() {
    let environment = environment("1.45");
    let line = [
        "run",
        "--workspace=my-app",
        "--dry-run",
        "--format=json",
        "web",
    ];
    assert_snapshot!(dry_run(&environment, &line), @r#"
    {
      "agents": [
        {
          "agent": "claude",
          "auth": "long-lived OAuth token (op://Personal/my-app/token, from workspace my-app)",
          "mode": "oauth_token",
          "chosen_by": "workspace my-app",
          "source": "op://Personal/my-app/token",
          "not_asked": true,
          "trace": [
            {
              "scope": "workspace my-app × role web",
              "says": "not set"
            },
            {
              "scope": "workspace my-app",
              "says": "oauth_token, decides"
            },
            {
              "scope": "global",
              "says": "not set"
            }
          ]
        },
        {
          "agent": "codex",
          "auth": "none (manual login required), from global",
          "mode": "ignore",
          "chosen_by": "global",
          "source": null,
          "not_asked": false,
          "trace": [
            {
              "scope": "workspace my-app × role web",
              "says": "not set"
            },
            {
              "scope": "workspace my-app",
              "says": "not set"
            },
            {
              "scope": "global",
              "says": "ignore, decides"
            }
          ]
        }
      ],
      "variables": [
        {
          "name": "GIT_AUTHOR_NAME",
          "source": "plain value",
          "scope": "global",
          "not_asked": false
        },
        {
          "name": "NPM_TOKEN",
          "source": "cmd:pass",
          "scope": "workspace my-app",
          "not_asked": true
        }
      ],
      "docker": {
        "program": "$HOME/bin/docker",
        "arguments": [
          "run",
          "--runtime",
          "docker-jackin",
          "--annotation",
          "dev.jackin.ticket=<uid>.…",
          "--label",
          "dev.jackin.role=web",
          "--label",
          "dev.jackin.workspace=my-app",
          "--label",
          "dev.jackin.owner=<uid>",
          "--label",
          "dev.jackin.launch=…",
          "--label",
          "dev.jackin.agents=claude,codex",
          "--memory",
          "4g",
          "acme/web:1"
        ],
        "variables": []
      }
    }
    "#);
}

#[test]
fn a_dry_run_tells_that_the_launch_would_fail() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        "[claude]\nauth_forward = \"api_key\"\n[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n",
    );
    let outcome = environment.run(&["run", "--dry-run", "web"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (125, ""));
    assert!(
        outcome.stderr.contains("no credential for claude"),
        "{}",
        outcome.stderr
    );
    let outcome = environment.run(&["run", "--format", "json", "web"]);
    assert_eq!(outcome.code, 2, "only a dry run has a form");
}

#[test]
fn what_is_decided_is_shown_also_where_the_engine_is_down() {
    let environment = environment("1.47");
    std::fs::remove_file(environment.home().join("docker.sock")).unwrap();
    let outcome = environment.run(&["run", "--workspace", "my-app", "--dry-run", "web"]);
    assert_eq!(outcome.code, 125, "{}", outcome.stderr);
    let decided = "claude auth: long-lived OAuth token (op://Personal/my-app/token";
    assert!(outcome.stdout.starts_with(decided), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("--runtime"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("cannot reach the engine"),
        "{}",
        outcome.stderr
    );
}
