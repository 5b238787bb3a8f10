//! A D-Bus session with a real keyring in it, for one test.

use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::token_machine::{Machine, installed};

/// Asks the Secret Service for something; the rest is one method's.
const ASK: &str = "gdbus call --session --dest org.freedesktop.secrets --object-path";

/// The bus, and the keyring on it. Both end with it.
pub(crate) struct KeyringSession {
    pub(crate) machine: Machine,
    bus: Child,
    keyring: Option<Child>,
}

impl KeyringSession {
    /// A session without a keyring, on a machine with these programs and no
    /// others. Only `XDG_RUNTIME_DIR` leads to it.
    pub(crate) fn without_keyring(programs: &[&str]) -> Self {
        let mut machine = Machine::with(programs);
        let run = machine.home.path().join("run");
        DirBuilder::new().mode(0o700).create(&run).unwrap();
        machine.set("XDG_RUNTIME_DIR", run.to_str().unwrap());
        let mut bus = Command::new(installed("dbus-daemon"));
        bus.args(["--session", "--nofork", "--nopidfile", "--print-address"]);
        bus.arg(format!("--address=unix:path={}/bus", run.display()));
        let mut bus = start(bus, &machine);
        let mut address = String::new();
        let mut output = BufReader::new(bus.stdout.take().unwrap());
        output.read_line(&mut address).unwrap();
        assert!(address.starts_with("unix:path="), "{address}");
        Self {
            machine,
            bus,
            keyring: None,
        }
    }

    /// A session with a keyring that is unlocked.
    pub(crate) fn unlocked(programs: &[&str]) -> Self {
        let mut session = Self::without_keyring(programs);
        let mut keyring = Command::new(installed("gnome-keyring-daemon"));
        keyring.args(["--foreground", "--unlock", "--components=secrets"]);
        keyring.env("DBUS_SESSION_BUS_ADDRESS", session.address());
        let mut keyring = start(keyring, &session.machine);
        let mut password = keyring.stdin.take().unwrap();
        password.write_all(b"password").unwrap();
        drop(password);
        session.keyring = Some(keyring);
        let until = Instant::now() + Duration::from_secs(20);
        // To ask one that does not run yet would start another.
        while !(session.has_keyring() && session.says("(<false>,)")) {
            assert!(Instant::now() < until, "the keyring is not unlocked");
            std::thread::sleep(Duration::from_millis(20));
        }
        session
    }

    /// Locks the keyring, as leaving the desk does.
    pub(crate) fn lock(&self) {
        let collection = "/org/freedesktop/secrets/collection/login";
        let lock = "org.freedesktop.Secret.Service.Lock";
        self.ask(&format!(
            "/org/freedesktop/secrets --method {lock} \"['{collection}']\""
        ));
        assert!(self.says("(<true>,)"));
    }

    /// Whether a keyring runs.
    pub(crate) fn has_keyring(&self) -> bool {
        let object = "/org/freedesktop/DBus --method org.freedesktop.DBus.NameHasOwner";
        let asked = format!(
            "gdbus call --session --dest org.freedesktop.DBus --object-path {object} org.freedesktop.secrets"
        );
        self.run(&asked).contains("true")
    }

    fn says(&self, locked: &str) -> bool {
        let get = "org.freedesktop.DBus.Properties.Get org.freedesktop.Secret.Collection Locked";
        let answer = self.ask(&format!(
            "/org/freedesktop/secrets/aliases/default --method {get}"
        ));
        answer.trim() == locked
    }

    fn ask(&self, method: &str) -> String {
        self.run(&format!("{ASK} {method} 2>&1 || :"))
    }

    fn run(&self, line: &str) -> String {
        let (path, address) = ("PATH=/usr/bin:/bin", self.address());
        self.machine.shell(&format!(
            "export {path} DBUS_SESSION_BUS_ADDRESS={address}; {line}"
        ))
    }

    fn address(&self) -> String {
        format!("unix:path={}/run/bus", self.machine.home.path().display())
    }
}

/// Starts a part of the session, whose words nobody reads.
fn start(mut command: Command, machine: &Machine) -> Child {
    let home = machine.home.path();
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin");
    command.env("XDG_RUNTIME_DIR", home.join("run"));
    command.env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}/run/bus", home.display()),
    );
    let _ = fs::create_dir_all(home.join(".local/share"));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

impl Drop for KeyringSession {
    fn drop(&mut self) {
        // What the bus has started ends with it.
        for child in self.keyring.iter_mut().chain([&mut self.bus]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
