//! `docker-jackin resolve`: what a rule of the policy gives to a container
//! that nobody staged a ticket for.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use jackin_oci_hook::payload::Payload;
use jackin_oci_hook::ticket::{Asked, PolicyRequest, Resolution, Resolved, SCHEMA, to_wiped_json};

use crate::environment::{FAR, Outcome, TestEnvironment};

const ROLE: &str = "[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n";

fn rule() -> PolicyRequest {
    PolicyRequest {
        rule: "agents".to_owned(),
        workspace: None,
        role: Some("web".to_owned()),
        agents: Vec::new(),
        image: Some("img:1".to_owned()),
    }
}

fn ask(environment: &TestEnvironment, asked: Asked, payload: Payload) -> Outcome {
    let question = to_wiped_json(&Resolution {
        schema: SCHEMA,
        asked,
        payload,
    });
    environment.run_with_input(&["resolve"], &question.unwrap())
}

fn given(environment: &TestEnvironment, asked: PolicyRequest) -> Outcome {
    ask(environment, Asked::Policy(asked), Payload::default())
}

fn answer(environment: &TestEnvironment, outcome: &Outcome) -> Resolved {
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    // Outcomes name the home by its variable, and the next question must not.
    let home = environment.home().to_str().unwrap();
    serde_json::from_str(&outcome.stdout.replace("$HOME", home)).unwrap()
}

#[test]
fn a_rule_gives_what_a_launch_of_its_role_in_its_workspace_would() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.write("key", "canary\n");
    environment.configure(&format!(
        "{ROLE}[workspaces.app.claude]\nauth_forward = \"api_key\"\napi_key = \"file:~/key\"\n"
    ));
    let resolved = answer(&environment, &given(&environment, rule()));
    assert_eq!(
        (resolved.payload.env.len(), resolved.payload.files.len()),
        (0, 2)
    );

    let asked = PolicyRequest {
        workspace: Some("app".to_owned()),
        ..rule()
    };
    let resolved = answer(&environment, &given(&environment, asked));
    let variable = &resolved.payload.env[0];
    assert_eq!(variable.name.as_str(), "ANTHROPIC_API_KEY");
    assert_eq!(variable.value.expose(), "canary");
}

#[test]
fn agents_without_a_role_are_given_theirs_once() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"t\"\n\
         [codex]\nauth_forward = \"ignore\"\n",
    );
    let agents = |words: &[&str]| PolicyRequest {
        role: None,
        agents: words.iter().map(|word| (*word).to_owned()).collect(),
        ..rule()
    };
    let asked = agents(&["codex", "claude", "claude"]);
    let resolved = answer(&environment, &given(&environment, asked));
    assert_eq!(resolved.payload.env.len(), 1);

    let outcome = given(&environment, agents(&["clod"]));
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("unknown agent \"clod\""),
        "{}",
        outcome.stderr
    );
}

#[test]
fn its_answer_brings_the_request_by_which_a_restart_goes_on() {
    let environment = TestEnvironment::new("1.45");
    environment.write("key", "first");
    environment.configure(&format!(
        "[claude]\nauth_forward = \"api_key\"\napi_key = \"file:~/key\"\n{ROLE}"
    ));
    let first = answer(&environment, &given(&environment, rule()));
    let request = first.request.unwrap();
    assert!(!request.get().contains("first"), "{}", request.get());
    environment.write("key", "second");
    let again = ask(&environment, Asked::Request(request), first.payload);
    let again = answer(&environment, &again);
    assert_eq!(again.payload.env[0].value.expose(), "second");
    assert!(again.request.is_some());
    let records = fs::read_dir(environment.launches());
    assert_eq!(records.map_or(0, Iterator::count), 0, "nobody launched it");
}

#[test]
fn what_needs_its_user_is_refused_by_its_name_without_asking() {
    let environment = TestEnvironment::new("1.45").variable("KEY", "of the engine's");
    let script = "#!/bin/sh\ntouch \"$HOME/asked\"\necho canary\n";
    let program = environment.write("bin/tell", script);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    environment.configure(&format!(
        "[claude]\nauth_forward = \"api_key\"\napi_key = \"$KEY\"\n{ROLE}[env]\nMORE = \"cmd:tell\"\n"
    ));
    let outcome = given(&environment, rule());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    let needs = "needs its user, and nobody is there when a policy starts a container; keep the \
         value in a file or with a credential helper";
    assert_eq!(
        outcome.stderr,
        format!(
            "docker-jackin: no credential for claude: mode api_key needs one, and $KEY {needs}; \
             no value for MORE ($HOME/.docker/jackin/config.toml:8): cmd:tell {needs}\n"
        )
    );
    assert!(!environment.home().join("asked").exists());
}

#[test]
fn the_words_of_a_helper_that_fails_stay_out_of_the_engines_log() {
    let environment = TestEnvironment::new("1.45");
    let script = "#!/bin/sh\necho it has the canary >&2\nexit 1\n";
    let program = environment.write("bin/docker-credential-odd", script);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    environment.configure(&format!("{ROLE}[env]\nMORE = \"helper:odd/x\"\n"));
    let outcome = given(&environment, rule());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_eq!(
        outcome.stderr,
        "docker-jackin: no value for MORE ($HOME/.docker/jackin/config.toml:5): \
         `docker jackin doctor --resolve` says why\n"
    );

    environment.configure(&format!(
        "[claude]\nauth_forward = \"api_key\"\napi_key = \"helper:odd/x\"\n{ROLE}"
    ));
    let outcome = given(&environment, rule());
    assert_eq!(
        outcome.stderr,
        "docker-jackin: no credential for claude: mode api_key needs one\n"
    );
}

#[test]
fn a_role_or_workspace_that_the_owner_does_not_have_is_named_with_the_file() {
    let environment = TestEnvironment::new("1.45");
    for (config, workspace, says) in [
        ("", None, "unknown role \"web\""),
        (ROLE, Some("app"), "unknown workspace \"app\""),
    ] {
        environment.configure(config);
        let asked = PolicyRequest {
            workspace: workspace.map(str::to_owned),
            ..rule()
        };
        let outcome = given(&environment, asked);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
        let expected = format!("docker-jackin: {says} in $HOME/.docker/jackin/config.toml\n");
        assert_eq!(outcome.stderr, expected);
    }
}
