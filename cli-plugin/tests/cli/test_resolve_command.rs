//! `docker-jackin resolve`: what a container gets when it starts again.

use jackin_oci_hook::payload::{Delivery, Payload};
use jackin_oci_hook::secret::Secret;
use jackin_oci_hook::ticket::{Asked, Resolution, Resolved, SCHEMA, to_wiped_json};

use crate::environment::{FAR, Outcome, TestEnvironment};

const ROLE: &str = "[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n";

/// Launches, changes the configuration, and asks the resolver.
fn resolved_after(environment: &TestEnvironment, changed: &str) -> Outcome {
    launched_and_resolved(environment, &["run", "web"], changed)
}

fn launched_and_resolved(environment: &TestEnvironment, launch: &[&str], changed: &str) -> Outcome {
    let launch = environment.run(launch);
    assert_eq!(launch.code, 7, "{}", launch.stderr);
    environment.configure(changed);
    resolved(environment)
}

/// Asks the resolver about the ticket of the last launch.
fn resolved(environment: &TestEnvironment) -> Outcome {
    let ticket = environment.ticket();
    let question = to_wiped_json(&Resolution {
        schema: SCHEMA,
        asked: Asked::Request(ticket.request.unwrap()),
        payload: ticket.payload,
    });
    environment.run_with_input(&["resolve"], &question.unwrap())
}

fn payload_of(outcome: &Outcome) -> Payload {
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let resolved: Resolved = serde_json::from_str(&outcome.stdout).unwrap();
    resolved.payload
}

#[test]
fn scenario_33_a_changed_mode_holds_from_the_next_start_on() {
    let environment = TestEnvironment::new("1.45");
    environment.write(
        ".claude/.credentials.json",
        r#"{"claudeAiOauth":{"accessToken":"access"}}"#,
    );
    environment.configure(ROLE);
    let token = "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"tok\"\n";
    let outcome = resolved_after(&environment, &format!("{token}{ROLE}"));
    let payload = payload_of(&outcome);
    assert_eq!(payload.env[0].name.as_str(), "CLAUDE_CODE_OAUTH_TOKEN");
    assert_eq!(payload.files.len(), 1, "only the seed");
}

#[test]
fn scenario_32_ignore_revokes_from_the_next_start_on() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(&format!(
        "[claude]\nauth_forward = \"api_key\"\napi_key = \"k\"\n{ROLE}"
    ));
    let outcome = resolved_after(
        &environment,
        &format!("[claude]\nauth_forward = \"ignore\"\n{ROLE}"),
    );
    assert_eq!(payload_of(&outcome), Payload::default());
}

#[test]
fn a_request_that_cannot_be_resolved_ends_with_a_reason_and_no_value() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(&format!(
        "[claude]\nauth_forward = \"api_key\"\napi_key = \"canary\"\n{ROLE}"
    ));
    let outcome = resolved_after(&environment, "[env]\n");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_eq!(
        outcome.stderr,
        "docker-jackin: the role web is no longer in $HOME/.docker/jackin/config.toml\n"
    );

    let outcome = environment.run_with_input(&["resolve"], br#"{"schema":1,"payload":"canary"}"#);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
}

/// The login in a payload, which is its first file.
fn login_in(payload: &mut Payload) -> &mut Secret {
    match &mut payload.files[0].delivery {
        Delivery::Bind { content } | Delivery::Live { content, .. } => content,
        other => panic!("the first file is the login: {other:?}"),
    }
}

