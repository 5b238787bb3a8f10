//! A watcher with the clock of a hurry, a home of its own, and a stand-in for
//! the vendor's program.

mod lifetime;
mod login;
mod renewal;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant, SystemTime};

use jackin_oci_hook::published::{Inode, LEASE_SCHEMA, LEASES, Lease, LoginId};
use serde_json::{Value, json};

use super::*;
use crate::agent::Agent;
use crate::agent::login::Found;
use crate::handoff::TicketFolder;
use crate::host::Host;
use crate::live::{LoginFolder, Machine, Publication, State, Wanted};

/// How long a test waits for what must come. It is not what it takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A machine with a login of Claude's.
struct Scene {
    home: tempfile::TempDir,
    memory: tempfile::TempDir,
    logins: Logins,
    pace: Pace,
}

/// A watcher that runs in a thread.
struct Running {
    end: Arc<AtomicBool>,
    news: UnixStream,
    said: Arc<Mutex<Vec<String>>>,
    number: Arc<Mutex<String>>,
    thread: Option<JoinHandle<Ending>>,
}

/// The vendor's program: notes that it was called, and does what `behaviour`
/// has it do.
const CLAUDE: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/calls"
env > "$HOME/env"
echo me@example.org
. "$HOME/behaviour"
"#;

impl Scene {
    fn new() -> Self {
        let memory = tempfile::tempdir_in("/dev/shm").expect("Linux has a tmpfs here");
        let uid = rustix::process::geteuid().as_raw();
        let tickets = TicketFolder::open(&[memory.path().join("docker-jackin")], uid).unwrap();
        let scene = Self {
            home: tempfile::tempdir().unwrap(),
            logins: Logins::beside(&tickets).unwrap(),
            memory,
            pace: Pace {
                // Nothing is to be found by looking from time to time.
                tick: Duration::from_secs(600),
                grace: Duration::from_millis(150),
                retry: Duration::from_millis(20),
                linger: Duration::from_millis(250),
            },
        };
        fs::create_dir_all(scene.at(".claude")).unwrap();
        fs::create_dir(scene.at("bin")).unwrap();
        let program = scene.at("bin/claude");
        fs::write(&program, CLAUDE).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        scene.behave("exit 0");
        scene
    }

    fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn file(&self) -> PathBuf {
        self.at(".claude/.credentials.json")
    }

    /// Has the vendor's program do this.
    fn behave(&self, script: &str) {
        fs::write(self.at("behaviour"), script).unwrap();
    }

    /// How often it was called.
    fn calls(&self) -> usize {
        let calls = fs::read_to_string(self.at("calls")).unwrap_or_default();
        assert!(
            calls.lines().all(|call| call.starts_with("mcp get ")),
            "{calls}"
        );
        calls.lines().count()
    }

    fn host(&self) -> Host {
        let path = format!("{}:/usr/bin:/bin", self.at("bin").display());
        Host::new(self.home.path(), "/", [("PATH".to_owned(), path)])
    }

    fn machine(&self) -> Machine {
        Machine::of(&self.host())
    }

