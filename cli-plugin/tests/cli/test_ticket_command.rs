//! `docker jackin ticket`: what is printed, what lies in the ticket, and how
//! tickets are shown and taken back.

use insta::assert_snapshot;
use jackin_oci_hook::ticket::Ticket;

use crate::environment::TestEnvironment;

pub(crate) const CANARY: &str = "sk-ant-oat01-canary-in-no-output-at-all-0123456789";

pub(crate) const ROLE: &str = r#"
[claude]
auth_forward = "oauth_token"
oauth_token = "sk-ant-oat01-canary-in-no-output-at-all-0123456789"
[codex]
auth_forward = "ignore"
[roles.web]
image = "acme/web:1"
agents = ["claude", "codex"]
[workspaces.my-app]
"#;

fn shown(text: &str, ticket: &Ticket) -> String {
    let handle = ticket.handle().expose();
    let (owner, digits) = handle.split_once('.').unwrap();
    let text = text.replace(&handle, "<handle>");
    let text = text.replace(&format!("{owner}.{}", &digits[..12]), "<beginning>");
    text.replace(&format!("owner={owner} "), "owner=<uid> ")
}

/// The one ticket that waits.
fn the_ticket(environment: &TestEnvironment) -> Ticket {
    let mut tickets = environment.tickets();
    assert_eq!(tickets.len(), 1);
    tickets.remove(0)
}

