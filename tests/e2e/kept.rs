//! Scenarios 38, 44 and 52: what an agent wrote into its credential file is
//! there again after a restart, and goes with the container.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::store::Store;
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::engine::{Engine, Release};
use jackin_tests::image::{self, BASE, build};
use jackin_tests::killer::Killer;
use jackin_tests::processes;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::USER;
use jackin_tests::search::{files, search};
use jackin_tests::staging;
use libtest_mimic::Trial;

use crate::lab::{lab, on_each_engine, on_each_rig, once};
use crate::leak::{STATE, has_it, payload};
use crate::restart::kill_it;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_rig("kept::e38_e44_after_restarts", restarts),
        on_each_rig("kept::e38_e44_killed_under_restart_always", restart_always),
        once("kept::e38_e44_with_remapped_ids", remapped),
        on_each_rig("kept::e51_e52_nobody_elses_and_gone_with_it", whole_life),
        on_each_rig("kept::e52_a_hook_that_refuses", hook_refuses),
        on_each_engine("kept::e52_our_processes_are_killed", killed),
        on_each_engine("kept::e52_dropped_from_another_namespace", uninstalled),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What starts an engine of its own.
pub(crate) fn trials_alone() -> Vec<Trial> {
    once("kept::e44_the_engine_restarts", engine_restarts)
}

/// An agent's renewal: another text, written in place, and never on a command
/// line.
pub(crate) const RENEW: &str = "cd /run/docker-jackin && sed s/^/renewed-/ ~/.agent/token >new && \
    cat new >~/.agent/token && rm new";

/// A container with a login of its own making.
struct Renewing {
    container: Container,
    login: String,
}

impl Renewing {
    fn start(rig: &Rig, canary: &Canary, flags: &[&str]) -> Result<Self> {
        let mut arguments = flags.to_vec();
        arguments.extend([BASE, "sleep", "1000"]);
        let container = rig.start(payload(canary)?, &arguments)?;
        has_it(&container, canary)?;
        let login = canary.text().to_owned();
        Ok(Self { container, login })
    }

    fn renew(&mut self) -> Result<()> {
        self.container.shell(RENEW)?;
        self.login.insert_str(0, "renewed-");
        self.has_its_own()
    }

    fn has_its_own(&self) -> Result<()> {
        let seen = self.container.shell("cat ~/.agent/token")?;
        ensure!(seen == self.login, "{seen:?}, wanted {:?}", self.login);
        Ok(())
    }

    fn survives(&mut self, rig: &Rig, verbs: &[&[&str]]) -> Result<()> {
        self.renew()?;
        docker(rig, &self.container, verbs)?;
        self.has_its_own().with_context(|| format!("{verbs:?}"))
    }
}

pub(crate) fn docker(rig: &Rig, container: &Container, verbs: &[&[&str]]) -> Result<()> {
    for verb in verbs {
        let mut arguments = verb.to_vec();
        arguments.push(&container.name);
        rig.engine.docker(&arguments)?;
    }
    Ok(())
}

pub(crate) const RESTART: &[&str] = &["restart", "-t", "0"];

fn restarts(rig: &Rig) -> Result<()> {
    for flags in [&["--init"][..], &["--init", "-u", "dev"]] {
        let mut renewing = Renewing::start(rig, &Canary::new()?, flags)?;
        renewing.survives(rig, &[RESTART])?;
        renewing.survives(rig, &[&["stop", "-t", "0"], &["start"]])?;
        renewing.survives(rig, &[&["kill"], &["start"]])?;
        // Again, with nothing new: the former renewals are not lost either.
        docker(rig, &renewing.container, &[RESTART, RESTART])?;
        renewing.has_its_own()?;
    }
    Ok(())
}

fn restart_always(rig: &Rig) -> Result<()> {
    let mut renewing = Renewing::start(rig, &Canary::new()?, &["--restart=always"])?;
    renewing.renew()?;
    kill_it(rig, &renewing.container)?;
    renewing.has_its_own()
}

fn remapped() -> Result<()> {
    for rig in lab()?.remapped() {
        for user in ["0", "1000"] {
            let flags = ["-u", user, "-e", "HOME=/tmp/home"];
            let mut renewing = Renewing::start(rig, &Canary::new()?, &flags)?;
            renewing
                .survives(rig, &[RESTART])
                .with_context(|| rig.name())?;
        }
    }
    Ok(())
}

