//! A secret typed on a terminal: never shown, and the terminal is as it was.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::config_scene::{EXAMPLE, example, text};
use crate::environment::TestEnvironment;

/// How long something on the screen is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal with a person at it.
struct Terminal {
    person: File,
    program: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let person = File::from(person);
        let mut eyes = person.try_clone().unwrap();
        let (seen, screen) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 1024];
            while let Ok(count @ 1..) = eyes.read(&mut chunk) {
                if seen.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            person,
            program,
            screen,
            seen: String::new(),
        }
    }

    /// Starts the program here.
    fn start(&self, environment: &TestEnvironment, words: &[&str]) -> Child {
        let end = || self.program.try_clone().unwrap();
        Command::new(env!("CARGO_BIN_EXE_docker-jackin"))
            .args(words)
            .env_clear()
            .env("HOME", environment.home())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap()
    }

    /// Waits until the screen shows it.
    fn wait_for(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let chunk = self.screen.recv_timeout(PATIENCE);
            let chunk = chunk.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.seen));
            self.seen += &String::from_utf8_lossy(&chunk);
        }
    }

    fn shows_what_is_typed(&self) -> bool {
        let modes = tcgetattr(&self.program).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ISIG)
    }
}

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
