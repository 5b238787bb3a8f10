//! `docker jackin sync`: one process keeps logins up to date, whatever becomes
//! of it, and containers that cannot follow get theirs again.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::environment::{FAR, TestEnvironment};
use crate::stand_in_claude::{noted, tell, with_claude};
use crate::stand_in_engine::Container;

/// How long a test waits for what must come. It is not what it takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A machine whose login somebody waits for. Its watchers end with it.
struct Scene(TestEnvironment);

impl Scene {
    fn new() -> Self {
        let environment = with_claude(TestEnvironment::new("1.45"));
        environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n");
        environment.write_login(FAR);
        assert_eq!(environment.run(&["ticket", "--role", "web"]).code, 0);
        Self(environment)
    }

    fn folder(&self) -> PathBuf {
        let logins = self.0.launches().with_file_name("logins");
        let entries = fs::read_dir(logins).unwrap().flatten();
        let mut folders = entries.filter(|entry| entry.path().is_dir());
        folders.next().expect("a login is published").path()
    }

    fn published(&self) -> String {
        fs::read_to_string(self.folder().join("published/login")).unwrap_or_default()
    }

    fn logs_in(&self, token: &str) {
        let login =
            format!(r#"{{"claudeAiOauth":{{"accessToken":"{token}","expiresAt":{FAR}000}}}}"#);
        let new = self.0.write(".claude/new", &login);
        fs::rename(new, self.0.home().join(".claude/.credentials.json")).unwrap();
    }

    fn follows(&self, token: &str) {
        self.logs_in(token);
        eventually("it is followed", || self.published().contains(token));
    }

    /// The watcher's process and version, by its own word.
    fn watcher(&self) -> Option<(i32, String)> {
        let listed = self.0.run(&["sync", "--format", "json"]).stdout;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let watcher = listed["watcher"].as_object()?;
        let pid = i32::try_from(watcher["pid"].as_i64()?).ok()?;
        Some((pid, watcher["version"].as_str()?.to_owned()))
    }

    fn pid(&self) -> i32 {
        self.watcher().unwrap().0
    }

    /// The watcher's process by its lock, which starts none.
    fn noted(&self) -> Option<i32> {
        let lock = self
            .0
            .launches()
            .with_file_name("logins")
            .join("watcher.lock");
        let note: Value = serde_json::from_str(&fs::read_to_string(lock).ok()?).ok()?;
        let pid = i32::try_from(note["pid"].as_i64()?).ok()?;
        test_kill_process(Pid::from_raw(pid)?).ok().map(|()| pid)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(pid) = self.noted() {
            send(pid, Signal::KILL);
        }
    }
}

fn send(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn where_nothing_is_followed_nothing_is_started() {
    let environment = TestEnvironment::new("1.45");
    let shown = environment.run(&["sync"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
    assert_snapshot!(shown.stdout, @"no container follows a login of this host");
    let shown = environment.run(&["sync", "--format", "json"]).stdout;
    assert_snapshot!(shown, @r#"
    {
      "watcher": null,
      "logins": []
    }
    "#);
}

#[test]
fn scenario_41b_one_that_is_killed_is_started_again_and_misses_nothing() {
    let scene = Scene::new();
    let first = scene.pid();
    scene.follows("token-1");
    assert_eq!(scene.pid(), first, "it is the same");
    send(first, Signal::KILL);
    eventually("it is gone", || scene.noted().is_none());
    scene.logs_in("token-2");
    assert!(
        scene.published().contains("token-1"),
        "containers keep what they had"
    );
    let second = scene.pid();
    assert_ne!(second, first);
    eventually("it makes up for it", || {
        scene.published().contains("token-2")
    });
    send(second, Signal::TERM);
    eventually("it ends", || scene.noted().is_none());
    assert!(
        scene.published().contains("token-2"),
        "what is published stays"
    );
}

#[test]
fn of_many_that_are_started_at_once_one_stays() {
    let scene = Scene::new();
    let start = || {
        let mut command = scene.0.command(&["sync", "--background"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..8).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    eventually("one runs", || scene.noted().is_some());
    let home = format!("HOME={}", scene.0.home().display());
    let ours = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ours = processes.filter(|process| {
            let environ = fs::read(process.path().join("environ")).unwrap_or_default();
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            environ
                .split(|byte| *byte == 0)
                .any(|one| one == home.as_bytes())
                && line.contains("--stays")
        });
        ours.count()
    };
    eventually("the others end", || ours() == 1);
    scene.follows("token-1");
}

#[test]
fn one_in_front_of_somebody_takes_over_and_says_what_happens() {
    let scene = Scene::new();
    let background = scene.pid();
    let mut command = scene.0.command(&["sync", "--foreground"]);
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let front = || scene.noted().filter(|pid| *pid != background);
    eventually("it has taken over", || front().is_some());
    let second = scene.0.run(&["sync", "--foreground"]);
    assert_eq!(second.code, 1);
    assert!(
        second.stderr.contains("a watcher of yours runs already"),
        "{}",
        second.stderr
    );
    scene.follows("token-1");
    send(front().unwrap(), Signal::INT);
    let output = child.wait().map(|_| child.stderr.take().unwrap()).unwrap();
    let said = std::io::read_to_string(output).unwrap();
    assert!(said.contains("claude: published "), "{said}");
    assert!(!said.contains("token-1"), "{said}");
}

#[test]
fn one_whose_program_is_replaced_becomes_the_new_one_in_the_same_process() {
    let scene = Scene::new();
    send(scene.pid(), Signal::TERM);
    eventually("there is none", || scene.noted().is_none());
    let program = scene.0.home().join("docker-jackin");
    let put = || {
        let new = program.with_extension("new");
        // Not by us: a child of another test's would have it open for writing
        // for a moment, and it could not be run.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_docker-jackin")).arg(&new);
        assert!(copy.status().unwrap().success());
        fs::rename(new, &program).unwrap();
    };
    put();
    let mut command = scene.0.command(&["sync", "--background"]);
    // The program stands among the words that mount a /run of its own.
    let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let ours = env!("CARGO_BIN_EXE_docker-jackin");
    let own = |word: &std::ffi::OsString| *word == *ours;
    let words = words.iter().map(|word| {
        if own(word) {
            program.clone().into()
        } else {
            word.clone()
        }
    });
    let runs_as = if command.get_program() == ours {
        program.clone().into_os_string()
    } else {
        command.get_program().to_owned()
    };
    let mut moved = Command::new(runs_as);
    moved.args(words).env_clear().stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        moved.env(name, value.unwrap());
    }
    command.stdin(Stdio::null());
    assert!(moved.status().unwrap().success());
    eventually("it runs", || scene.noted().is_some());
    let pid = scene.noted().unwrap();
    let runs = || fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert_eq!(runs(), program);
    put();
    assert!(runs().to_string_lossy().ends_with(" (deleted)"));
    eventually("it is the new one", || {
        send(pid, Signal::USR1);
        sleep(Duration::from_millis(100));
        runs() == program
    });
    eventually("it has the lock", || scene.noted() == Some(pid));
    assert_eq!(scene.pid(), pid, "it was never free");
    scene.follows("token-1");
}

#[test]
fn logins_and_what_is_wrong_with_them_are_listed() {
    let scene = Scene::new();
    assert!(scene.watcher().is_some());
    let shown = |scene: &Scene| {
        let shown = scene.0.run(&["sync"]);
        let lines = shown
            .stdout
            .lines()
            .filter(|line| !line.starts_with("watching: "));
        let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        (shown.code, words.collect::<Vec<_>>().join("\n"))
    };
    let (code, text) = shown(&scene);
    assert_eq!(code, 0);
    let days = text
        .split_whitespace()
        .find(|word| word.parse::<u64>().is_ok_and(|n| n > 1000));
    let text = text.replace(days.unwrap(), "<days>");
    let (before, span) = text.split_once("days ").unwrap();
    let (_, after) = span.split_once(" ago").unwrap();
    let text = format!("{before}days <span> ago{after}");
    assert_snapshot!(text, @r"
    AGENT LOGIN ENDS RENEWED CONTAINERS
    claude $HOME/.claude/.credentials.json in <days> days <span> ago 0
    ");
    fs::remove_file(scene.0.home().join(".claude/.credentials.json")).unwrap();
    eventually("it is seen", || shown(&scene).0 == 1);
    let (_, text) = shown(&scene);
    assert!(text.contains("claude: the host was logged out"), "{text}");
}

#[test]
fn scenario_41_now_has_the_vendors_program_renew_and_hands_on_what_it_wrote() {
    let scene = Scene::new();
    tell(&scene.0, "auth-status.login", "token-renewed");
    let outcome = scene.0.run(&["sync", "--now"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(scene.published().contains("token-renewed"));
    assert_eq!(
        noted(&scene.0, "calls"),
        ["mcp get docker-jackin-renews-a-login"]
    );
    // Whether its vendor still takes it is seen by nothing here.
    tell(&scene.0, "auth-status.login", "");
    tell(&scene.0, "cost.login", "token-again");
    let outcome = scene.0.run(&["sync", "--now"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(scene.published().contains("token-again"));
    let calls = noted(&scene.0, "calls");
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert!(calls[2].starts_with("-p /cost --strict-mcp-config "));
    assert!(noted(&scene.0, "refused").is_empty());

    tell(&scene.0, "cost.login", "");
    fs::remove_file(scene.0.home().join(".claude/.credentials.json")).unwrap();
    let outcome = scene.0.run(&["sync", "--now"]);
    assert_eq!(outcome.code, 1);
    assert_snapshot!(outcome.stderr, @"warning: claude is logged out on this host; log in with `claude`");
    assert_eq!(scene.published(), "");
}

#[test]
fn a_container_that_cannot_follow_gets_its_login_again() {
    let environment = TestEnvironment::new("1.45");
    let answers = [
        (
            "done",
            Some("docker-jackin: login delivered again: unknown"),
        ),
        (
            "failed",
            Some("docker-jackin: the login was not delivered again: no disk: unknown"),
        ),
        (
            "hook-only",
            Some("exec: stat /.docker-jackin/sync: no such file"),
        ),
        ("odd", None),
    ];
    for (name, answer) in answers {
        let container = Container::served(name, name, "claude");
        environment.engine().add(container.answers(answer));
    }
    let outcome = environment.run(&["sync", "--now", "done"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_snapshot!(outcome.stdout, @"done: login delivered again");
    let outcome = environment.run(&["sync", "--now", "done", "failed", "hook-only", "odd"]);
    assert_eq!(outcome.code, 1);
    assert_snapshot!(outcome.stdout, @"done: login delivered again");
    assert_snapshot!(outcome.stderr, @r"
    docker-jackin: the login of failed was not delivered again: no disk
      deliver it by a restart: docker restart failed
    docker-jackin: the login of hook-only was not delivered again: its runtime is not docker-jackin's, or an older one, or its login is another user's
      deliver it by a restart: docker restart hook-only
    docker-jackin: the login of odd was not delivered again: its runtime is not docker-jackin's, or an older one, or its login is another user's
      deliver it by a restart: docker restart odd
    ");
    // The word that was left for the engine's side goes with the question.
    let asked = environment.logins().with_file_name("asked");
    assert_eq!(fs::read_dir(asked).unwrap().count(), 0);
    let stopped = Container::served("stopped", "x", "claude").state("exited");
    environment.engine().add(stopped);
    let outcome = environment.run(&["sync", "--now", "stopped"]);
    assert!(
        outcome.stderr.contains("docker start stopped"),
        "{}",
        outcome.stderr
    );
    let outcome = environment.run(&["sync", "web"]);
    assert_eq!(outcome.code, 2, "containers are for --now");
}