#[test]
fn scenario_38_a_login_made_in_the_container_is_kept_start_after_start() {
    let environment = TestEnvironment::new("1.45");
    let host = |token: &str| {
        let text = format!(r#"{{"claudeAiOauth":{{"accessToken":"{token}"}}}}"#);
        environment.write(".claude/.credentials.json", &text);
    };
    host("canary-host");
    environment.configure(&format!("[claude]\nsync_refresh = \"copy\"\n{ROLE}"));
    let launch = environment.run(&["run", "web"]);
    assert_eq!(launch.code, 7, "{}", launch.stderr);
    let ticket = environment.ticket();
    let mut request = ticket.request.unwrap();
    assert!(!request.get().contains("canary"), "{}", request.get());

    let own = r#"{"claudeAiOauth":{"accessToken":"own","refreshToken":"its"}}"#;
    let mut payload = ticket.payload;
    payload.files[0].delivery = Delivery::Bind {
        content: Secret::new(own.to_owned()),
    };
    let mut start = |payload: Payload| {
        let question = to_wiped_json(&Resolution {
            schema: SCHEMA,
            asked: Asked::Request(request.clone()),
            payload,
        });
        let outcome = environment.run_with_input(&["resolve"], &question.unwrap());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        // Outcomes name the home by its variable, and the next question must not.
        let home = environment.home().to_str().unwrap();
        let answer = outcome.stdout.replace("$HOME", home);
        let resolved: Resolved = serde_json::from_str(&answer).unwrap();
        request = resolved.request.unwrap();
        resolved.payload
    };
    for _ in 0..2 {
        payload = start(payload);
        assert_eq!(login_in(&mut payload).expose(), own);
    }
    host("canary-newer");
    payload = start(payload);
    assert!(login_in(&mut payload).expose().contains("canary-newer"));
    assert!(!request.get().contains("canary"), "{}", request.get());
}

#[test]
fn an_image_without_a_role_is_resolved_with_its_own_agents() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[claude]\nauth_forward = \"ignore\"\n");
    let launch = ["run", "--image", "i", "--agent", "claude"];
    let token = "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"tok\"\n";
    let payload = payload_of(&launched_and_resolved(&environment, &launch, token));
    assert_eq!(payload.env[0].name.as_str(), "CLAUDE_CODE_OAUTH_TOKEN");
}

#[test]
fn a_restart_keeps_the_record_of_its_launch_up_to_date() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.configure(ROLE);
    let token = "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"tok\"\n";
    payload_of(&resolved_after(&environment, &format!("{token}{ROLE}")));
    let mut records = std::fs::read_dir(environment.launches()).unwrap();
    let record = std::fs::read_to_string(records.next().unwrap().unwrap().path()).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let login = &record["agents"][0];
    assert_eq!(login["mode"], "oauth_token");
    assert_eq!(login["source"], "plain value");
    assert_eq!(
        (&login["ends"], &login["origin"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    assert_eq!(
        (&record["role"], &record["image"]),
        (&"web".into(), &"i".into())
    );
}

#[test]
fn a_request_of_another_version_is_refused_with_what_to_do() {
    let environment = TestEnvironment::new("1.45");
    let first = r#"{"version":1,"role":"web","workspace":null,"modes":{},"given":[],"config_file":"/c","home":"/h","places":{}}"#;
    let question = to_wiped_json(&Resolution {
        schema: SCHEMA,
        asked: Asked::Request(serde_json::value::RawValue::from_string(first.to_owned()).unwrap()),
        payload: Payload::default(),
    });
    let outcome = environment.run_with_input(&["resolve"], &question.unwrap());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_eq!(
        outcome.stderr,
        "docker-jackin: the request is not one of version 2; start the container anew\n"
    );
}

#[test]
fn scenario_41b_a_restart_writes_the_record_of_its_launch_that_has_gone_anew() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.configure(ROLE);
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    let record = || {
        let mut records = std::fs::read_dir(environment.launches()).unwrap();
        let path = records.next().expect("a record").unwrap().path();
        let text = std::fs::read_to_string(path).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let before = record();
    std::fs::remove_dir_all(environment.launches()).unwrap();
    assert_eq!(payload_of(&resolved(&environment)).files.len(), 2);
    let after = record();
    for same in ["id", "role", "workspace", "socket"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    for same in ["agent", "mode", "origin", "ends", "follows"] {
        assert_eq!(
            after["agents"][0][same], before["agents"][0][same],
            "{same}"
        );
    }
}
