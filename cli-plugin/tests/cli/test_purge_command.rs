//! `docker jackin purge`: what goes, and that nothing does unasked.

use std::fs;
use std::io::Write;

use insta::assert_snapshot;

use crate::environment::TestEnvironment;
use crate::stand_in_engine::Container;
use crate::terminal::Terminal;

const ROLES: &str = r#"
[claude]
auth_forward = "ignore"
[roles.web]
image = "i"
agents = ["claude"]
[roles.api]
image = "i"
agents = ["claude"]
"#;

/// Two roles, launched; nobody has come for their tickets yet.
fn launched() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45").variable("LEAVES_TICKET", "1");
    environment.configure(ROLES);
    for (role, name) in [("web", "web-1"), ("api", "api-1")] {
        assert_eq!(environment.run(&["run", role]).code, 7);
        environment.add_launched(name);
        // The relay takes the ticket with docker's end: here it is put back,
        // as a kill of both would leave it.
        assert!(environment.ticket_is_gone());
        environment.put_ticket_back();
    }
    environment
}

#[test]
fn a_roles_containers_records_and_tickets_go_and_no_others() {
    let environment = launched();
    let outcome = environment.run(&["purge", "web", "--force"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_snapshot!(outcome.stdout, @r"
    removed container web-1
    removed 1 unused ticket
    ");
    assert_eq!(environment.engine().names(), ["api-1"]);
    let left = |folder: &str| {
        let folder = environment.launches().with_file_name(folder);
        fs::read_dir(folder).unwrap().count()
    };
    assert_eq!((left("launches"), left("tickets")), (1, 1));
}

#[test]
fn a_container_that_stays_keeps_nothing_else_and_is_a_failure() {
    let environment = launched();
    let stuck = Container::served("stuck", "web", "claude").stuck();
    environment.engine().add(stuck);
    let outcome = environment.run(&["purge", "web", "--force"]);
    assert_eq!(outcome.code, 125);
    let told = "1 container is not removed\n  stuck: ";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    assert_eq!(environment.engine().names(), ["api-1", "stuck"]);
    let tickets = environment.launches().with_file_name("tickets");
    assert_eq!(
        fs::read_dir(tickets).unwrap().count(),
        1,
        "the other role's"
    );
}

#[test]
fn nothing_goes_unasked_where_nobody_can_be_asked() {
    let environment = launched();
    let outcome = environment.run(&["purge", "web"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert_snapshot!(outcome.stderr, @r"
    docker-jackin: purging would remove web-1, and there is no terminal to ask on
      give --force to remove without asking
    ");
    assert_eq!(environment.engine().names(), ["web-1", "api-1"]);
}

#[test]
fn what_has_no_containers_needs_no_question() {
    let environment = TestEnvironment::new("1.45");
    let outcome = environment.run(&["purge", "web"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
    assert_snapshot!(outcome.stderr, @"nothing is kept for role web");
}

#[test]
fn on_a_terminal_only_a_yes_lets_the_containers_go() {
    for (answer, code, left) in [("\n", 1, 2), ("n\n", 1, 2), ("y\n", 0, 1)] {
        let environment = TestEnvironment::new("1.45");
        environment.serve("web-1", "web", "claude");
        environment.serve("api-1", "api", "claude");
        let mut terminal = Terminal::new();
        let mut child = terminal.start(&environment, &["purge", "web"]);
        terminal.wait_for("stops and removes web-1, with all files in there");
        terminal.wait_for("Go on? [y/N] ");
        terminal.person.write_all(answer.as_bytes()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{answer:?}");
        assert_eq!(environment.engine().names().len(), left, "{answer:?}");
        let told = if code == 0 {
            "removed container web-1"
        } else {
            "nothing is removed"
        };
        terminal.wait_for(told);
    }
}
