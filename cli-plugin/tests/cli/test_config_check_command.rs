//! `docker jackin config check`: all that is wrong, and what was probably not
//! meant.

use insta::assert_snapshot;

use crate::config_scene::said;
use crate::environment::TestEnvironment;

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
      add it: docker jackin role add wep --image IMAGE
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
fn check_finds_a_mode_without_a_credential_once_for_each_scope() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        r#"[codex]
auth_forward = "api_key"
[amp]
auth_forward = "api_key"
[roles.api]
image = "i"
agents = ["codex"]
[roles.web]
image = "i"
agents = ["claude", "codex", "amp"]
[roles.web.env]
AMP_API_KEY = "$AMP_API_KEY"
[workspaces.w.roles.web.claude]
auth_forward = "oauth_token"
"#,
    );
    assert_snapshot!(said(&environment, "config check"), @r"
    warning: codex's mode api_key, from global, finds no credential for role api in workspace w
      docker jackin config auth set api_key --agent codex --from SOURCE
    warning: claude's mode oauth_token, from workspace w × role web, finds no credential for role web in workspace w
      docker jackin config auth set oauth_token --agent claude --workspace w --role web --from SOURCE
    $HOME/.docker/jackin/config.toml: 2 warnings
    [0]
    ");
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
fn check_finds_a_refresh_that_counts_for_no_container() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        r#"[claude]
auth_forward = "ignore"
sync_refresh = "copy"
[codex]
sync_refresh = "copy"
[amp]
auth_forward = "ignore"
sync_refresh = "copy"
[workspaces.w.amp]
auth_forward = "sync"
"#,
    );
    assert_snapshot!(said(&environment, "config check"), @r#"
    warning: sync_refresh = "copy" of [claude] counts for no container
      it is read where auth_forward is "sync"
    $HOME/.docker/jackin/config.toml: 1 warning
    [0]
    "#);
}