    /// Logs in on the host, as the vendor's program does: by a new file.
    fn log_in(&self, token: &str, lasts: Duration) {
        let new = self.at(".claude/.new");
        fs::write(&new, credentials(token, lasts)).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// Publishes the host's login, as a launch does, for somebody who may come
    /// for so long.
    fn publish(&self, wanted: Duration) -> LoginId {
        let now = SystemTime::now();
        let Found::Login(login) = Agent::Claude.host_login(&self.host()).unwrap() else {
            panic!("the host is logged in");
        };
        let publication = Publication::of(Agent::Claude, &self.host(), &login);
        let wanted = Wanted {
            name: "ticket".to_owned(),
            until: now + wanted,
        };
        self.logins
            .publish(&publication, &self.machine(), &wanted, now)
            .unwrap();
        publication.id
    }

    /// The only login.
    fn folder(&self) -> LoginFolder {
        let mut all = self.logins.all();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn state(&self) -> State {
        self.folder().state().unwrap()
    }

    /// Waits until the watcher has looked at everything once more: it writes
    /// down again what it finds missing.
    fn has_looked(&self) {
        let state = self.folder().path().join("state.json");
        fs::remove_file(&state).unwrap();
        eventually("it looks", || state.exists());
    }

    /// The access token that is published.
    fn published(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder().published()).ok()?;
        assert!(!text.contains("canary-refresh"), "{text}");
        let login: Value = serde_json::from_str(&text).unwrap();
        Some(login["claudeAiOauth"]["accessToken"].as_str()?.to_owned())
    }

    fn lock(&self) -> PathBuf {
        self.logins.path().join("watcher.lock")
    }

    fn watch(&self) -> Running {
        let (signals, end, news) = Signals::by_hand();
        let (logins, pace, lock) = (self.logins.clone(), self.pace, self.lock());
        let said = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&said);
        let number = Arc::new(Mutex::new(String::new()));
        let tell = Arc::clone(&number);
        let thread = std::thread::spawn(move || {
            let own = fs::read_link("/proc/thread-self").unwrap();
            *tell.lock().unwrap() = own.display().to_string();
            let lock = Lock::try_take(&lock).unwrap().unwrap();
            let program = Program::of_this_process().unwrap();
            let watcher = Watcher::new(&logins, &program, &signals, pace, false).unwrap();
            let mut say = |line: String| hear.lock().unwrap().push(line);
            let (ending, _) = watcher.run(lock, &mut say).unwrap();
            ending
        });
        Running {
            end,
            news,
            said,
            number,
            thread: Some(thread),
        }
    }

    /// A container's process that follows the login.
    fn follow(&self, container: &str) -> Container {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id().cast_signed();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1;
        let started = fields.split_ascii_whitespace().nth(19).unwrap();
        let lease = Lease {
            schema: LEASE_SCHEMA,
            container: container.to_owned(),
            pid,
            started: started.parse().unwrap(),
            folder: Inode {
                device: 0,
                number: 0,
            },
            since: 0,
        };
        let leases = self.folder().path().join(LEASES);
        let new = leases.join(".new");
        fs::write(&new, serde_json::to_vec(&lease).unwrap()).unwrap();
        fs::rename(new, leases.join(container)).unwrap();
        Container(child)
    }
}

impl Running {
    fn stop(mut self) -> Ending {
        self.tell();
        self.thread.take().unwrap().join().unwrap()
    }

    /// Waits until it ends by itself.
    fn ending(mut self) -> Ending {
        let thread = self.thread.take().unwrap();
        eventually("it ends", || thread.is_finished());
        thread.join().unwrap()
    }

    fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn tell(&self) {
        self.end.store(true, Ordering::SeqCst);
        (&self.news).write_all(b"x").unwrap();
    }

    /// The processor's time that it has had, in clock ticks.
    fn cpu_time(&self) -> u64 {
        let own = self.number.lock().unwrap().clone();
        let stat = fs::read_to_string(format!("/proc/{own}/stat")).unwrap();
        let fields: Vec<_> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks = |field: usize| fields[field - 3].parse::<u64>().unwrap();
        ticks(14) + ticks(15)
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.tell();
            let _ = thread.join();
        }
    }
}

/// A container's process, which ends with it.
struct Container(Child);

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A login of Claude's, refresh token included.
fn credentials(token: &str, lasts: Duration) -> String {
    json!({"claudeAiOauth": {
        "accessToken": token,
        "refreshToken": "canary-refresh",
        "expiresAt": millis_of(SystemTime::now() + lasts),
        "scopes": ["user:inference"],
    }})
    .to_string()
}

fn millis_of(time: SystemTime) -> u64 {
    crate::live::millis(time)
}

/// Waits until it holds.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(2));
    }
}

const HOURS: Duration = Duration::from_secs(8 * 60 * 60);
const LONG: Duration = Duration::from_secs(600);

/// Whether a path is one of a test's.
fn below(scene: &Scene, path: &Path) -> bool {
    path.starts_with(scene.memory.path())
}
