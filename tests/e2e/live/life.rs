//! What becomes of running sessions when the engine restarts, and when their
//! user logs out of the machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::published::REDELIVERED;
use jackin_tests::canary::Canary;
use jackin_tests::engine::{Engine, Release};
use jackin_tests::image::{self, BASE};
use jackin_tests::processes;
use jackin_tests::rig::{Container, Rig, unique};
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kept::dockerd;
use crate::lab::{lab, on_newest_engine, once};
use crate::user::User;

/// How long is waited for what must come. It is not what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

const LOOK: &str = "cat ~/.claude/.credentials.json";

pub(crate) fn trials() -> Vec<Trial> {
    on_newest_engine("live::e41b_the_user_logs_out_of_the_machine", logout)
}

/// Those that start engines of their own.
pub(crate) fn trials_alone() -> Vec<Trial> {
    [
        once("live::e44_the_engine_restarts", || restart("again", false)),
        once("live::e44_the_engine_restarts_under_its_containers", || {
            restart("again-live", true)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A user with a session of their own on this machine.
struct Person {
    user: User,
    uid: u32,
}

impl Person {
    fn new(uid: u32) -> Result<Self> {
        let user = User::new(uid)?;
        user.configure(&format!(
            "[roles.web]\nimage = \"{BASE}\"\nagents = [\"claude\"]\n"
        ))?;
        let person = Self { user, uid };
        fs::create_dir_all(person.session())?;
        fs::set_permissions(person.session(), Permissions::from_mode(0o700))?;
        chown(person.session(), Some(uid), Some(uid))?;
        Ok(person)
    }

    fn session(&self) -> PathBuf {
        format!("/run/user/{}", self.uid).into()
    }

    /// Logs in to Claude, as its own program does; the access token.
    fn log_in(&self) -> Result<Canary> {
        let access = Canary::new()?;
        self.user.log_in(access.text(), Canary::new()?.text())?;
        Ok(access)
    }

    /// Starts a container that sleeps, with these flags of docker's.
    fn start(&self, rig: &Rig, flags: &[&str]) -> Result<Container> {
        let name = unique("lasting");
        let mut words = vec!["run", "web", "-d", "--init", "--name", &name];
        words.extend_from_slice(flags);
        words.extend(["--", "sleep", "1000"]);
        let outcome = self.user.run(rig, &words)?;
        let container = rig.adopt(name);
        ensure!(outcome.code == 0, "{outcome:?}");
        Ok(container)
    }

    /// The process that keeps their logins up to date.
    fn watcher(&self) -> Option<i32> {
        let lock = self.session().join("docker-jackin/logins/watcher.lock");
        let note: serde_json::Value = serde_json::from_slice(&fs::read(lock).ok()?).ok()?;
        let pid = i32::try_from(note["pid"].as_i64()?).ok()?;
        kill(Pid::from_raw(pid), None).ok().map(|()| pid)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let home = format!("HOME={}\0", self.user.home().display());
        for process in processes::all() {
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            let pid = process
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok());
            if let Some(pid) = pid
                && String::from_utf8_lossy(&environment).contains(&home)
            {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !holds()? {
        ensure!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Waits until a container has a login.
fn gets(container: &Container, login: &Canary) -> Result<()> {
    eventually(&format!("{} has the login", container.name), || {
        let seen = container.exec(&["sh", "-c", LOOK])?;
        Ok(seen.stdout.contains(login.text()))
    })
}

/// With `live-restore` a session does not notice it; else it ends with its
/// container, and the next one has the newest login.
fn restart(name: &'static str, live_restore: bool) -> Result<()> {
    let sandbox = lab()?.sandbox();
    let engine = Engine::start(Release::restarting(name, live_restore), sandbox)?;
    engine.wait_until_ready()?;
    let rigs = Rig::all(&[Arc::new(engine)]);
    let rig = rigs.first().context("no rig")?;
    image::import(&rig.engine, &sandbox.disk().join("base.tar"), BASE)?;
    let checked = under_restart(rig, live_restore);
    rig.engine.stop()?;
    checked
}

fn under_restart(rig: &Rig, live_restore: bool) -> Result<()> {
    let person = Person::new(4716)?;
    let login = person.log_in()?;
    let once = person.start(rig, &[])?;
    let always = person.start(rig, &["--restart=always"])?;
    let started = |container: &Container| container.inspect("{{.State.Pid}}");
    let before = (started(&once)?, started(&always)?);
    for container in [&once, &always] {
        gets(container, &login)?;
    }
    let watcher = person.watcher().context("no watcher")?;
    restart_daemon(rig)?;
    let login = person.log_in()?;
    if live_restore {
        let after = (started(&once)?, started(&always)?);
        ensure!(after == before, "{before:?}, and then {after:?}");
        gets(&once, &login)?;
    } else {
        ensure!(started(&once)? == "0", "it was restored");
        eventually("it starts again", || {
            Ok(!["0", &before.1].contains(&started(&always)?.as_str()))
        })?;
    }
    gets(&always, &login)?;
    ensure!(person.watcher() == Some(watcher), "another watcher");
    let login = person.log_in()?;
    gets(&always, &login)?;
    rig.engine.docker(&["restart", "-t", "0", &once.name])?;
    gets(&once, &login)
}

/// Ends the daemon as a package's upgrade does, and waits for the next.
fn restart_daemon(rig: &Rig) -> Result<()> {
    let former = dockerd(rig)?;
    let pid = former.file_name().and_then(|name| name.to_str());
    let pid = pid.context("no pid")?.parse()?;
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    eventually("the daemon ends", || Ok(!former.exists()))?;
    rig.engine.wait_until_ready()
}

/// What systemd does to the folder of a user whose last session ends: it empties
/// it, and then takes it off (`user-runtime-dir`).
fn empty(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        fs::remove_dir_all(entry?.path())?;
    }
    Ok(())
}

/// Sessions are logged out with their user, and come back on request.
fn logout(rig: &Rig) -> Result<()> {
    let person = Person::new(4717)?;
    person.user.enter()?;
    let login = person.log_in()?;
    let container = person.start(rig, &[])?;
    gets(&container, &login)?;
    let watcher = person.watcher().context("no watcher")?;
    empty(&person.session())?;
    let gone = || Ok(kill(Pid::from_raw(watcher), None).is_err());
    eventually("what kept it up to date ends", gone)?;
    let seen = container.exec(&["sh", "-c", LOOK])?;
    ensure!(seen.stderr.contains("No such file"), "{seen:?}");
    // The next session's.
    let next = person.log_in()?;
    let other = person.start(rig, &["-u", "dev"])?;
    gets(&other, &next)?;
    let mended = person.user.run(rig, &["sync", "--now", &container.name])?;
    ensure!(mended.code == 0, "{mended:?}");
    ensure!(mended.text().contains(REDELIVERED), "{mended:?}");
    gets(&container, &next)?;
    let newest = person.log_in()?;
    for container in [&container, &other] {
        gets(container, &newest)?;
    }
    ensure!(person.watcher().is_some(), "no watcher");
    Ok(())
}
