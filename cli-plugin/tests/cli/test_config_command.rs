//! `docker jackin config`: what is said of every edit, and that what is
//! refused leaves the file byte for byte as it was.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::environment::{Outcome, TestEnvironment};

const CANARY: &str = "sk-ant-oat01-canary-in-no-output-at-all-0123456789";

/// The example of the design, with comments.
const EXAMPLE: &str = r#"# My agents.
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

fn example() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.configure(EXAMPLE);
    environment
}

fn text(environment: &TestEnvironment) -> String {
    fs::read_to_string(environment.home().join(".docker/jackin/config.toml")).unwrap()
}

/// What a command says, after what it did.
fn said(environment: &TestEnvironment, line: &str) -> String {
    shown(&environment.run(&words(line)))
}

fn said_as_json(environment: &TestEnvironment, line: &str) -> serde_json::Value {
    serde_json::from_str(&environment.run(&words(line)).stdout).unwrap()
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn shown(outcome: &Outcome) -> String {
    format!("{}{}[{}]", outcome.stdout, outcome.stderr, outcome.code)
}

#[test]
fn a_mode_is_set_for_claude_and_for_everything_unless_more_is_said() {
    let environment = example();
    let said = said(&environment, "config auth set ignore");
    assert_snapshot!(said, @r"
    claude auth: ignore, for everything
      not for workspace my-app: oauth_token is set there
    [0]
    ");
    let expected = EXAMPLE.replace("\"sync\"  #", "\"ignore\"  #");
    assert_eq!(text(&environment), expected);
}

#[test]
fn a_mode_with_its_credential_is_set_for_one_role_in_one_workspace() {
    let environment = example();
    let line =
        "config auth set api_key --agent codex --workspace my-app --role web --from $WORK_KEY";
    assert_snapshot!(said(&environment, line), @r"
    codex auth: api_key, for workspace my-app × role web
      credential: $WORK_KEY, from workspace my-app × role web
    [0]
    ");
    let expected = EXAMPLE.replace(
        "auth_forward = \"ignore\"\n",
        "auth_forward = \"api_key\"\napi_key = \"$WORK_KEY\"\n",
    );
    assert_eq!(text(&environment), expected);
}

#[test]
fn a_role_alone_means_the_workspace_around_the_folder() {
    let environment = example();
    let line = "config auth set ignore --role web";
    assert_snapshot!(said(&environment, line), @r"
    docker-jackin: a login of a role is set in a workspace, and none is around this folder
      name it: --workspace NAME
    [2]
    ");
    let home = environment.home().display();
    environment.configure(&EXAMPLE.replace("/nonexistent/my-app", &home.to_string()));
    assert_snapshot!(said(&environment, line), @r"
    claude auth: ignore, for workspace my-app × role web
    [0]
    ");
    assert!(text(&environment).contains("[workspaces.my-app.roles.web.claude]\n"));
}

#[test]
fn a_mode_without_a_credential_says_how_to_give_one() {
    let environment = example();
    let said = said(
        &environment,
        "config auth set api_key --agent amp --workspace my-app",
    );
    assert_snapshot!(said, @r"
    amp auth: api_key, for workspace my-app
      no credential yet: docker jackin config auth set api_key --agent amp --workspace my-app --from SOURCE
    [0]
    ");
}

#[test]
fn a_reference_keeps_its_account() {
    let environment = example();
    let said = said(
        &environment,
        "config auth set oauth_token --from op://Work/claude/token --account work",
    );
    assert_snapshot!(said, @r"
    claude auth: oauth_token, for everything
      credential: op://Work/claude/token in account work, from global
      not for workspace my-app: oauth_token is set there
    [0]
    ");
    assert!(
        text(&environment)
            .contains("\noauth_token = { op = \"op://Work/claude/token\", account = \"work\" }\n")
    );
}

#[test]
fn the_old_spelling_of_a_token_gives_way_to_the_new_one() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[claude]\ntoken = \"$OLD\"\n");
    let said = said(&environment, "config auth set oauth_token --from $NEW");
    assert!(said.ends_with("[0]"), "{said}");
    assert_eq!(
        text(&environment),
        "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"$NEW\"\n"
    );
}

#[test]
fn scenario_24_a_secret_comes_by_a_pipe_and_is_nowhere_but_in_the_file() {
    let environment = example();
    for line in [
        "config auth set api_key --from -",
        "config env set NPM_TOKEN - --role web",
    ] {
        let outcome = environment.run_with_input(&words(line), format!("{CANARY}\n").as_bytes());
        let said = shown(&outcome);
        assert!(said.ends_with("[0]") && !said.contains("canary"), "{said}");
        assert!(said.contains("plain text"), "{said}");
    }
    assert_eq!(text(&environment).matches(CANARY).count(), 2);
    for line in [
        "config auth show",
        "config auth show --format json",
        "config env list",
        "config env list --format json",
        "config check",
        "config check --format json",
        "role show web --format json",
        "role list",
        "-D config auth show --resolve --trace",
        "config auth set sync",
        "config env unset NPM_TOKEN --role web",
    ] {
        let said = said(&environment, line);
        assert!(!said.contains("canary"), "{line}: {said}");
    }
}

#[test]
fn scenario_24_a_secret_in_an_argument_is_refused_and_not_repeated() {
    let environment = example();
    for line in [
        format!("config auth set api_key --from {CANARY}"),
        format!("config env set NPM_TOKEN {CANARY}"),
        format!("config env set HARMLESS {CANARY}"),
        format!("config env set HARMLESS={CANARY} x"),
        format!("config auth set {CANARY}"),
        format!("config env set A ${CANARY}"),
    ] {
        let said = said(&environment, &line);
        assert!(said.ends_with("[2]") && !said.contains("canary"), "{said}");
        assert_eq!(text(&environment), EXAMPLE, "{line}");
    }
    let said = said(
        &environment,
        &format!("config auth set api_key --from {CANARY}"),
    );
    assert_snapshot!(said, @r"
    docker-jackin: the value of --from is no reference, and a secret does not belong on a command line
      type or pipe the secret: docker jackin config auth set api_key --agent claude --from -
      or give a reference: '$NAME', file:PATH, op://VAULT/ITEM/FIELD, helper:NAME/URL, cmd:COMMAND
      if it was the secret, it is in your shell's history now: take it out there
    [2]
    ");
}

#[test]
fn scenario_74_what_cannot_be_ends_with_2_and_changes_no_byte() {
    let environment = example();
    for line in [
        "config auth set",
        "config auth set synk",
        "config auth set sync --agent cloude",
        "config auth set oauth_token --agent codex",
        "config auth set sync --workspace my-ap",
        "config auth set sync --workspace my-app --role wep",
        "config auth set sync --role web",
        "config auth set sync --from $A",
        "config auth set api_key --from file:relative",
        "config auth set api_key --from op://a/b/c --account --flag",
        "config auth set api_key --from $A --account work",
        "config auth set api_key --provider anthropic",
        "config auth unset --workspace nope",
        "config env set DOCKER_JACKIN_TICKET x",
        "config env set A=b c",
        "config env set A x --role nope",
        "config env unset OPENAI_KEY",
        "config env list --role nope",
        "workspace add my-app",
        "workspace add -x",
        "workspace add x --workdir /nonexistent",
        "workspace add x --mount nowhere",
        "workspace remove my-ap",
        "role add web --image x",
        "role add x",
        "role add x --image y --run stray",
        "role add x/y --image z",
        "role remove nope",
    ] {
        let said = said(&environment, line);
        assert!(said.ends_with("[2]"), "{line}: {said}");
        assert_eq!(text(&environment), EXAMPLE, "{line}");
    }
}

#[test]
fn scenario_74_refusals_say_what_to_do() {
    let environment = example();
    let refusals = [
        "config auth set synk",
        "config auth set oauth_token --agent codex",
        "config auth set sync --workspace my-ap",
        "config auth set sync --workspace my-app --role api",
        "config auth set sync --from $A",
        "config env set DOCKER_JACKIN_TICKET x",
        "config env unset OPENAI_KEY",
    ]
    .map(|line| said(&environment, line));
    assert_snapshot!(refusals.join("\n"), @r#"
    docker-jackin: unknown mode "synk" for claude
      did you mean "sync"?
    [2]
    docker-jackin: `oauth_token` is for claude only, and this is codex
      use "sync", "api_key" or "ignore" here
    [2]
    docker-jackin: unknown workspace "my-ap"
      did you mean "my-app"?
    [2]
    docker-jackin: unknown role "api"
      there are: web
    [2]
    docker-jackin: the mode sync takes no credential
      leave out --from
    [2]
    docker-jackin: the variable DOCKER_JACKIN_TICKET is docker-jackin's own
      choose another name
    [2]
    docker-jackin: OPENAI_KEY is not set in [env]
      did you mean "OPENAI_API_KEY"?
    [2]
    "#);
}

#[test]
fn what_is_unset_says_what_now_holds() {
    let environment = example();
    assert_snapshot!(said(&environment, "config auth unset --workspace my-app"), @r"
    claude auth: now sync (from global), for workspace my-app
      its credential is still in the configuration; --credential takes it out, too
    [0]
    ");
    assert_snapshot!(said(&environment, "config auth unset --workspace my-app --credential"), @r"
    claude auth: now sync (from global), for workspace my-app
    [0]
    ");
    assert!(!text(&environment).contains("[workspaces.my-app.claude]"));
    assert_snapshot!(said(&environment, "config auth unset --agent amp"), @r"
    amp auth: as before sync (the default), for everything
    [0]
    ");
}

#[test]
fn scenario_73_auth_show_says_who_chose_what() {
    let environment = example().variable("WORK_KEY", CANARY);
    environment.write(
        ".claude/.credentials.json",
        r#"{"claudeAiOauth":{"accessToken":"canary","expiresAt":null}}"#,
    );
    assert_snapshot!(said(&environment, "config auth show"), @r"
    role web, no workspace
      claude    sync  from global
                host session in $HOME/.claude/.credentials.json: usable
      codex     sync  by default
                host session in $HOME/.codex/auth.json: missing, log in with `codex login` on this host

    no role, no workspace
      claude    sync  from global
                host session in $HOME/.claude/.credentials.json: usable
      codex     sync  by default
                host session in $HOME/.codex/auth.json: missing, log in with `codex login` on this host
      amp       sync  by default
                host session in $HOME/.local/share/amp/secrets.json: missing, log in with `amp login` on this host
      opencode  sync  by default
                host session in $HOME/.local/share/opencode/auth.json: missing, log in with `opencode auth login` on this host
    [0]
    ");
    assert_snapshot!(said(&environment, "config auth show --workspace my-app --role web --trace"), @r"
    role web, workspace my-app
      claude  oauth_token  from workspace my-app
              op://Personal/my-app/token, from workspace my-app: not asked, --resolve reads it
                workspace my-app × role web  -
                workspace my-app             oauth_token
                global                       sync
      codex   ignore       from workspace my-app × role web
                workspace my-app × role web  ignore
                workspace my-app             -
                global                       -
    [0]
    ");
}

#[test]
fn auth_show_tells_when_the_hosts_login_ends() {
    let environment = TestEnvironment::new("1.45");
    let hour = std::time::Duration::from_secs(3600);
    let now = std::time::SystemTime::now();
    for (ends, told) in [
        (now + 3 * hour + hour / 2, "usable, ends in 3 h"),
        (
            now - 3 * hour,
            "expired 3 h ago; `claude auth status` renews it",
        ),
    ] {
        let since = ends.duration_since(std::time::UNIX_EPOCH).unwrap();
        environment.write_login(since.as_secs());
        let said = said(&environment, "config auth show --agent claude");
        assert!(said.contains(told) && !said.contains("canary"), "{said}");
        let json = said_as_json(
            &environment,
            "config auth show --agent claude --format json",
        );
        let expires = json["cells"][0]["agents"][0]["login"]["expires"].as_str();
        assert!(expires.unwrap().ends_with('Z'), "{json}");
    }
}

#[test]
fn auth_show_tells_what_a_source_gives() {
    for (source, told) in [
        ("$SET", "$SET, from global: usable"),
        ("$EMPTY", "$EMPTY, from global: gives an empty value"),
        (
            "$UNSET",
            "$UNSET, from global: cannot be read, $UNSET is not set",
        ),
        ("file:~/key", "/key, from global: usable"),
        ("file:/nonexistent", "from global: cannot be read"),
        (
            "cmd:touch ran",
            "cmd:touch, from global: not asked, --resolve reads it",
        ),
    ] {
        let environment = TestEnvironment::new("1.45")
            .variable("SET", CANARY)
            .variable("EMPTY", "");
        environment.write("key", CANARY);
        environment.configure(&format!(
            "[claude]\nauth_forward = \"api_key\"\napi_key = \"{source}\"\n"
        ));
        let said = said(&environment, "config auth show --agent claude");
        assert!(said.contains(told) && said.ends_with("[0]"), "{said}");
        assert!(!said.contains("canary"), "{said}");
        assert!(!environment.home().join("ran").exists());
    }
}

#[test]
fn auth_show_as_json_is_for_programs() {
    let environment = example();
    let line = "config auth show --workspace my-app --role web --agent claude --format json";
    assert_snapshot!(said(&environment, line), @r#"
    {
      "config": "$HOME/.docker/jackin/config.toml",
      "workspace": "my-app",
      "cells": [
        {
          "role": "web",
          "agents": [
            {
              "agent": "claude",
              "mode": "oauth_token",
              "chosen_by": {
                "workspace": "my-app",
                "role": null
              },
              "login": {
                "source": "op://Personal/my-app/token",
                "scope": {
                  "workspace": "my-app",
                  "role": null
                },
                "state": "not_asked",
                "detail": "--resolve reads it",
                "expires": null
              },
              "trace": [
                {
                  "scope": {
                    "workspace": "my-app",
                    "role": "web"
                  },
                  "auth_forward": null
                },
                {
                  "scope": {
                    "workspace": "my-app",
                    "role": null
                  },
                  "auth_forward": "oauth_token"
                },
                {
                  "scope": {
                    "workspace": null,
                    "role": null
                  },
                  "auth_forward": "sync"
                }
              ]
            }
          ]
        }
      ]
    }
    [0]
    "#);
}

#[test]
fn variables_are_set_in_four_layers_and_listed_with_their_winners() {
    let environment = example();
    for line in [
        "config env set EDITOR vi",
        "config env set EDITOR $EDITOR --role web",
        "config env set EDITOR nano --workspace my-app",
        "config env set EDITOR file:/etc/editor --workspace my-app --role web",
    ] {
        let said = said(&environment, line);
        assert!(said.ends_with("[0]"), "{said}");
    }
    assert_snapshot!(said(&environment, "config env list"), @r"
    NAME             SOURCE             FROM
    EDITOR           plain value        global
    OPENAI_API_KEY   $OPENAI_API_KEY    global                        if codex's mode asks for it
    EDITOR           $EDITOR            role web
    EDITOR           plain value        workspace my-app
    EDITOR           file:/etc/editor   workspace my-app × role web
    [0]
    ");
    assert_snapshot!(said(&environment, "config env list --workspace my-app --role web"), @r"
    NAME             SOURCE             FROM
    EDITOR           file:/etc/editor   workspace my-app × role web
    EDITOR           plain value        workspace my-app              outranked
    EDITOR           $EDITOR            role web                      outranked
    EDITOR           plain value        global                        outranked
    OPENAI_API_KEY   $OPENAI_API_KEY    global                        if codex's mode asks for it
    [0]
    ");
    let line = "config env unset EDITOR --workspace my-app --role web";
    assert_snapshot!(said(&environment, line), @r"
    EDITOR: now plain value (from workspace my-app), for workspace my-app × role web
    [0]
    ");
    let line = "config env list --role web --format json";
    assert_snapshot!(said(&environment, line), @r#"
    {
      "variables": [
        {
          "name": "EDITOR",
          "source": "$EDITOR",
          "scope": {
            "workspace": null,
            "role": "web"
          },
          "agent": null,
          "wins": true
        },
        {
          "name": "EDITOR",
          "source": "plain value",
          "scope": {
            "workspace": null,
            "role": null
          },
          "agent": null,
          "wins": false
        },
        {
          "name": "OPENAI_API_KEY",
          "source": "$OPENAI_API_KEY",
          "scope": {
            "workspace": null,
            "role": null
          },
          "agent": "codex",
          "wins": true
        }
      ]
    }
    [0]
    "#);
}

#[test]
fn a_credential_set_as_a_variable_says_whose_it_is() {
    let environment = example();
    let line = "config env set ANTHROPIC_API_KEY $ANTHROPIC_API_KEY";
    assert_snapshot!(said(&environment, line), @r"
    ANTHROPIC_API_KEY: $ANTHROPIC_API_KEY, for everything
      ANTHROPIC_API_KEY is claude's credential: it is delivered where claude's mode asks for it
    [0]
    ");
}

#[test]
fn path_tells_where_the_configuration_is_or_would_be() {
    let environment = TestEnvironment::new("1.45");
    assert_snapshot!(said(&environment, "config path"), @r"
    $HOME/.docker/jackin/config.toml
    [0]
    ");
    assert_snapshot!(said(&environment, "--config /dc config path"), @r"
    /dc/jackin/config.toml
    [0]
    ");
}

#[test]
fn check_finds_what_was_probably_not_meant() {
    let environment = TestEnvironment::new("1.45");
    assert_snapshot!(said(&environment, "config check"), @r"
    $HOME/.docker/jackin/config.toml is not there: every default holds
    [0]
    ");
    environment.configure(
        r#"[claude]
api_key = "$KEY"
[env]
ANTHROPIC_API_KEY = "$KEY"
BROKEN = "$1"
[roles.web]
image = "i"
agents = []
run = ["stray"]
[workspaces.w]
workdir = "/nonexistent"
mounts = [{ src = "x", dst = "/x" }]
[workspaces.w.roles.wep.claude]
auth_forward = "ignore"
"#,
    );
    assert_snapshot!(said(&environment, "config check"), @r#"
    warning: [roles.web] has no agents, and so its containers no logins
    warning: `run` of [roles.web] is refused: "stray" is no flag of `docker run`
      each word is an entry of its own
    warning: workdir of [workspaces.w] is no folder: /nonexistent
    warning: a mount of [workspaces.w] is not there: /nonexistent/x
      docker refuses to start with it
    warning: [workspaces.w] speaks about a role that is none: wep
      add it: docker jackin role add
    warning: $HOME/.docker/jackin/config.toml:2: api_key of [claude] is used by no mode
      it is read where auth_forward is "api_key"
    warning: $HOME/.docker/jackin/config.toml:4: ANTHROPIC_API_KEY of [env] is claude's credential, and no mode of claude takes it
      docker jackin config auth show --agent claude --trace
    warning: $HOME/.docker/jackin/config.toml:5: BROKEN of [env] cannot be read: it begins with `$` and is no $NAME or ${NAME}; write a literal `$` at the beginning as `$$`
      nothing starts that needs it
    $HOME/.docker/jackin/config.toml: 8 warnings
    [0]
    "#);
}

#[test]
fn scenario_12_check_finds_all_that_is_wrong_at_once() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        "[claude]\nauth_forwad = \"sync\"\n[codex]\nauth_forward = \"oauth_token\"\n\
         [env]\nDOCKER_JACKIN_X = \"canary\"\n",
    );
    assert_snapshot!(said(&environment, "config check"), @r#"
    error: $HOME/.docker/jackin/config.toml:2: unknown key `auth_forwad` in [claude]
      did you mean `auth_forward`?
    error: $HOME/.docker/jackin/config.toml:4: `oauth_token` is for claude only, and this is codex
      use "sync", "api_key" or "ignore" here
    error: $HOME/.docker/jackin/config.toml:6: the variable DOCKER_JACKIN_X is docker-jackin's own
      choose another name
    $HOME/.docker/jackin/config.toml: 3 errors
    [1]
    "#);
    assert_snapshot!(said(&environment, "config check --format json"), @r#"
    {
      "config": "$HOME/.docker/jackin/config.toml",
      "there": true,
      "errors": [
        {
          "line": 2,
          "message": "$HOME/.docker/jackin/config.toml:2: unknown key `auth_forwad` in [claude]",
          "hints": [
            "did you mean `auth_forward`?"
          ]
        },
        {
          "line": 4,
          "message": "$HOME/.docker/jackin/config.toml:4: `oauth_token` is for claude only, and this is codex",
          "hints": [
            "use \"sync\", \"api_key\" or \"ignore\" here"
          ]
        },
        {
          "line": 6,
          "message": "$HOME/.docker/jackin/config.toml:6: the variable DOCKER_JACKIN_X is docker-jackin's own",
          "hints": [
            "choose another name"
          ]
        }
      ],
      "warnings": []
    }
    [1]
    "#);
}

#[test]
fn a_configuration_that_is_in_order_says_so() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[claude]\nauth_forward = \"ignore\"\n");
    assert_snapshot!(said(&environment, "config check"), @r"
    $HOME/.docker/jackin/config.toml is in order
    [0]
    ");
}

#[test]
fn a_file_that_others_can_write_is_neither_read_nor_changed() {
    let environment = example();
    let file = environment.home().join(".docker/jackin/config.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let said = said(&environment, "config auth set ignore");
    assert_snapshot!(said, @r"
    docker-jackin: $HOME/.docker/jackin/config.toml can be changed by others (mode 0666)
      make it yours alone: chmod 600 $HOME/.docker/jackin/config.toml
    [1]
    ");
    assert_eq!(text(&environment), EXAMPLE);
}

/// The program, to be started with many others of its kind.
fn writer(environment: &TestEnvironment, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docker-jackin"));
    command
        .args(words(line))
        .env_clear()
        .env("HOME", environment.home())
        .stdout(Stdio::null());
    command
}

#[test]
fn scenario_75_the_edits_of_processes_at_once_are_all_in_the_file() {
    let environment = example();
    let writers: Vec<_> = (0..12)
        .map(|number| {
            let line = format!("config env set V_{number} x");
            writer(&environment, &line).spawn().unwrap()
        })
        .collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let text = text(&environment);
    for number in 0..12 {
        assert!(text.contains(&format!("\nV_{number} = \"x\"\n")), "{text}");
    }
    let others = text.lines().filter(|line| !line.starts_with("V_"));
    assert_eq!(
        others.collect::<Vec<_>>(),
        EXAMPLE.lines().collect::<Vec<_>>()
    );
}

#[test]
fn scenario_76_a_writer_killed_at_any_point_leaves_the_old_file_or_the_new() {
    let environment = example();
    let (mut before, mut old, mut new) = (EXAMPLE.to_owned(), 0, 0);
    // From right after the start to past the end of a writer.
    for round in 0..150_u64 {
        let line = format!("config env set ROUND {round}");
        let mut writer = writer(&environment, &line).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(round * 120));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let after = text(&environment);
        let whole = format!("\nROUND = \"{round}\"\n");
        if after == before {
            old += 1;
        } else {
            assert!(
                after.contains(&whole) && after.ends_with("\"ignore\"\n"),
                "{after}"
            );
            new += 1;
        }
        before = after;
    }
    assert!(
        old > 0 && new > 0,
        "killed too early or too late: {old} {new}"
    );
    assert!(said(&environment, "config env set ROUND last").ends_with("[0]"));
}
