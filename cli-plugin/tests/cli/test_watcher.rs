//! The process that keeps logins up to date: how it begins and ends where
//! somebody chose to run it, and what it bears.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::environment::{FAR, TestEnvironment};

/// How long a test waits for what must come. It is not what it takes.
const PATIENCE: Duration = Duration::from_secs(20);

const FOREGROUND: [&str; 2] = ["sync", "--foreground"];

/// A machine whose user has a login and no container yet.
fn environment() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n");
    environment
}

/// Has something published for a container that may come, which starts one in
/// the background.
fn publish(environment: &TestEnvironment) {
    let ticket = ["ticket", "--role", "web", "--by", "variable"];
    let outcome = environment.run(&ticket);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lock(environment: &TestEnvironment) -> PathBuf {
    environment.logins().join("watcher.lock")
}

/// Whether somebody has the lock.
fn is_held(lock: &Path) -> bool {
    let Ok(file) = File::open(lock) else {
        return false;
    };
    flock(&file, FlockOperation::NonBlockingLockShared).is_err()
}

/// What its owner has noted in it.
fn note(environment: &TestEnvironment) -> Option<Value> {
    let lock = lock(environment);
    let note = fs::read(&lock).ok().filter(|_| is_held(&lock))?;
    serde_json::from_slice(&note).ok()
}

fn pid(environment: &TestEnvironment) -> Option<i32> {
    i32::try_from(note(environment)?["pid"].as_i64()?).ok()
}

fn is_alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// One that runs in front of somebody; it is killed when this is dropped.
struct Foreground(Child);

impl Foreground {
    fn start(mut command: Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Its exit code and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        let status = self.0.wait().unwrap();
        let mut stderr = self.0.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        (status.code(), said)
    }

    /// Waits until it says something with these words in it.
    fn says(&mut self, words: &str) {
        let stderr = self.0.stderr.as_mut().unwrap();
        let mut lines = BufReader::new(stderr).lines();
        let line = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(words)));
        assert!(line.is_some(), "it ends, and has not said {words:?}");
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_in_front_of_somebody_stays_without_a_login_until_it_is_stopped() {
    let environment = environment();
    for signal in [Signal::INT, Signal::TERM] {
        let first = Foreground::start(environment.command(&FOREGROUND));
        let begun = || environment.has_folder() && pid(&environment) == Some(first.pid());
        eventually("it begins", begun);
        let second = environment.run(&FOREGROUND);
        let told = format!(
            "a watcher of yours runs already, as process {}",
            first.pid()
        );
        assert_eq!(second.code, 1, "{}", second.stderr);
        assert!(second.stderr.contains(&told), "{}", second.stderr);
        assert!(is_alive(first.pid()));
        first.signal(signal);
        let (code, said) = first.end();
        assert_eq!(code, Some(0), "{said}");
        let begins = "keeping the logins up to date that containers follow";
        assert!(said.contains(begins), "{said}");
        assert!(!lock(&environment).exists());
    }
}

#[test]
fn one_in_the_background_gives_way_to_one_that_somebody_chose_and_not_back() {
    let environment = environment();
    publish(&environment);
    let background = pid(&environment).expect("a ticket starts one");
    let chosen = Foreground::start(environment.command(&FOREGROUND));
    eventually("it takes over", || pid(&environment) == Some(chosen.pid()));
    eventually("the other ends", || !is_alive(background));
    publish(&environment);
    assert_eq!(environment.run(&["sync", "--background"]).code, 0);
    assert_eq!(pid(&environment), Some(chosen.pid()));
}

/// A command of a program that lies elsewhere.
fn of_program(program: &Path, command: &Command) -> Command {
    let mut other = Command::new(command.get_program());
    for argument in command.get_args() {
        if argument == env!("CARGO_BIN_EXE_docker-jackin") {
            other.arg(program);
        } else {
            other.arg(argument);
        }
    }
    other.env_clear();
    for (name, value) in command.get_envs() {
        other.env(name, value.unwrap());
    }
    other.stdout(Stdio::null()).stderr(Stdio::piped());
    other
}

/// Puts a program in the place of another, as an upgrade does.
fn replace(program: &Path, text: &str) {
    let new = program.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(new, program).unwrap();
}

#[test]
fn scenario_41b_it_becomes_its_own_successor_and_is_never_two_nor_none() {
    // Only where tests choose the program by an argument.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let environment = environment();
    let real = env!("CARGO_BIN_EXE_docker-jackin");
    let program = environment.home().join("bin/docker-jackin");
    fs::hard_link(real, &program)
        .or_else(|_| fs::copy(real, &program).map(drop))
        .unwrap();
    let mut watcher = Foreground::start(of_program(&program, &environment.command(&FOREGROUND)));
    let begun = || environment.has_folder() && pid(&environment) == Some(watcher.pid());
    eventually("it begins", begun);
    let before = note(&environment).unwrap();
    // One that cannot be run is passed by.
    replace(&program, "#!/nonexistent\n");
    publish(&environment);
    watcher.says("cannot be run");
    assert_eq!(note(&environment).as_ref(), Some(&before));
    let called = environment.home().join("called");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >{}\nexec {real} \"$@\"\n",
        called.display()
    );
    replace(&program, &script);
    environment.write_login(FAR + 1);
    let mut free = false;
    eventually("it becomes the new one", || {
        free |= !is_held(&lock(&environment));
        let runs = fs::read_link(format!("/proc/{}/exe", watcher.pid()));
        called.exists() && runs.is_ok_and(|runs| runs == Path::new(real))
    });
    assert!(!free, "the lock was free");
    let words = fs::read_to_string(&called).unwrap();
    assert_eq!(words, "sync --foreground\n");
    // It is at work, and is who it was.
    environment.write_login(FAR + 2);
    let published = environment.login().join("published/login");
    let ends = format!("{}000", FAR + 2);
    eventually("it goes on", || {
        fs::read_to_string(&published).is_ok_and(|text| text.contains(&ends))
    });
    assert_eq!(note(&environment).as_ref(), Some(&before));
}

#[test]
fn nothing_that_its_starter_had_open_is_held_by_it() {
    let environment = environment();
    publish(&environment);
    let former = pid(&environment).expect("a ticket starts one");
    kill_process(Pid::from_raw(former).unwrap(), Signal::KILL).unwrap();
    eventually("it is gone", || !is_held(&lock(&environment)));
    let command = environment.command(&["sync", "--background"]);
    let mut holding = Command::new("sh");
    holding.args(["-c", "exec 9>\"$HOME/held\"; exec \"$@\"", "sh"]);
    holding.arg(command.get_program()).args(command.get_args());
    holding.env_clear().stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        holding.env(name, value.unwrap());
    }
    assert!(holding.status().unwrap().success());
    // What the former one noted is there until the next notes itself.
    eventually("it begins", || {
        pid(&environment).is_some_and(|pid| pid != former)
    });
    let open = format!("/proc/{}/fd", pid(&environment).unwrap());
    let open = fs::read_dir(open).unwrap().flatten();
    let held: Vec<_> = open
        .filter_map(|fd| fs::read_link(fd.path()).ok())
        .collect();
    assert!(!held.is_empty());
    assert!(!held.iter().any(|file| file.ends_with("held")), "{held:?}");
}
