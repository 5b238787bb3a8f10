//! Scenarios 50 to 52: a secret shows up nowhere but in its container.

mod paths;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use jackin_oci_hook::payload::Payload;
use jackin_tests::canary::{self, Canary, CanaryFinder};
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::killer::Killer;
use jackin_tests::processes::Watch;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::search::{files, search, search_remains};
use jackin_tests::{project, staging};
use libtest_mimic::Trial;

use crate::lab::{lab, on_each_engine, on_each_rig, once};
use crate::user::User;

/// The engine side's own folder, in memory and root's alone.
pub(crate) const STATE: &str = "/run/docker-jackin";

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine(
            "leak::e50_the_search_finds_a_plain_variable",
            control_variable,
        ),
        on_each_engine("leak::e50_the_search_finds_a_copied_file", control_file),
        on_each_rig("leak::e50_e52_from_start_to_removal", whole_life),
        on_each_rig("leak::e50_the_low_level_runtime_fails", low_level_fails),
        on_each_rig("leak::e50_the_hook_refuses", hook_refuses),
        on_each_engine("leak::e50_the_wrapper_refuses", wrapper_refuses),
        on_each_engine("leak::e50_our_processes_are_killed", killed),
        on_each_rig("leak::e51_another_user_looks", another_user),
        on_each_engine("leak::e50_docker_jackin_run_at_debug", jackin_run),
        paths::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is looked for when everything else has run.
pub(crate) fn last_trials() -> Vec<Trial> {
    once(
        "leak::e50_no_disk_of_this_machine_holds_any_canary",
        whole_machine,
    )
}

/// Variables and a file, all with the canary in them.
pub(crate) fn payload(canary: &Canary) -> Result<Payload> {
    let mut payload = staging::variables(&[("TOKEN", canary.text())])?;
    payload
        .files
        .push(staging::bound_file(".agent/token", canary.text())?);
    payload.files.push(staging::onboarding()?);
    Ok(payload)
}

/// Proves that a container has what it was given, in process 1 and in an exec.
pub(crate) fn has_it(container: &Container, canary: &Canary) -> Result<()> {
    for script in [
        staging::TOKEN_AT_START,
        "env | sed -n 's/^TOKEN=//p'",
        "cat ~/.agent/token",
    ] {
        let seen = container.shell(script)?;
        ensure!(seen == canary.text(), "{script}: {seen:?}");
    }
    Ok(())
}

/// The control: the same search finds what `docker run -e` leaks.
fn control_variable(rig: &Rig) -> Result<()> {
    let canary = Canary::control()?;
    let watch = Watch::start(&rig.engine, &canary)?;
    let name = unique("control");
    let variable = format!("TOKEN={}", canary.text());
    let arguments = [
        "run", "-d", "--name", &name, "-e", &variable, BASE, "sleep", "100",
    ];
    rig.engine.docker(&arguments)?;
    let container = rig.adopt(name);
    let mut found = search(&rig.engine, &container.name, &canary)?;
    found.extend(watch.finish()?);
    for surface in [
        "inspect",
        "committed image",
        "saved image",
        "engine's log",
        "containerd's database",
        "arguments of docker",
    ] {
        ensure!(found.contains(surface), "not found on {surface}: {found:?}");
    }
    let on_disk = |surface: &String| surface.starts_with("engine's disk");
    ensure!(found.iter().any(on_disk), "not found on disk: {found:?}");
    Ok(())
}

/// The other control: a credential file that is copied in, as many do.
fn control_file(rig: &Rig) -> Result<()> {
    let canary = Canary::control()?;
    let name = unique("control");
    rig.engine
        .docker(&["run", "-d", "--name", &name, BASE, "sleep", "100"])?;
    let container = rig.adopt(name);
    let place = "/root/.credentials.json";
    let source = jackin_tests::sandbox::Sandbox::memory().join(unique("login"));
    fs::write(&source, canary.text())?;
    let target = format!("{}:{place}", container.name);
    rig.engine
        .docker(&["cp", &source.display().to_string(), &target])?;
    let found = search(&rig.engine, &container.name, &canary)?;
    for surface in ["export", "cp", "saved image"] {
        ensure!(found.contains(surface), "not found on {surface}: {found:?}");
    }
    Ok(())
}

