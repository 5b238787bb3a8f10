//! `docker jackin role`: added, shown, removed, and the rest untouched.

use std::fs;

use insta::assert_snapshot;

use crate::environment::TestEnvironment;

fn said(environment: &TestEnvironment, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let outcome = environment.run(&words);
    format!("{}{}[{}]", outcome.stdout, outcome.stderr, outcome.code)
}

fn text(environment: &TestEnvironment) -> String {
    fs::read_to_string(environment.home().join(".docker/jackin/config.toml")).unwrap()
}

#[test]
fn a_role_is_an_image_and_its_agents() {
    let environment = TestEnvironment::new("1.45");
    assert_snapshot!(said(&environment, "role list"), @r"
    no roles; add one: docker jackin role add NAME --image IMAGE
    [0]
    ");
    assert_snapshot!(said(&environment, "role add web --image acme/web:1"), @r"
    role web added; start it: docker jackin run web
    [0]
    ");
    let line =
        "role add api --image acme/api:2 --agent claude --agent codex --run --memory --run 4g";
    assert!(said(&environment, line).ends_with("[0]"));
    assert_snapshot!(text(&environment), @r#"
    [roles.web]
    image = "acme/web:1"
    agents = ["claude"]

    [roles.api]
    image = "acme/api:2"
    agents = ["claude", "codex"]
    run = ["--memory", "4g"]
    "#);
    assert_snapshot!(said(&environment, "role list"), @r"
    NAME   IMAGE        AGENTS
    api    acme/api:2   claude, codex
    web    acme/web:1   claude
    [0]
    ");
    assert_snapshot!(said(&environment, "role show api"), @r"
    role api
      image: acme/api:2
      agents: claude, codex
      docker run: --memory 4g
    [0]
    ");
    assert_snapshot!(said(&environment, "role show api --format json"), @r#"
    {
      "name": "api",
      "image": "acme/api:2",
      "agents": [
        "claude",
        "codex"
      ],
      "run": [
        "--memory",
        "4g"
      ],
      "env": {},
      "workspaces": []
    }
    [0]
    "#);
}

#[test]
fn a_role_that_was_added_can_be_started() {
    let environment = TestEnvironment::new("1.45");
    for line in ["role add web --image acme/web:1", "config auth set ignore"] {
        assert!(said(&environment, line).ends_with("[0]"), "{line}");
    }
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert!(
        environment
            .docker_argv()
            .unwrap()
            .contains(&"acme/web:1".to_owned())
    );
}

#[test]
fn an_agent_that_is_named_twice_is_one() {
    let environment = TestEnvironment::new("1.45");
    let line = "role add x --image y --agent codex --agent claude --agent codex";
    assert!(said(&environment, line).ends_with("[0]"));
    assert!(text(&environment).contains(r#"agents = ["codex", "claude"]"#));
}

#[test]
fn a_role_goes_with_what_workspaces_say_about_it() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        r#"[roles.web]
image = "i"
agents = ["claude"]
[roles.web.env]
A = "1"

# The shop.
[workspaces.shop]
trust = true
[workspaces.shop.roles.web.claude]
auth_forward = "ignore"
"#,
    );
    assert_snapshot!(said(&environment, "role remove web"), @r"
    role web removed
      with what workspace shop said about it
    [0]
    ");
    assert_snapshot!(text(&environment), @r"
    # The shop.
    [workspaces.shop]
    trust = true
    ");
}

#[test]
fn scenario_74_a_role_that_cannot_be_is_refused() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[roles.web]\nimage = \"i\"\nagents = []\n");
    let refusals = [
        "role add web --image x",
        "role add .x --image y",
        "role add x --image ",
        "role add x --image y --run stray",
        "role show wep",
    ]
    .map(|line| said(&environment, line));
    assert_snapshot!(refusals.join("\n"), @r#"
    docker-jackin: there is a role "web" already
      see it: docker jackin role show web
      or begin anew: docker jackin role remove web
    [2]
    docker-jackin: ".x" cannot be the name of a role
      a name has letters, digits, `_`, `.` and `-`, and begins with a letter or digit
    [2]
    error: invalid value '' for '--image <IMAGE>': an image is a name, such as acme/web-agent:1

    For more information, try '--help'.
    [2]
    docker-jackin: "stray" is no flag of `docker run`
      give a flag with its value as --run=--flag=value
    [2]
    docker-jackin: unknown role "wep"
      did you mean "web"?
    [2]
    "#);
}