/// The engine itself, in the numbers of the tests.
pub(crate) fn dockerd(rig: &Rig) -> Result<PathBuf> {
    let namespace = rig.engine.process_namespace()?;
    let is_it = |process: &PathBuf| {
        fs::read_link(process.join("ns/pid")).is_ok_and(|link| link == namespace)
            && fs::read_to_string(process.join("comm")).is_ok_and(|name| name == "dockerd\n")
    };
    processes::all().find(is_it).context("no dockerd")
}

/// The mounts in the engine's namespace that are kept for a container.
pub(crate) fn kept_mounts(rig: &Rig, id: &str) -> Result<usize> {
    let mounts = fs::read_to_string(dockerd(rig)?.join("mountinfo"))?;
    let place = format!(" {STATE}/containers/{id}/");
    Ok(mounts.lines().filter(|line| line.contains(&place)).count())
}

/// Seen from start to end: one mount in the engine's namespace, which nobody
/// else has or can get to, and nothing after the removal and the next sweep.
fn whole_life(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let mut renewing = Renewing::start(rig, &canary, &["-u", "dev"])?;
    renewing.renew()?;
    let id = renewing.container.id()?;
    ensure!(kept_mounts(rig, &id)? == 1, "not kept");
    // On /run/docker-jackin, and on the file's place.
    let own = renewing.container.shell(MOUNTS)?;
    ensure!(own == "2", "in the container: {own}");
    let mounts = renewing
        .container
        .shell("grep -F ' - tmpfs docker-jackin ' /proc/self/mountinfo")?;
    let tight = mounts
        .lines()
        .all(|line| line.contains(" rw,nosuid,nodev,noexec"));
    ensure!(tight && !mounts.contains("shared:"), "{mounts}");
    nobody_elses(rig, &id)?;
    docker(rig, &renewing.container, &[RESTART])?;
    renewing.has_its_own()?;
    ensure!(kept_mounts(rig, &id)? == 1, "not kept, or twice");
    let found = search(&rig.engine, &renewing.container.name, &canary)?;
    ensure!(found.is_empty(), "after a renewal: {found:?}");
    docker(rig, &renewing.container, &[&["stop", "-t", "0"]])?;
    nobody_elses(rig, &id)?;
    renewing.container.remove()?;
    nothing_left(rig, &id, &canary)
}

/// How many mounts of a container's own tmpfs are in a mount table.
const MOUNTS: &str = "grep -cF ' - tmpfs docker-jackin ' /proc/self/mountinfo; true";

fn nobody_elses(rig: &Rig, id: &str) -> Result<()> {
    let look = format!(
        "cat {STATE}/containers/{id}/files/file-0; ls {STATE}/containers/{id}; \
         ls {STATE}/containers"
    );
    let mut other = Command::new("nsenter");
    let engine = dockerd(rig)?;
    let pid = engine.file_name().context("no pid")?;
    other.arg("-t").arg(pid).arg("-m");
    // The very uid that the container's user has.
    let uid = USER.to_string();
    other.args([
        "setpriv",
        "--reuid",
        &uid,
        "--regid",
        &uid,
        "--clear-groups",
    ]);
    other.args(["sh", "-c", &look]);
    let seen = run(&mut other)?;
    ensure!(seen.stdout.is_empty() && seen.code != 0, "{seen:?}");
    ensure!(
        seen.stderr.matches("Permission denied").count() == 3,
        "{seen:?}"
    );
    let plain = rig
        .engine
        .docker(&["run", "--rm", BASE, "sh", "-c", MOUNTS])?;
    ensure!(plain == "0", "in another container: {plain}");
    // It has all of /run, and is the container's user by number.
    let look = format!("cat /host/docker-jackin/containers/{id}/files/file-0");
    let bold = [
        "run",
        "--rm",
        "-u",
        "dev",
        "-v",
        "/run:/host",
        BASE,
        "sh",
        "-c",
        &look,
    ];
    let seen = rig.engine.try_docker(&bold)?;
    ensure!(seen.stdout.is_empty(), "{seen:?}");
    ensure!(seen.stderr.contains("Permission denied"), "{seen:?}");
    Ok(())
}

