//! A terminal with a person at it, for what is asked there.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::environment::TestEnvironment;

/// How long something on the screen is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal with a person at it.
pub(crate) struct Terminal {
    /// What is typed goes here.
    pub(crate) person: File,
    program: File,
    screen: Receiver<Vec<u8>>,
    /// All that was shown so far.
    pub(crate) seen: String,
}

impl Terminal {
    /// A fresh one.
    pub(crate) fn new() -> Self {
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
    pub(crate) fn start(&self, environment: &TestEnvironment, words: &[&str]) -> Child {
        let end = || self.program.try_clone().unwrap();
        environment
            .command(words)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap()
    }

    /// A command whose result goes into a pipe, while the person sees the
    /// rest.
    pub(crate) fn command(&self, environment: &TestEnvironment, words: &[&str]) -> Command {
        let end = || self.program.try_clone().unwrap();
        let mut command = environment.command(words);
        command.stdin(end()).stderr(end());
        command
    }

    /// Takes in all that is shown by now.
    pub(crate) fn look(&mut self) {
        while let Ok(chunk) = self.screen.recv_timeout(Duration::from_millis(100)) {
            self.seen += &String::from_utf8_lossy(&chunk);
        }
    }

    /// Waits until the screen shows it.
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let chunk = self.screen.recv_timeout(PATIENCE);
            let chunk = chunk.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.seen));
            self.seen += &String::from_utf8_lossy(&chunk);
        }
    }

    /// Whether what is typed is shown, and keys such as Ctrl-C count.
    pub(crate) fn shows_what_is_typed(&self) -> bool {
        let modes = tcgetattr(&self.program).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ISIG)
    }
}
