//! `docker jackin workspace`: added, shown, removed, and the rest untouched.

use std::fs;

use insta::assert_snapshot;

use crate::environment::TestEnvironment;

fn said(environment: &TestEnvironment, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let outcome = environment.run(&words);
    format!("{}{}[{}]", outcome.stdout, outcome.stderr, outcome.code)
}

fn text(environment: &TestEnvironment) -> String {
    let text = fs::read_to_string(environment.home().join(".docker/jackin/config.toml"));
    text.unwrap()
        .replace(environment.home().to_str().unwrap(), "$HOME")
}

#[test]
fn the_current_folder_becomes_a_workspace() {
    let environment = TestEnvironment::new("1.45");
    assert_snapshot!(said(&environment, "workspace list"), @r"
    no workspaces; add one: docker jackin workspace add NAME
    [0]
    ");
    assert_snapshot!(said(&environment, "workspace add my-app"), @r"
    workspace my-app added, for $HOME and what is below it
      its containers see nothing of it: --mount .:/workspace would show it to them
    [0]
    ");
    assert_snapshot!(text(&environment), @r#"
    [workspaces.my-app]
    workdir = "$HOME"
    "#);
}

#[test]
fn a_workspace_says_what_its_containers_see() {
    let environment = TestEnvironment::new("1.45");
    fs::create_dir_all(environment.home().join("src/shop")).unwrap();
    let line = "workspace add shop --workdir src/shop --mount .:/shop --mount /etc:/etc-of-host:ro --trust";
    assert_snapshot!(said(&environment, line), @r"
    workspace shop added, for $HOME/src/shop and what is below it
    [0]
    ");
    assert_snapshot!(text(&environment), @r#"
    [workspaces.shop]
    workdir = "$HOME/src/shop"
    mounts = [{ src = ".", dst = "/shop" }, { src = "/etc", dst = "/etc-of-host", readonly = true }]
    trust = true
    "#);
    for line in [
        "role add web --image i",
        "config auth set ignore --workspace shop",
        "config auth set sync --refresh copy --agent codex --workspace shop",
        "config auth set api_key --workspace shop --role web --from $KEY",
        "config env set EDITOR vi --workspace shop",
    ] {
        assert!(said(&environment, line).ends_with("[0]"), "{line}");
    }
    assert_snapshot!(said(&environment, "workspace list"), @r"
    NAME   WORKDIR                    MOUNTS
    shop   $HOME/src/shop   2
    [0]
    ");
    assert_snapshot!(said(&environment, "workspace show shop"), @r"
    workspace shop
      workdir: $HOME/src/shop
      mount: . at /shop
      mount: /etc at /etc-of-host (read-only)
      trusted without asking
      claude auth: ignore
      codex auth: sync
      codex refresh: copy
      EDITOR: plain value
      role web:
        claude auth: api_key
    [0]
    ");
    assert_snapshot!(said(&environment, "workspace show shop --format json"), @r#"
    {
      "name": "shop",
      "workdir": "$HOME/src/shop",
      "mounts": [
        {
          "src": ".",
          "dst": "/shop",
          "readonly": false
        },
        {
          "src": "/etc",
          "dst": "/etc-of-host",
          "readonly": true
        }
      ],
      "trust": true,
      "auth_forward": {
        "claude": "ignore",
        "codex": "sync"
      },
      "sync_refresh": {
        "codex": "copy"
      },
      "env": {
        "EDITOR": "plain value"
      },
      "roles": {
        "web": {
          "auth_forward": {
            "claude": "api_key"
          },
          "sync_refresh": {},
          "env": {}
        }
      }
    }
    [0]
    "#);
}

#[test]
fn a_workspace_goes_with_all_that_was_said_about_it() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        r#"# Mine.
[claude]
auth_forward = "sync"

# The shop.
[workspaces.shop]
workdir = "/srv/shop"
[workspaces.shop.claude]
auth_forward = "ignore"

# The bank.
[workspaces.bank]
workdir = "/srv/bank"

[workspaces.shop.roles.web.env]
A = "1"
"#,
    );
    assert_snapshot!(said(&environment, "workspace remove shop"), @r"
    workspace shop removed
      with what it said about role web
    [0]
    ");
    assert_snapshot!(text(&environment), @r#"
    # Mine.
    [claude]
    auth_forward = "sync"

    # The shop.

    # The bank.
    [workspaces.bank]
    workdir = "/srv/bank"
    "#);
    assert_snapshot!(said(&environment, "workspace remove shop"), @r#"
    docker-jackin: unknown workspace "shop"
      there are: bank
    [2]
    "#);
}

#[test]
fn an_existing_workspace_is_not_added_again() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[workspaces.shop]\n");
    assert_snapshot!(said(&environment, "workspace add shop"), @r#"
    docker-jackin: there is a workspace "shop" already
      see it: docker jackin workspace show shop
      or begin anew: docker jackin workspace remove shop
    [2]
    "#);
}
