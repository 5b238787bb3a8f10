//! A machine for one test: cleared variables, a temporary home, a stand-in
//! engine and a stand-in docker.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use docker_jackin::handoff::LIFETIME;
use jackin_oci_hook::folder::candidates;
use jackin_oci_hook::ticket::Ticket;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::stand_in_engine::{Container, StandInEngine};

/// Notes its arguments and environment, takes the ticket it was told of (or,
/// told to leave it, notes when somebody else has), and ends with 7.
const DOCKER: &str = r#"#!/bin/sh
look() {
    exec > /dev/null 2>&1
    for _ in $(seq 100); do [ -f "$ticket" ] || break; sleep 0.05; done
    [ -f "$ticket" ] || : > "$HOME/gone"
}
if [ "$1" = --version ]; then echo "Docker version $STAND_IN_VERSION, build 0"; exit; fi
for argument; do printf '%s\0' "$argument"; done > "$HOME/argv"
env > "$HOME/env"
handle=$DOCKER_JACKIN_TICKET
for argument; do
    case $argument in dev.jackin.ticket=*) handle=${argument#*=};; esac
done
uid=${handle%%.*}
for folder in "/run/user/$uid/docker-jackin" /run/docker-jackin "/dev/shm/docker-jackin-$uid"; do
    ticket=$folder/tickets/${handle#*.}
    if [ -f "$ticket" ]; then
        stat -c %a "$ticket" > "$HOME/mode"
        cp "$ticket" "$HOME/ticket"
        if [ -n "$LEAVES_TICKET" ]; then look & else rm "$ticket"; fi
    fi
done
exit 7
"#;

/// Root's tickets lie below /run, which may be a disk where tests run: so root
/// gets a /run of its own, which also leaves the machine's alone.
const WITH_OWN_RUN: &str = r#"mount --bind "$OWN_RUN" /run && unset OWN_RUN && exec "$0" "$@""#;

/// The time at which a login ends that holds, in seconds since 1970.
pub(crate) const FAR: u64 = 4_102_444_800;

/// One test's machine.
pub(crate) struct TestEnvironment {
    home: tempfile::TempDir,
    run: tempfile::TempDir,
    engine: StandInEngine,
    variables: Vec<(String, String)>,
    docker_version: &'static str,
}

/// What a command did.
pub(crate) struct Outcome {
    /// Its exit code.
    pub(crate) code: i32,
    /// What it wrote to stdout.
    pub(crate) stdout: String,
    /// What it wrote to stderr.
    pub(crate) stderr: String,
}

impl TestEnvironment {
    /// A machine with an engine of this API version.
    pub(crate) fn new(api: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let engine = StandInEngine::start(&home.path().join("docker.sock"), api);
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let docker = bin.join("docker");
        fs::write(&docker, DOCKER).unwrap();
        fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            home,
            run: tempfile::tempdir_in("/dev/shm").expect("Linux has a tmpfs here"),
            engine,
            variables: Vec::new(),
            docker_version: "28.2.2",
        }
    }

    /// The same with another docker client.
    pub(crate) fn docker_version(mut self, version: &'static str) -> Self {
        self.docker_version = version;
        self
    }

    /// The same with one more variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The home folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &StandInEngine {
        &self.engine
    }

    /// Whether anything was made for tickets or records. Only root has a
    /// folder of its own for that in a test.
    pub(crate) fn has_folder(&self) -> bool {
        rustix::process::geteuid().is_root() && self.run.path().join("docker-jackin").exists()
    }

    /// Whether a ticket lies anywhere. Only root has folders of its own for
    /// that in a test.
    pub(crate) fn has_tickets(&self) -> bool {
        let tickets = self.run.path().join("docker-jackin/tickets");
        let tickets = fs::read_dir(tickets).into_iter().flatten();
        rustix::process::geteuid().is_root() && tickets.count() > 0
    }

    /// The folder of launch records.
    pub(crate) fn launches(&self) -> PathBuf {
        let uid = rustix::process::geteuid().as_raw();
        let folders = candidates(uid).into_iter();
        let mut folders = folders.map(|folder| match folder.strip_prefix("/run") {
            Ok(below) if uid == 0 => self.run.path().join(below),
            _ => folder,
        });
        let folder = folders.find(|folder| folder.exists());
        folder.expect("a launch made it").join("launches")
    }

    /// The folder of published logins.
    pub(crate) fn logins(&self) -> PathBuf {
        self.launches().with_file_name("logins")
    }

    /// The folder of the only login that is published.
    pub(crate) fn login(&self) -> PathBuf {
        let mut logins = self.published().into_iter();
        let login = logins.next().expect("a login is published");
        assert!(logins.next().is_none(), "one login alone is published");
        login
    }

    /// The process that keeps logins up to date, while it runs.
    pub(crate) fn watcher(&self) -> Option<Pid> {
        let note = fs::read(self.logins().join("watcher.lock")).ok()?;
        let note: serde_json::Value = serde_json::from_slice(&note).ok()?;
        let pid = Pid::from_raw(i32::try_from(note["pid"].as_i64()?).unwrap())?;
        test_kill_process(pid).ok().map(|()| pid)
    }

    /// Kills it, if it runs.
    pub(crate) fn kill_watcher(&self) {
        if let Some(watcher) = self.watcher() {
            kill_process(watcher, Signal::KILL).unwrap();
        }
        while self.watcher().is_some() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The folders of the logins that are published.
    fn published(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.logins()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.is_dir()).collect()
    }

    /// Writes a file of mode 0600 below the home.
    pub(crate) fn write(&self, path: &str, content: &str) -> PathBuf {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes a login of Claude's that ends at this time, in seconds since 1970.
    pub(crate) fn write_login(&self, ends: u64) {
        let login = format!(
            r#"{{"claudeAiOauth":{{"accessToken":"access-canary","expiresAt":{ends}000}}}}"#
        );
        self.write(".claude/.credentials.json", &login);
    }

    /// Puts a running container of this user into the engine.
    pub(crate) fn serve(&self, name: &str, role: &str, agents: &str) {
        self.engine.add(Container::served(name, role, agents));
    }

    /// Puts the container into the engine that docker was called for last, as
    /// running under this name.
    pub(crate) fn add_launched(&self, name: &str) {
        self.add_launched_of(name, &[]);
    }

    /// The same, of an image with these labels.
    pub(crate) fn add_launched_of(&self, name: &str, image: &[(&str, &str)]) {
        let noted = fs::read_to_string(self.home().join("argv")).unwrap();
        let labels = noted
            .split('\0')
            .filter(|word| word.starts_with("dev.jackin."));
        let labels = labels.filter_map(|label| label.split_once('='));
        let labels: Vec<_> = image.iter().copied().chain(labels).collect();
        self.engine.add(Container::running(name, &labels));
        self.lend_to(name);
    }

    /// Has a container follow the logins that are published, as its hook does.
    /// Its process is the test's own.
    pub(crate) fn lend_to(&self, name: &str) {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let (_, behind) = stat.rsplit_once(')').unwrap();
        let started: u64 = behind.split_whitespace().nth(19).unwrap().parse().unwrap();
        let container = format!("id-of-{name}");
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let since = since.as_secs();
        for login in self.published() {
            let folder = fs::metadata(login.join("published")).unwrap();
            let lease = serde_json::json!({
                "schema": 1,
                "container": container,
                "pid": std::process::id(),
                "started": started,
                "folder": { "device": folder.dev(), "number": folder.ino() },
                "since": since,
            });
            fs::write(login.join("leases").join(&container), lease.to_string()).unwrap();
        }
    }

    /// The tickets that wait for their containers.
    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        let folder = self.launches().with_file_name("tickets");
        let entries = fs::read_dir(folder).unwrap();
        let tickets =
            entries.map(|entry| Ticket::from_json(&fs::read(entry.unwrap().path()).unwrap()));
        let mut tickets: Vec<_> = tickets.map(Result::unwrap).collect();
        tickets.sort_by_key(|ticket| ticket.expires);
        tickets
    }

    /// Puts the ticket back that lay ready when docker was called.
    pub(crate) fn put_ticket_back(&self) {
        let folder = self.launches().with_file_name("tickets");
        let place = folder.join(self.ticket().id.as_str());
        fs::copy(self.home().join("ticket"), &place).unwrap();
        let dated = SystemTime::now() + LIFETIME;
        fs::File::open(&place).unwrap().set_modified(dated).unwrap();
        let _ = fs::remove_file(self.home().join("gone"));
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, text: &str) {
        self.write(".docker/jackin/config.toml", text);
    }

    /// Gives a command in the home folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, b"")
    }

    /// Gives a command with something on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        let mut child = self.command(arguments).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        self.outcome(&child.wait_with_output().unwrap())
    }

    /// A command as it would be given in the home folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_docker-jackin");
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", WITH_OWN_RUN, program]);
            command
        } else {
            Command::new(program)
        };
        let path = format!(
            "{}:/usr/sbin:/usr/bin:/bin",
            self.home().join("bin").display()
        );
        let socket = format!("unix://{}", self.home().join("docker.sock").display());
        command
            .args(arguments)
            .current_dir(self.home())
            .env_clear()
            .env("HOME", self.home())
            .env("OWN_RUN", self.run.path())
            .env("PATH", path)
            .env("DOCKER_HOST", socket)
            .env("STAND_IN_VERSION", self.docker_version)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn outcome(&self, output: &Output) -> Outcome {
        let shown = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.replace(self.home().to_str().unwrap(), "$HOME")
        };
        Outcome {
            code: output.status.code().unwrap(),
            stdout: shown(&output.stdout),
            stderr: shown(&output.stderr),
        }
    }

    /// How docker was called, with what is random taken out; `None` when it
    /// was not.
    pub(crate) fn docker_argv(&self) -> Option<Vec<String>> {
        let noted = fs::read_to_string(self.home().join("argv")).ok()?;
        let home = self.home().to_str().unwrap();
        let arguments = noted.split_terminator('\0').map(|argument| {
            for (name, random) in [
                ("ticket", "<handle>"),
                ("launch", "<id>"),
                ("owner", "<uid>"),
            ] {
                let name = format!("dev.jackin.{name}=");
                if argument.starts_with(&name) {
                    return name + random;
                }
            }
            argument.replace(home, "$HOME")
        });
        Some(arguments.collect())
    }

    /// The environment docker was given.
    pub(crate) fn docker_env(&self) -> String {
        fs::read_to_string(self.home().join("env")).unwrap()
    }

    /// Whether the ticket that docker left is gone within 5 s.
    pub(crate) fn ticket_is_gone(&self) -> bool {
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            self.home().join("gone").exists()
        })
    }

    /// The ticket that lay ready when docker was called.
    pub(crate) fn ticket(&self) -> Ticket {
        let mode = fs::read_to_string(self.home().join("mode")).unwrap();
        assert_eq!(mode.trim(), "600", "a ticket is its owner's alone");
        Ticket::from_json(&fs::read(self.home().join("ticket")).unwrap()).unwrap()
    }
}
