//! `docker jackin config auth`: modes set, unset and shown.

use insta::assert_snapshot;

use crate::config_scene::{EXAMPLE, example, said, said_as_json, text};
use crate::environment::TestEnvironment;

const CANARY: &str = "sk-ant-oat01-canary-in-no-output-at-all-0123456789";

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
      claude    sync  from global; refresh live by default
                host session in $HOME/.claude/.credentials.json: usable
      codex     sync  by default; refresh live by default
                host session in $HOME/.codex/auth.json: missing, log in with `codex login` on this host

    no role, no workspace
      claude    sync  from global; refresh live by default
                host session in $HOME/.claude/.credentials.json: usable
      codex     sync  by default; refresh live by default
                host session in $HOME/.codex/auth.json: missing, log in with `codex login` on this host
      amp       sync  by default; refresh live by default
                host session in $HOME/.local/share/amp/secrets.json: missing, log in with `amp login` on this host
      opencode  sync  by default; refresh live by default
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
            "file:~/entry",
            "/entry, from global: unusable, it gives several lines",
        ),
        (
            "cmd:touch ran",
            "cmd:touch, from global: not asked, --resolve reads it",
        ),
        (
            "helper:none/x",
            "helper:none/x, from global: not asked, --resolve reads it",
        ),
    ] {
        let environment = TestEnvironment::new("1.45")
            .variable("SET", CANARY)
            .variable("EMPTY", "");
        environment.write("key", CANARY);
        environment.write("entry", &format!("{CANARY}\nurl: example.com\n"));
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
              "refresh": null,
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
                  "auth_forward": null,
                  "sync_refresh": null
                },
                {
                  "scope": {
                    "workspace": "my-app",
                    "role": null
                  },
                  "auth_forward": "oauth_token",
                  "sync_refresh": null
                },
                {
                  "scope": {
                    "workspace": null,
                    "role": null
                  },
                  "auth_forward": "sync",
                  "sync_refresh": null
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
fn a_key_of_opencode_has_a_provider() {
    let environment = example();
    let line = "config auth set api_key --agent opencode --provider anthropic --from $KEY";
    assert_snapshot!(said(&environment, line), @r"
    opencode auth: api_key, for everything
      credential: $KEY, from global
    [0]
    ");
    assert!(text(&environment).ends_with(
        "\n[opencode]\nauth_forward = \"api_key\"\napi_key = \"$KEY\"\nprovider = \"anthropic\"\n"
    ));
    let line = "config auth unset --agent opencode --credential";
    assert!(said(&environment, line).ends_with("[0]"));
    assert_eq!(text(&environment), EXAMPLE);
}

#[test]
fn a_refresh_is_set_with_sync_and_unset_with_it_or_alone() {
    let environment = example();
    let line = "config auth set sync --refresh copy --workspace my-app --role web";
    assert_snapshot!(said(&environment, line), @r"
    claude auth: sync, for workspace my-app × role web
      refresh copy: each container gets a copy with its refresh token, which works once: whoever renews first logs the others out
    [0]
    ");
    assert!(text(&environment).contains(
        "[workspaces.my-app.roles.web.claude]\nauth_forward = \"sync\"\nsync_refresh = \"copy\"\n"
    ));
    assert_snapshot!(said(&environment, "config auth set sync --refresh live"), @r"
    claude auth: sync, for everything
      refresh live: containers follow the host's login, which alone is renewed
      not for workspace my-app × role web: refresh copy is set there
      not for workspace my-app: oauth_token is set there
      not for workspace my-app × role web: sync is set there
    [0]
    ");
    let line = "config auth unset --refresh --workspace my-app --role web";
    assert_snapshot!(said(&environment, line), @r"
    claude auth: now sync (from workspace my-app × role web), refresh live (from global), for workspace my-app × role web
    [0]
    ");
    assert!(!text(&environment).contains("copy"));
    assert_snapshot!(said(&environment, "config auth unset"), @r"
    claude auth: now sync (the default), for everything
    [0]
    ");
    assert!(!text(&environment).contains("sync_refresh"));
    let line = "config auth set sync --refresh copy --agent codex";
    assert_snapshot!(said(&environment, line), @r"
    codex auth: sync, for everything
      refresh copy: each container keeps what it was started with until that ends
      not for workspace my-app × role web: ignore is set there
    [0]
    ");
}

#[test]
fn scenario_74_a_refresh_that_is_none_or_without_sync_is_refused() {
    let environment = example();
    for (line, told) in [
        (
            "config auth set sync --refresh lvie",
            "[possible values: live, copy]",
        ),
        (
            "config auth set ignore --refresh live",
            "--refresh is about the host's own login, and goes with the mode sync",
        ),
    ] {
        let said = said(&environment, line);
        assert!(said.contains(told) && said.ends_with("[2]"), "{said}");
        assert_eq!(text(&environment), EXAMPLE);
    }
}

#[test]
fn auth_show_says_who_chose_the_refresh() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        "[claude]\nsync_refresh = \"copy\"\n[workspaces.w.claude]\nauth_forward = \"sync\"\n\
         [workspaces.w.codex]\nauth_forward = \"ignore\"\nsync_refresh = \"live\"\n\
         [roles.web]\nimage = \"i\"\nagents = [\"claude\", \"codex\"]\n",
    );
    let line = "config auth show --workspace w --role web";
    assert_snapshot!(said(&environment, &format!("{line} --trace")), @r"
    role web, workspace w
      claude  sync    from workspace w; refresh copy from global
              host session in $HOME/.claude/.credentials.json: missing, log in with `claude` on this host
                workspace w × role web  -
                workspace w             sync
                global                  refresh copy
      codex   ignore  from workspace w
                workspace w × role web  -
                workspace w             ignore, refresh live
                global                  -
    [0]
    ");
    let json = said_as_json(&environment, &format!("{line} --format json"));
    let [claude, codex] = [0, 1].map(|at| &json["cells"][0]["agents"][at]);
    let global = serde_json::json!({"workspace": null, "role": null});
    assert_eq!(
        claude["refresh"],
        serde_json::json!({"word": "copy", "chosen_by": global})
    );
    assert_eq!(claude["trace"][2]["sync_refresh"], "copy");
    assert!(codex["refresh"].is_null(), "{codex}");
    assert_eq!(codex["trace"][1]["sync_refresh"], "live");
}
