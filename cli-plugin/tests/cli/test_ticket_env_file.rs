//! `docker jackin ticket --env-file`: as a devcontainer's `initializeCommand`
//! gives it, again and again and with no engine.

use std::fs;
use std::os::unix::fs::symlink;

use insta::{allow_duplicates, assert_snapshot};

use crate::environment::TestEnvironment;
use crate::test_ticket_command::{CANARY, ROLE};

fn without_engine() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45").variable("DOCKER_HOST", "unix:///nonexistent");
    environment.configure(ROLE);
    environment
}

#[test]
fn scenario_52_written_again_it_takes_the_former_ticket_back() {
    let environment = without_engine();
    let path = environment.home().join("new/web.env");
    let path = path.to_str().unwrap();
    let line = [
        "ticket",
        "--role",
        "web",
        "--containers",
        "2",
        "--env-file",
        path,
    ];
    let mut former = None;
    for _ in 0..3 {
        let outcome = environment.run(&line);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (0, ""),
            "{}",
            outcome.stderr
        );
        let tickets = environment.tickets();
        assert_eq!(tickets.len(), 1, "the former is gone");
        let handle = tickets[0].handle().expose();
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains(CANARY));
        let expires = jiff::Timestamp::from_second(tickets[0].expires.cast_signed()).unwrap();
        let text = text
            .replace(&handle, "<handle>")
            .replace(&expires.to_string(), "<time>");
        allow_duplicates! {
            assert_snapshot!(text, @r"
            # Made by `docker jackin ticket`, and made anew each time.
            # No login is in here: with this handle 2 containers can redeem a ticket, until <time>.
            DOCKER_JACKIN_TICKET=<handle>
            ");
        }
        assert_ne!(former.replace(handle.clone()), Some(handle));
    }
    // Another file's ticket, and one that was redeemed, are none of its own.
    environment.run(&["ticket", "--env-file", "other.env"]);
    assert_eq!(environment.tickets().len(), 2);
    environment.run(&["ticket", "revoke", &former.unwrap()]);
    assert_eq!(environment.run(&line).code, 0);
    assert_eq!(environment.tickets().len(), 2);
}

#[test]
fn a_file_that_is_not_ours_is_left_alone_and_no_value_is_read() {
    let environment = without_engine();
    environment.write("mine.env", "A=1\n");
    symlink("mine.env", environment.home().join("link.env")).unwrap();
    environment.write("folder/x", "");
    let mut shown = String::new();
    for name in ["mine.env", "link.env", "folder"] {
        let outcome = environment.run(&["ticket", "--role", "web", "--env-file", name]);
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        shown.push_str(&outcome.stderr);
    }
    assert_snapshot!(shown, @r"
    docker-jackin: $HOME/mine.env is left alone: it is none that this command made
      remove it, or name another: --env-file PATH
    docker-jackin: $HOME/link.env is left alone: it is a symbolic link
      remove it, or name another: --env-file PATH
    docker-jackin: $HOME/folder is left alone: it is no regular file
      remove it, or name another: --env-file PATH
    ");
    assert_eq!(
        fs::read_to_string(environment.home().join("mine.env")).unwrap(),
        "A=1\n"
    );
    assert!(!environment.has_folder());
}

#[test]
fn a_file_that_cannot_be_written_leaves_no_ticket_behind() {
    let environment = without_engine();
    environment.write("file", "");
    let outcome = environment.run(&["ticket", "--env-file", "file/below/web.env"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let outcome = environment.run(&["ticket", "--env-file", "/proc/web.env"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert_eq!(environment.tickets().len(), 0);
}

#[test]
fn an_env_file_that_a_credential_is_missing_for_stays_what_it_was() {
    let environment = without_engine();
    let line = ["ticket", "--role", "web", "--env-file", "web.env"];
    assert_eq!(environment.run(&line).code, 0);
    let before = environment.tickets()[0].handle();
    environment.configure("[claude]\nauth_forward = \"oauth_token\"\n[roles.web]\nimage = \"i\"\n");
    let outcome = environment.run(&line);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let handle = environment.tickets()[0].handle();
    assert_eq!(handle, before);
    let text = fs::read_to_string(environment.home().join("web.env")).unwrap();
    assert!(text.contains(&handle.expose()));
}