/// Start, exec, restart, stop, removal; searched after each.
pub(crate) fn whole_life(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let watch = Watch::start(&rig.engine, &canary)?;
    let arguments = ["--init", BASE, "sleep", "1000"];
    let container = rig.start(payload(&canary)?, &arguments)?;
    let id = container.id()?;
    has_it(&container, &canary)?;
    clean("after start and exec", rig, &container, &canary)?;
    rig.engine
        .docker(&["restart", "-t", "0", &container.name])?;
    has_it(&container, &canary)?;
    clean("after a restart", rig, &container, &canary)?;
    rig.engine.docker(&["stop", "-t", "0", &container.name])?;
    clean("after a stop", rig, &container, &canary)?;
    container.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    let remains = search_remains(&rig.engine, &canary)?;
    ensure!(remains.is_empty(), "after the removal: {remains:?}");
    nothing_kept(rig, &id, &canary)
}

/// The program is not there, so the low-level runtime fails after our part.
pub(crate) fn low_level_fails(rig: &Rig) -> Result<()> {
    fails(rig, &[BASE, "/no/such/program"])
}

/// The hook finds a file where the credential's folder should be.
pub(crate) fn hook_refuses(rig: &Rig) -> Result<()> {
    let image = unique("refused");
    jackin_tests::image::build(
        &rig.engine,
        &image,
        &format!("FROM {BASE}\nRUN touch /root/.agent\n"),
    )?;
    fails(rig, &[&image, "true"])
}

fn fails(rig: &Rig, arguments: &[&str]) -> Result<()> {
    let canary = Canary::new()?;
    let watch = Watch::start(&rig.engine, &canary)?;
    let name = unique("failing");
    let mut all = vec!["-d", "--name", &name];
    all.extend_from_slice(arguments);
    let outcome = rig.run(payload(&canary)?, &all)?;
    let container = rig.adopt(name);
    ensure!(outcome.code != 0, "it started: {outcome:?}");
    ensure!(
        !canary.finder().is_in(outcome.text().as_bytes()),
        "it was told"
    );
    let id = container.id()?;
    clean("after the failure", rig, &container, &canary)?;
    container.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    nothing_kept(rig, &id, &canary)
}

/// The ticket is for another image.
fn wrapper_refuses(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let mut ticket = staging::ticket(0, payload(&canary)?)?;
    ticket.limits.image = Some("another/image".to_owned());
    let handle = staging::stage(&ticket)?;
    let name = unique("refused");
    let mut client = rig.with_handle("run", &handle);
    let outcome = run(client.args(["-d", "--name", &name, BASE, "sleep", "100"]))?;
    let container = rig.adopt(name);
    ensure!(outcome.code == 125, "{outcome:?}");
    clean("after the refusal", rig, &container, &canary)?;
    fs::remove_file(staging::place(&handle)?)?;
    nothing_kept(rig, &container.id()?, &canary)
}

/// Our processes are killed at all sorts of moments of a start.
fn killed(rig: &Rig) -> Result<()> {
    const ATTEMPTS: usize = 12;
    let canary = Canary::new()?;
    let mut ids = Vec::new();
    let mut kills = 0;
    for attempt in 0..ATTEMPTS {
        let handle = staging::stage(&staging::ticket(0, payload(&canary)?)?)?;
        let mut client = rig.with_handle("create", &handle);
        let id = run(client.args([BASE, "sleep", "100"]))?.success()?;
        let container = rig.adopt(id.trim().to_owned());
        let killer = Killer::start(container.name.clone(), attempt)?;
        rig.engine.try_docker(&["start", &container.name])?;
        kills += usize::from(killer.finish()?);
        if attempt % 4 == 0 {
            clean("after a kill", rig, &container, &canary)?;
        }
        ids.push(container.name.clone());
    }
    ensure!(kills > 0, "nothing was killed in {ATTEMPTS} starts");
    let remains = search_remains(&rig.engine, &canary)?;
    ensure!(remains.is_empty(), "after kills and removals: {remains:?}");
    // A ticket whose wrapper died before it was redeemed is still its owner's.
    remove_tickets(&canary)?;
    for id in ids {
        nothing_kept(rig, &id, &canary)?;
    }
    Ok(())
}

