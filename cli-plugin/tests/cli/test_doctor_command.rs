//! `docker jackin doctor`: every check, with what to do next.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use insta::assert_snapshot;
use serde_json::Value;

use crate::environment::{FAR, Outcome, TestEnvironment};
use crate::stand_in_engine::Container;

const CANARY: &str = "canary-in-no-output";

/// What is shown behind the engine's part, which depends on this machine.
fn behind_the_engine(outcome: &Outcome) -> &str {
    let shown = outcome.stdout.as_str();
    let begin = shown.find("configuration\n").expect("there is such a part");
    let end = shown.rfind("\n\n").expect("the numbers come last");
    &shown[begin..end]
}

/// Writes a program that prints something and ends with a code.
fn program(environment: &TestEnvironment, name: &str, text: &str, code: u8) {
    let script = format!("#!/bin/sh\necho '{text}' >&2\nexit {code}\n");
    let path = environment.write(&format!("bin/{name}"), &script);
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_machine_without_anything_is_told_what_is_missing() {
    let environment = TestEnvironment::new("1.45");
    let outcome = environment.run(&["doctor"]);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (1, ""),
        "nothing is registered"
    );
    assert_snapshot!(behind_the_engine(&outcome), @r"
    configuration
      ok       $HOME/.docker/jackin/config.toml is not there: every default holds
    logins
      warning  claude: no login in $HOME/.claude/.credentials.json
                 log in on this host: claude
      ok       codex: no login here, and none is needed
      ok       amp: no login here, and none is needed
      ok       opencode: no login here, and none is needed
    sources
      ok       none is configured
    sync
      ok       no container follows a login of this host
    containers
      ok       none of yours runs
    ");
    let engine = outcome.stdout.split("configuration\n").next().unwrap();
    for told in [
        "docker client $HOME/bin/docker: Docker version 28.2.2",
        "engine 26.1.5 at unix://$HOME/docker.sock, API 1.45",
        "tickets lie in memory",
    ] {
        assert!(engine.contains(told), "{engine}");
    }
}

#[test]
fn every_source_of_every_scope_is_looked_at_and_no_value_is_shown() {
    let environment = TestEnvironment::new("1.45").variable("SET", CANARY);
    environment.write("key", CANARY);
    environment.write("empty", "\n");
    program(
        &environment,
        "op",
        "[ERROR] 2026/01/01 00:00:00 account is not signed in",
        1,
    );
    program(&environment, "pass", "", 0);
    environment.configure(
        r#"
[claude]
auth_forward = "oauth_token"
oauth_token = "op://Personal/claude/token"
[codex]
auth_forward = "api_key"
api_key = "canary-in-no-output"
[env]
A_FILE = "file:~/key"
AN_EMPTY_FILE = "file:~/empty"
A_MISSING_FILE = "file:~/none"
A_PROGRAM = "cmd:pass show x"
A_HELPER = "helper:none/x"
[roles.web]
image = "i"
agents = ["claude", "codex"]
[roles.web.env]
IN_THE_SHELL = "$SET"
NOT_IN_THE_SHELL = "$UNSET"
[workspaces.w.env]
WORKSPACE = { op = "op://a/b/c", account = "work" }
[workspaces.w.roles.web.env]
BROKEN = "op://a"
"#,
    );
    let outcome = environment.run(&["doctor"]);
    assert_eq!(outcome.code, 1);
    assert_snapshot!(behind_the_engine(&outcome), @r"
    configuration
      ok       $HOME/.docker/jackin/config.toml is in order
    logins
      ok       claude: no login here, and none is needed
      ok       codex: no login here, and none is needed
      ok       amp: no login here, and none is needed
      ok       opencode: no login here, and none is needed
    sources
      failure  AN_EMPTY_FILE of [env]: file:~/empty, which is empty
                 an empty value counts as none
      ok       A_FILE of [env]: file:~/key
      failure  A_MISSING_FILE of [env]: $HOME/none cannot be read: No such file or directory (os error 2)
      ok       IN_THE_SHELL of [roles.web.env]: $SET
      warning  NOT_IN_THE_SHELL of [roles.web.env]: $UNSET is not set in the environment of this command
                 it is read in the shell that launches: export it there
      failure  BROKEN of [workspaces.w.roles.web.env]: it is no reference of 1Password: it does not have the three or four parts of op://vault/item/[section/]field
      ok       oauth_token of [claude]: op://Personal/claude/token, not asked (--resolve asks)
      failure  A_HELPER of [env]: helper:none/x: `docker-credential-none` is not in PATH
                 install `docker-credential-none`, or add its folder to PATH as an absolute path
      ok       A_PROGRAM of [env]: cmd:pass, not asked (--resolve asks)
      ok       WORKSPACE of [workspaces.w.env]: op://a/b/c in account work, not asked (--resolve asks)
      warning  1Password: no open session, though its app may approve a read
                 `docker jackin doctor --resolve` reads the values; run `op signin` if that fails
      warning  1Password's account work: no open session, though its app may approve a read
                 `docker jackin doctor --resolve` reads the values; run `op signin` if that fails
    sync
      ok       no container follows a login of this host
    containers
      ok       none of yours runs
    ");
    assert!(!outcome.stdout.contains("canary"), "{}", outcome.stdout);
}

#[test]
fn a_credential_of_several_lines_is_a_failure_and_a_variable_of_several_is_none() {
    let environment = TestEnvironment::new("1.47");
    environment.write("entry", "canary\nlogin: me\n");
    environment.configure(
        "[claude]\nauth_forward = \"api_key\"\napi_key = \"file:~/entry\"\n\
         [env]\nTEXT = \"file:~/entry\"\n",
    );
    let shown = environment.run(&["doctor"]).stdout;
    for line in [
        "failure  api_key of [claude]: file:~/entry, which gives several lines",
        "ok       TEXT of [env]: file:~/entry",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn with_resolve_programs_are_asked_for_the_values() {
    let environment = TestEnvironment::new("1.45");
    program(&environment, "pass", "no such entry", 3);
    environment.configure("[env]\nA = \"cmd:pass show x\"\n");
    let asked = environment.run(&["doctor", "--resolve"]);
    assert!(asked.stdout.contains("no such entry"), "{}", asked.stdout);
    let not_asked = environment.run(&["doctor"]);
    assert!(
        not_asked.stdout.contains("not asked (--resolve asks)"),
        "{}",
        not_asked.stdout
    );
}

#[test]
fn a_configuration_that_is_refused_keeps_nothing_else_from_being_looked_at() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[claude]\nauth_forwad = \"sync\"\nx = 1\n");
    environment.write_login(FAR);
    let outcome = environment.run(&["doctor", "--format", "json"]);
    assert_eq!(outcome.code, 1);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let about = |part: &str| -> Vec<&Value> {
        checks
            .iter()
            .filter(|check| check["about"] == part)
            .collect()
    };
    assert_snapshot!(serde_json::to_string_pretty(&about("configuration")).unwrap(), @r#"
    [
      {
        "about": "configuration",
        "next": "did you mean `auth_forward`?",
        "says": "$HOME/.docker/jackin/config.toml:2: unknown key `auth_forwad` in [claude]",
        "verdict": "failure"
      },
      {
        "about": "configuration",
        "next": "known here: auth_forward, sync_refresh, oauth_token, token, api_key",
        "says": "$HOME/.docker/jackin/config.toml:3: unknown key `x` in [claude]",
        "verdict": "failure"
      }
    ]
    "#);
    assert_eq!(about("logins")[0]["verdict"], "ok");
    let count = |verdict: &str| {
        checks
            .iter()
            .filter(|check| check["verdict"] == verdict)
            .count()
    };
    assert_eq!(report["failures"], count("failure"));
    assert_eq!(report["warnings"], count("warning"));
}

#[test]
fn a_login_that_has_ended_or_is_broken_is_told_with_what_renews_it() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(1_000_000_000);
    environment.write(".codex/auth.json", "{");
    environment
        .configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\", \"codex\", \"amp\"]\n");
    let shown = environment.run(&["doctor"]).stdout;
    let logins = shown
        .split("logins\n")
        .nth(1)
        .unwrap()
        .split("sources\n")
        .next()
        .unwrap();
    let (before, span) = logins.split_once("ended ").unwrap();
    let (_, after) = span.split_once(" ago").unwrap();
    assert_snapshot!(format!("{before}ended <span> ago{after}"), @r"
    warning  claude: $HOME/.claude/.credentials.json, ended <span> ago
               renew it on this host: claude auth status
    failure  codex: $HOME/.codex/auth.json holds no login
               log in on this host: codex login
    warning  amp: no login in $HOME/.local/share/amp/secrets.json
               log in on this host: amp login
    ok       opencode: no login here, and none is needed
    ");
}

#[test]
fn an_account_of_1password_is_looked_at_once() {
    let environment = TestEnvironment::new("1.45");
    program(&environment, "op", "", 0);
    environment.configure("[env]\nA = \"op://a/b/c\"\nB = \"op://a/b/d\"\n");
    let shown = environment.run(&["doctor"]).stdout;
    assert_eq!(shown.matches("1Password: signed in").count(), 1, "{shown}");
}

#[test]
fn what_no_role_needs_is_a_warning_at_most() {
    let environment = TestEnvironment::new("1.45");
    environment.write(".codex/auth.json", "{");
    let line = |environment: &TestEnvironment| {
        let shown = environment.run(&["doctor"]).stdout;
        let mut lines = shown.lines().map(str::trim);
        lines
            .find(|line| line.contains("codex:"))
            .map(str::to_owned)
    };
    let broken = "codex: $HOME/.codex/auth.json holds no login";
    assert_eq!(line(&environment), Some(format!("warning  {broken}")));
    environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"codex\"]\n");
    assert_eq!(line(&environment), Some(format!("failure  {broken}")));
    let ignored =
        "[roles.web]\nimage = \"i\"\nagents = [\"codex\"]\n[codex]\nauth_forward = \"ignore\"\n";
    environment.configure(ignored);
    assert_eq!(line(&environment), Some(format!("warning  {broken}")));
}

#[test]
fn a_login_that_ends_soon_is_warned_about_where_nothing_renews_it() {
    let verdict_of = |shown: &str, about: &str| {
        let mut lines = shown.lines().map(str::trim);
        let line = lines.find(|line| line.contains(about));
        let line = line.unwrap_or_else(|| panic!("no {about}: {shown}"));
        line.split(' ').next().unwrap().to_owned()
    };
    for (minutes, verdict) in [(10, "warning"), (90, "ok")] {
        for refresh in ["live", "copy"] {
            let environment = TestEnvironment::new("1.45");
            environment.configure(&format!(
                "[claude]\nsync_refresh = \"{refresh}\"\n\
                 [roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n"
            ));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            environment.write_login(now.as_secs() + minutes * 60);
            assert_eq!(environment.run(&["run", "web"]).code, 7);
            environment.add_launched("web-1");
            let shown = environment.run(&["doctor"]).stdout;
            assert_eq!(verdict_of(&shown, "claude: $HOME"), verdict);
            let container = format!("web-1: claude by sync, {refresh}, ends in");
            // What is followed is renewed before its end.
            let expected = if refresh == "live" { "ok" } else { verdict };
            assert_eq!(
                verdict_of(&shown, &container),
                expected,
                "{minutes} {refresh}"
            );
        }
    }
}

#[test]
fn a_running_container_whose_login_has_ended_is_told_how_to_get_the_newest() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n");
    environment.write_login(1_000_000_000);
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    environment.add_launched("web-1");
    environment
        .engine()
        .add(Container::served("lost", "web", "claude"));
    let shown = environment.run(&["doctor"]).stdout;
    let containers = shown.split("containers\n").nth(1).unwrap();
    let containers = containers.split("\n\n").next().unwrap();
    let (before, span) = containers.split_once("ended ").unwrap();
    let (_, after) = span.split_once(" ago").unwrap();
    assert_snapshot!(format!("{before}ended <span> ago{after}"), @r"
    ok       lost: what it was given is not known any more
               if it is to follow this host's logins: docker jackin sync --now lost
    warning  web-1: claude by sync, live, ended <span> ago
               renew it on this host: claude auth status
    ok       a 401 in a running container means that the vendor ended its login early
               give it the newest without a restart: docker jackin sync --now lost
    ");
}

#[test]
fn an_engine_that_is_gone_is_a_failure_and_the_rest_is_looked_at() {
    let environment = TestEnvironment::new("1.45");
    let outcome = environment.run(&["-H", "unix:///nonexistent.sock", "doctor"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stdout.contains("cannot reach the engine"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("claude: no login in"),
        "{}",
        outcome.stdout
    );
}
