//! A secret typed on a terminal: never shown, and the terminal is as it was.

use std::io::Write;

use crate::config_scene::{EXAMPLE, example, text};
use crate::terminal::Terminal;

#[test]
fn a_secret_is_typed_unseen() {
    let environment = example();
    let mut terminal = Terminal::new();
    let line = ["config", "env", "set", "NPM_TOKEN", "-"];
    let mut child = terminal.start(&environment, &line);
    terminal.wait_for("the value of NPM_TOKEN (not shown): ");
    assert!(!terminal.shows_what_is_typed());
    terminal.person.write_all(b"canary\n").unwrap();
    assert!(child.wait().unwrap().success());
    terminal.wait_for("plain text");
    assert!(!terminal.seen.contains("canary"), "{}", terminal.seen);
    assert!(terminal.shows_what_is_typed());
    assert!(text(&environment).contains("NPM_TOKEN = \"canary\"\n"));
}

#[test]
fn ctrl_c_gives_up_and_leaves_the_terminal_and_the_file_as_they_were() {
    let environment = example();
    let mut terminal = Terminal::new();
    let line = ["config", "auth", "set", "api_key", "--from", "-"];
    let mut child = terminal.start(&environment, &line);
    terminal.wait_for("claude's api_key (not shown): ");
    terminal.person.write_all(b"cana\x03").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    terminal.wait_for("nothing was changed");
    assert!(!terminal.seen.contains("cana"), "{}", terminal.seen);
    assert!(terminal.shows_what_is_typed());
    assert_eq!(text(&environment), EXAMPLE);
}