fn remove_tickets(canary: &Canary) -> Result<()> {
    let mut tickets = Vec::new();
    files(
        &Path::new(STATE).join("tickets"),
        None,
        &canary.finder(),
        &mut tickets,
    )?;
    for ticket in tickets {
        fs::remove_file(ticket)?;
    }
    Ok(())
}

/// Scenario 51: what an ordinary user of the machine can read.
fn another_user(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let container = rig.start(payload(&canary)?, &[BASE, "sleep", "1000"])?;
    has_it(&container, &canary)?;
    let script = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; \
        find /run /var/tmp /dev/shm -type f -exec cat {} + 2>/dev/null; \
        ls -laR /run/docker-jackin 2>&1; true";
    let mut look = Command::new("setpriv");
    look.args([
        "--reuid",
        "1001",
        "--regid",
        "1001",
        "--clear-groups",
        "sh",
        "-c",
        script,
    ]);
    let output = look.output()?;
    ensure!(
        !output.stdout.is_empty(),
        "the other user saw nothing at all"
    );
    ensure!(
        !canary.finder().is_in(&output.stdout),
        "another user read it"
    );
    Ok(())
}

/// The whole way, from the user's configuration on, with debug messages on.
fn jackin_run(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let user = User::new(1000)?;
    user.write("token", &canary.oauth_token())?;
    let token = user.home().join("token");
    user.configure(&format!(
        "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"file:{}\"\n\
         [roles.agent]\nimage = \"{BASE}\"\nagents = [\"claude\"]\n",
        token.display()
    ))?;
    let watch = Watch::start(&rig.engine, &canary)?;
    let name = unique("jackin");
    let arguments = ["run", "agent", "-d", "--name", &name, "--", "sleep", "100"];
    let outcome = run(&mut user.jackin_with(&["-D"], rig, &arguments))?;
    let container = rig.adopt(name);
    ensure!(outcome.code == 0, "{outcome:?}");
    ensure!(
        !canary.finder().is_in(outcome.text().as_bytes()),
        "it was told at -D"
    );
    let seen = container.shell("env | sed -n s/^CLAUDE_CODE_OAUTH_TOKEN=//p")?;
    ensure!(seen == canary.oauth_token(), "{seen:?}");
    clean("after docker jackin run", rig, &container, &canary)?;
    container.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    Ok(())
}

/// The search that must find nothing.
pub(crate) fn clean(when: &str, rig: &Rig, container: &Container, canary: &Canary) -> Result<()> {
    let found = search(&rig.engine, &container.name, canary)?;
    ensure!(found.is_empty(), "{when}, it was found on {found:?}");
    Ok(())
}

/// Scenario 52: the next start sweeps what is left of a removed container.
pub(crate) fn nothing_kept(rig: &Rig, id: &str, canary: &Canary) -> Result<()> {
    rig.engine.try_docker(&["rm", "--force", id])?;
    rig.run(payload(&Canary::new()?)?, &["--rm", BASE, "true"])?
        .success()?;
    let state = &rig.state();
    ensure!(
        !state.join("containers").join(id).exists(),
        "the state of {id} is still there"
    );
    let mut found = Vec::new();
    files(state, None, &canary.finder(), &mut found)?;
    ensure!(found.is_empty(), "still in {found:?}");
    Ok(())
}

/// Files changed since the start, on every disk that is mounted here.
fn whole_machine() -> Result<()> {
    let finder = CanaryFinder::new(canary::mark()?);
    let mut found = Vec::new();
    for mount in disks()? {
        files(&mount, Some(lab()?.started()), &finder, &mut found)?;
    }
    // The build folder is busy while the tests run, and none of ours writes there.
    let build = project::target_dir()?;
    found.retain(|path| !path.starts_with(&build));
    ensure!(found.is_empty(), "on disk: {found:?}");
    Ok(())
}

fn disks() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let kinds = ["ext4", "ext3", "xfs", "btrfs", "overlay", "zfs", "f2fs"];
    let lines = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        let ours = ["/etc", "/usr/local"].contains(&place);
        (kinds.contains(&kind) && !ours).then(|| PathBuf::from(place))
    });
    Ok(lines.collect())
}
