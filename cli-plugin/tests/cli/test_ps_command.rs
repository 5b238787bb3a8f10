//! `docker jackin ps`: the list on the screen and for programs.

use insta::assert_snapshot;

use crate::environment::{FAR, TestEnvironment};
use crate::stand_in_engine::Container;

const CONFIGURATION: &str = r#"
[roles.web]
image = "acme/web:1"
agents = ["claude", "codex"]
[roles.api]
image = "acme/api:1"
agents = ["claude"]
[codex]
auth_forward = "api_key"
api_key = "canary-key"
[workspaces.my-app]
"#;

/// Launches a container and lets the engine have it.
fn launch(environment: &TestEnvironment, arguments: &[&str], name: &str) {
    let outcome = environment.run(arguments);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    environment.add_launched(name);
}

fn with_launches(ends: u64) -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(ends);
    environment.configure(CONFIGURATION);
    let in_workspace = ["run", "--workspace", "my-app", "web"];
    launch(&environment, &in_workspace, "web-1");
    launch(&environment, &["run", "api"], "api-1");
    environment
}

#[test]
fn running_containers_are_listed_with_modes_and_the_end_of_their_login() {
    let environment = with_launches(1_000_000_000);
    // Without a record little is known, and one of another runtime is not ours.
    environment.serve("lost", "web", "claude");
    let forged = Container::served("forged", "web", "claude").runtime("runc");
    environment.engine().add(forged);
    environment.engine().add(Container::running("other", &[]));
    environment
        .engine()
        .add(Container::served("ended", "web", "").state("exited"));
    let outcome = environment.run(&["ps"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let ended = outcome.stdout.find("claude ended ").unwrap() + "claude ended ".len();
    let days = outcome.stdout[ended..].split(" ago").next().unwrap();
    assert_snapshot!(outcome.stdout.replace(days, "<span>"), @r"
    NAME    ROLE   WORKSPACE   AGENTS                      STATUS       LOGIN ENDS
    api-1   api    -           claude=sync                 Up 3 hours   claude ended <span> ago (live)
    lost    web    -           claude                      Up 3 hours   -
    web-1   web    my-app      claude=sync codex=api_key   Up 3 hours   claude ended <span> ago (live)
    ");
    let all = environment.run(&["ps", "--all"]).stdout;
    assert!(all.contains("\nended "), "{all}");
    assert!(!all.contains("forged"), "{all}");
}

#[test]
fn a_login_that_holds_says_for_how_long() {
    let environment = with_launches(FAR);
    let shown = environment.run(&["ps"]).stdout;
    assert!(shown.contains("   claude in "), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn programs_get_the_same_as_json() {
    let environment = with_launches(1_000_000_000);
    let outcome = environment.run(&["ps", "--format", "json"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let mut listed: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    for one in listed.as_array_mut().unwrap() {
        assert_eq!(one["launch"].as_str().unwrap().len(), 16);
        one["launch"] = "<id>".into();
    }
    assert_snapshot!(serde_json::to_string_pretty(&listed[1]).unwrap(), @r#"
    {
      "agents": [
        {
          "agent": "claude",
          "ends": "2001-09-09T01:46:40Z",
          "mode": "sync",
          "scope": null,
          "source": "$HOME/.claude/.credentials.json",
          "sync": {
            "other_account": false,
            "since": null,
            "state": "live"
          }
        },
        {
          "agent": "codex",
          "ends": null,
          "mode": "api_key",
          "scope": "global",
          "source": "plain value",
          "sync": null
        }
      ],
      "created": "2023-11-14T22:13:20Z",
      "id": "id-of-web-1",
      "image": "acme/web:1",
      "launch": "<id>",
      "name": "web-1",
      "role": "web",
      "state": "running",
      "status": "Up 3 hours",
      "workspace": "my-app"
    }
    "#);
    let names: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["api-1", "web-1"]);
}

#[test]
fn no_container_is_an_empty_list() {
    let environment = TestEnvironment::new("1.45");
    assert_snapshot!(environment.run(&["ps"]).stdout, @"NAME   ROLE   WORKSPACE   AGENTS   STATUS   LOGIN ENDS");
    assert_eq!(environment.run(&["ps", "--format=json"]).stdout, "[]\n");
}

#[test]
fn an_engine_that_is_gone_is_trouble_of_its_own() {
    let environment = TestEnvironment::new("1.45");
    let outcome = environment.run(&["-H", "unix:///nonexistent.sock", "ps"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (125, ""));
    assert!(
        outcome.stderr.contains("cannot reach the engine"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn scenario_52_the_record_of_a_container_that_is_gone_is_swept_in_time() {
    let environment = with_launches(FAR);
    let records = || std::fs::read_dir(environment.launches()).unwrap().count();
    environment.engine().forget("web-1");
    environment.run(&["ps"]);
    assert_eq!(records(), 2, "its image may still be pulled");
    for entry in std::fs::read_dir(environment.launches()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
        record["created"] = 1.into();
        std::fs::write(path, record.to_string()).unwrap();
    }
    environment.run(&["ps"]);
    assert_eq!(records(), 1);
}

#[test]
fn a_label_that_would_move_the_cursor_is_not_shown() {
    let environment = TestEnvironment::new("1.45");
    environment.serve("hostile", "we\u{1b}[2Jb", "cl\u{1b}[1maude");
    let shown = environment.run(&["ps"]).stdout;
    assert!(shown.contains("hostile   -"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
}
