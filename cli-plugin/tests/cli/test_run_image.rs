//! `docker jackin run --image`: a container without any configuration.

use insta::assert_snapshot;

use crate::environment::{FAR, TestEnvironment};

#[test]
fn scenario_72_an_image_starts_without_any_configuration() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    let outcome = environment.run(&[
        "run",
        "--image",
        "acme/web:1",
        "--agent",
        "claude",
        "--agent=codex",
        "-h",
        "box",
        "-it",
        "--",
        "sh",
        "-c",
        "--",
    ]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("forwarded host session (sync)"));
    let argv = environment.docker_argv().unwrap();
    assert_snapshot!(argv.join("|"), @"run|--runtime|docker-jackin|--annotation|dev.jackin.ticket=<handle>|--label|dev.jackin.role=|--label|dev.jackin.owner=<uid>|--label|dev.jackin.launch=<id>|--label|dev.jackin.agents=claude,codex|-h|box|-it|acme/web:1|sh|-c|--");
    let request: serde_json::Value =
        serde_json::from_str(environment.ticket().request.unwrap().get()).unwrap();
    assert_eq!(
        request["subject"],
        serde_json::json!({"image": {"image": "acme/web:1", "agents": ["claude", "codex"]}})
    );
}

#[test]
fn the_workspace_around_the_folder_counts_for_an_image_too() {
    let environment = TestEnvironment::new("1.45");
    let home = environment.home().display();
    environment.configure(&format!(
        "[workspaces.w]\nworkdir = \"{home}\"\n[workspaces.w.claude]\nauth_forward = \"ignore\"\n"
    ));
    let outcome = environment.run(&["run", "--image", "i"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert_snapshot!(outcome.stderr, @"claude auth: none (manual login required), from workspace w");
    let argv = environment.docker_argv().unwrap().join("|");
    assert!(argv.contains("dev.jackin.workspace=w"), "{argv}");
}

#[test]
fn scenario_72_the_command_of_an_image_may_follow_at_once() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[claude]\nauth_forward = \"ignore\"\n");
    let outcome = environment.run(&["run", "--image", "i", "--", "sh", "-c", "a -- b"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let argv = environment.docker_argv().unwrap().join("|");
    assert!(argv.ends_with("agents=claude|i|sh|-c|a -- b"), "{argv}");
}