#[test]
fn the_flags_are_one_line_that_a_shell_takes_apart_as_it_is() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(ROLE);
    let outcome = environment.run(&["ticket", "--role", "web", "--workspace", "my-app"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let ticket = the_ticket(&environment);
    let (before, rest) = outcome.stdout.split_once("launch=").unwrap();
    let text = format!("{before}launch=<id>{}", &rest[16..]);
    assert_snapshot!(shown(&text, &ticket), @"--runtime docker-jackin --annotation dev.jackin.ticket=<handle> --label dev.jackin.role=web --label dev.jackin.workspace=my-app --label dev.jackin.owner=<uid> --label dev.jackin.launch=<id> --label dev.jackin.agents=claude,codex");
    assert_snapshot!(outcome.stderr, @r"
    claude auth: long-lived OAuth token (plain value, from global)
    codex auth:  none (manual login required), from global
    ");
    assert_eq!(ticket.payload.env[0].value.expose(), CANARY);
    assert_eq!(
        ticket.limits.image, None,
        "compose and devcontainers name images their own way"
    );
    assert_eq!(ticket.expires - ticket.issued, 15 * 60);
}

#[test]
fn an_old_engine_or_client_is_told_by_variable() {
    for (api, client) in [("1.41", "28.2.2"), ("1.45", "20.10.24+dfsg1")] {
        let environment = TestEnvironment::new(api).docker_version(client);
        environment.configure(ROLE);
        let outcome = environment.run(&["ticket", "--role", "web"]);
        let ticket = the_ticket(&environment);
        let text = shown(&outcome.stdout, &ticket);
        let begins = "--runtime docker-jackin -e DOCKER_JACKIN_TICKET=<handle> --label ";
        assert!(text.starts_with(begins), "{text}");
    }
}

#[test]
fn by_which_way_can_be_said_and_then_no_engine_is_needed() {
    for (by, flag) in [
        ("annotation", "--annotation dev.jackin.ticket=<handle>"),
        ("variable", "-e DOCKER_JACKIN_TICKET=<handle>"),
    ] {
        let environment =
            TestEnvironment::new("1.45").variable("DOCKER_HOST", "unix:///nonexistent");
        environment.configure(ROLE);
        let outcome = environment.run(&["ticket", "--role", "web", "--by", by]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let text = shown(&outcome.stdout, &the_ticket(&environment));
        assert_eq!(text, format!("--runtime docker-jackin {flag}\n"));
    }
}

#[test]
fn an_engine_that_is_down_ends_it_before_any_ticket_lies_there() {
    let environment = TestEnvironment::new("1.45").variable("DOCKER_HOST", "unix:///nonexistent");
    environment.configure(ROLE);
    let outcome = environment.run(&["ticket", "--role", "web"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (125, ""));
    assert_snapshot!(outcome.stderr, @r"
    docker-jackin: cannot reach the engine at unix:///nonexistent: No such file or directory (os error 2)
      is it running? see: docker info
      --by annotation (Docker 24 and newer, Podman), --by variable, and --env-file ask no engine
    ");
    assert!(!environment.has_folder());
    for format in ["json", "handle"] {
        let outcome = environment.run(&["ticket", "--role", "web", "--format", format]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
}

#[test]
fn all_that_was_asked_for_lies_in_the_ticket_and_is_told_to_programs() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(ROLE);
    let outcome = environment.run(&[
        "ticket",
        "--agent",
        "codex",
        "--agent",
        "claude",
        "--image",
        "acme/web:2",
        "--user",
        "1000:1001",
        "--ttl",
        "12h",
        "--containers",
        "3",
        "--format",
        "json",
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let ticket = the_ticket(&environment);
    let mut report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let ends: jiff::Timestamp = report["expires"].as_str().unwrap().parse().unwrap();
    assert_eq!(ends.as_second(), ticket.expires.cast_signed());
    report["expires"] = "<time>".into();
    let text = serde_json::to_string_pretty(&report).unwrap();
    assert_snapshot!(shown(&text, &ticket), @r#"
    {
      "agents": [
        {
          "agent": "codex",
          "mode": "ignore"
        },
        {
          "agent": "claude",
          "mode": "oauth_token"
        }
      ],
      "annotation": "dev.jackin.ticket=<handle>",
      "containers": 3,
      "expires": "<time>",
      "handle": "<handle>",
      "image": "acme/web:2",
      "role": null,
      "runtime": "docker-jackin",
      "user": "1000:1001",
      "variable": "DOCKER_JACKIN_TICKET=<handle>",
      "workspace": null
    }
    "#);
    assert_eq!(ticket.limits.containers, 3);
    assert_eq!(ticket.limits.image.as_deref(), Some("acme/web:2"));
    assert_eq!(ticket.user.map(String::from).as_deref(), Some("1000:1001"));
    assert_eq!(ticket.expires - ticket.issued, 12 * 60 * 60);
}

#[test]
fn the_handle_alone_is_for_a_composes_annotations() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(ROLE);
    let outcome = environment.run(&["ticket", "--format", "handle"]);
    let ticket = the_ticket(&environment);
    assert_eq!(outcome.stdout, format!("{}\n", ticket.handle().expose()));
}

#[test]
fn what_cannot_be_asked_for_is_a_usage_error() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(ROLE);
    for arguments in [
        &["--role", "web", "--agent", "claude"] as &[&str],
        &["--ttl", "0s"],
        &["--ttl", "25h"],
        &["--ttl", "15"],
        &["--containers", "0"],
        &["--containers", "1001"],
        &["--user", "a b"],
        &["--image", "-x"],
        &["--env-file", "x.env", "--format", "json"],
        &["--env-file", "x.env", "--by", "variable"],
        &["--env-file", ""],
        &["--format", "json", "--by", "variable"],
        &["--role", "web", "list"],
        &["revoke"],
        &["revoke", "--all", "1000.a"],
        &["revoke", "x"],
    ] {
        let line = [&["ticket"], arguments].concat();
        let outcome = environment.run(&line);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (2, ""),
            "{arguments:?}"
        );
    }
    assert!(!environment.has_folder());
}

#[test]
fn a_credential_that_cannot_be_had_ends_it_as_elsewhere() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[claude]\nauth_forward = \"oauth_token\"\n");
    let outcome = environment.run(&["ticket", "--format", "handle"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert!(!environment.has_folder());
    let outcome = environment.run(&["ticket", "--role", "wbe"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (2, ""),
        "{}",
        outcome.stderr
    );
}

#[test]
fn scenario_52_tickets_that_wait_are_listed_without_what_would_redeem_them() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(ROLE);
    let outcome = environment.run(&["ticket", "list"]);
    assert_snapshot!(outcome.stdout, @"HANDLE   ROLE   WORKSPACE   AGENTS   IMAGE   USER   CONTAINERS   EXPIRES");
    environment.run(&[
        "ticket",
        "--role",
        "web",
        "--workspace",
        "my-app",
        "--user",
        "dev",
        "--containers",
        "2",
    ]);
    environment.run(&[
        "ticket", "--agent", "codex", "--image", "img:1", "--ttl", "12h",
    ]);
    let tickets = environment.tickets();
    let outcome = environment.run(&["ticket", "list"]);
    let text = tickets
        .iter()
        .fold(outcome.stdout, |text, ticket| shown(&text, ticket));
    // The first column is as wide as a uid makes it.
    let rows = text.lines().map(|row| row.split_once(' ').unwrap());
    let rows: Vec<_> = rows
        .map(|(handle, rest)| format!("{handle} {}", rest.trim_start()))
        .collect();
    assert_snapshot!(rows.join("\n"), @r"
    HANDLE ROLE   WORKSPACE   AGENTS                            IMAGE   USER   CONTAINERS   EXPIRES
    <beginning> web    my-app      claude=oauth_token codex=ignore   -       dev    2            in 14 min
    <beginning> -      -           codex=ignore                      img:1   -      1            in 11 h
    ");

    let outcome = environment.run(&["ticket", "list", "--format", "json"]);
    let text = tickets
        .iter()
        .fold(outcome.stdout, |text, ticket| shown(&text, ticket));
    assert!(
        !text.contains(CANARY) && !text.contains("<handle>"),
        "{text}"
    );
    let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut first = listed[0].clone();
    for key in ["issued", "expires"] {
        let time: Result<jiff::Timestamp, _> = first[key].as_str().unwrap().parse();
        assert!(time.is_ok(), "{text}");
        first[key] = "<time>".into();
    }
    assert_snapshot!(first.to_string(), @r#"{"agents":[{"agent":"claude","mode":"oauth_token"},{"agent":"codex","mode":"ignore"}],"containers":2,"expires":"<time>","handle":"<beginning>","image":null,"issued":"<time>","role":"web","user":"dev","workspace":"my-app"}"#);
}

#[test]
fn tickets_are_taken_back_by_how_their_handles_begin() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(ROLE);
    for _ in 0..4 {
        environment.run(&["ticket", "--format", "handle"]);
    }
    let [first, second, third, _] = environment.tickets().try_into().unwrap();
    let whole = first.handle().expose();
    let listed = second.handle().expose()[..second.handle().expose().len() - 20].to_owned();
    let outcome = environment.run(&["ticket", "revoke", &whole, &listed]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(
        shown(&outcome.stdout, &first).lines().next(),
        Some("revoked <beginning>")
    );
    assert_eq!(environment.tickets().len(), 2);

    let third = third.handle().expose();
    let outcome = environment.run(&["ticket", "revoke", &whole, &third]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert_snapshot!(outcome.stderr.replace(&whole, "<handle>"), @r"
    docker-jackin: no ticket <handle> waits: it was redeemed or taken back, or has ended
      what waits is shown by: docker jackin ticket list
    ");
    assert_eq!(
        environment.tickets().len(),
        1,
        "the other is taken back all the same"
    );

    let outcome = environment.run(&["ticket", "revoke", "--all"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(environment.tickets().len(), 0);
    let outcome = environment.run(&["ticket", "revoke", "--all"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
    assert_snapshot!(outcome.stderr, @"none of your tickets waits for a container");
}

#[test]
fn another_users_ticket_and_a_beginning_of_several_are_refused() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(ROLE);
    let uid = rustix::process::geteuid().as_raw();
    let outcome = environment.run(&["ticket", "revoke", &format!("{}.ab", uid + 1)]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("take it back as that user"),
        "{}",
        outcome.stderr
    );
    // Of 17 tickets two begin with the same digit.
    for _ in 0..17 {
        environment.run(&["ticket", "--format", "handle"]);
    }
    let digits: Vec<_> = environment
        .tickets()
        .iter()
        .map(|one| one.id.as_str()[..1].to_owned())
        .collect();
    let twice = digits
        .iter()
        .find(|one| digits.iter().filter(|other| other == one).count() > 1);
    let outcome = environment.run(&["ticket", "revoke", &format!("{uid}.{}", twice.unwrap())]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("give more of its digits"),
        "{}",
        outcome.stderr
    );
    assert_eq!(environment.tickets().len(), 17);
}

#[test]
fn scenario_41_a_container_of_a_ticket_is_known_by_its_labels() {
    let environment = TestEnvironment::new("1.45");
    environment.write(
        ".claude/.credentials.json",
        r#"{"claudeAiOauth":{"accessToken":"a","refreshToken":"r"}}"#,
    );
    environment.configure(
        "[claude]\nsync_refresh = \"copy\"\n[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n",
    );
    let made = environment.run(&["ticket", "--role", "web"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let labels = made
        .stdout
        .split_whitespace()
        .filter(|word| word.starts_with("dev.jackin."));
    let labels: Vec<_> = labels.filter_map(|label| label.split_once('=')).collect();
    let container = crate::stand_in_engine::Container::running("by-hand", &labels);
    environment.engine().add(container);
    let listed = environment.run(&["ps"]).stdout;
    assert!(
        listed.contains("by-hand   web    -           claude=sync"),
        "{listed}"
    );
    for verb in [
        &["run", "web"] as &[&str],
        &["ticket", "--role", "web", "--format", "handle"],
    ] {
        let shown = environment.run(verb).stderr;
        assert!(
            shown.contains("claude's login is also in use by by-hand"),
            "{shown}"
        );
    }
}