/// The next start of any container sweeps.
pub(crate) fn nothing_left(rig: &Rig, id: &str, canary: &Canary) -> Result<()> {
    rig.run(payload(&Canary::new()?)?, &["--rm", BASE, "true"])?
        .success()?;
    let mounts = kept_mounts(rig, id)?;
    ensure!(mounts == 0, "{mounts} mounts are left");
    let folder = PathBuf::from(STATE).join("containers").join(id);
    ensure!(!folder.exists(), "{} is left", folder.display());
    let mut found = Vec::new();
    files(STATE.as_ref(), None, &canary.finder(), &mut found)?;
    ensure!(found.is_empty(), "still in {found:?}");
    Ok(())
}

/// The hook finds a file where the credential's folder should be, when the
/// tmpfs is there already.
fn hook_refuses(rig: &Rig) -> Result<()> {
    let image = unique("refused");
    let dockerfile = format!("FROM {BASE}\nRUN touch /root/.agent\n");
    build(&rig.engine, &image, &dockerfile)?;
    let name = unique("refused");
    let canary = Canary::new()?;
    let outcome = rig.run(payload(&canary)?, &["-d", "--name", &name, &image, "true"])?;
    ensure!(outcome.code != 0, "{outcome:?}");
    let container = rig.adopt(name);
    let id = container.id()?;
    let mounts = kept_mounts(rig, &id)?;
    ensure!(
        mounts == 0,
        "{mounts} mounts for a container that never ran"
    );
    container.remove()?;
    nothing_left(rig, &id, &canary)
}

/// What `docker jackin uninstall` does at its end, in the namespace of who runs
/// it rather than in the engine's.
fn uninstalled(rig: &Rig) -> Result<()> {
    let container = rig.start(payload(&Canary::new()?)?, &[BASE, "sleep", "1000"])?;
    let id = container.id()?;
    ensure!(kept_mounts(rig, &id)? == 1, "not kept");
    container.remove()?;
    Store::open()?.context("no store")?.sweep()?;
    let mounts = kept_mounts(rig, &id)?;
    ensure!(mounts == 0, "{mounts} mounts are left in the engine's");
    Ok(())
}

fn killed(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let mut ids = Vec::new();
    for attempt in 0..8 {
        let handle = staging::stage(&staging::ticket(0, payload(&canary)?)?)?;
        let mut client = rig.with_handle("create", &handle);
        let id = run(client.args([BASE, "sleep", "100"]))?.success()?;
        let container = rig.adopt(id.trim().to_owned());
        let killer = Killer::start(container.name.clone(), attempt)?;
        rig.engine.try_docker(&["start", &container.name])?;
        killer.finish()?;
        // It may be started all the same, and has what it was given then.
        if rig.engine.try_docker(&["start", &container.name])?.code == 0 {
            has_it(&container, &canary)?;
        }
        container.remove()?;
        ids.push(container.name.clone());
        // A ticket whose wrapper died before it was redeemed.
        let _ = fs::remove_file(staging::place(&handle)?);
    }
    for id in ids {
        nothing_left(rig, &id, &canary)?;
    }
    Ok(())
}

/// The engine ends with all its processes and its mount namespace, and starts
/// again in another.
fn engine_restarts() -> Result<()> {
    let sandbox = lab()?.sandbox();
    // Under a name of its own, so that it meets no other test's engine.
    let mut release = Release::of_the_system();
    release.name = "restarting";
    let start = || -> Result<Rig> {
        let engine = Engine::start(release.clone(), sandbox)?;
        engine.wait_until_ready()?;
        let rigs = Rig::all(&[Arc::new(engine)]);
        rigs.into_iter().next().context("no rig")
    };
    let rig = start()?;
    image::import(&rig.engine, &sandbox.disk().join("base.tar"), BASE)?;
    let canary = Canary::new()?;
    let mut renewing = Renewing::start(&rig, &canary, &["--init"])?;
    renewing.renew()?;
    rig.engine.stop()?;
    let again = start()?;
    let checked = again
        .engine
        .docker(&["start", &renewing.container.name])
        .and_then(|_| renewing.has_its_own());
    let id = renewing.container.id();
    let removed = renewing.container.remove();
    let left = id.and_then(|id| nothing_left(&again, &id, &canary));
    again.engine.stop()?;
    checked.and(removed).and(left)
}
