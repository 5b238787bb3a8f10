//! Docker as an ordinary user runs it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::engine::{Engine, Release};
use jackin_tests::image::{self, BASE};
use jackin_tests::keeper::Shared;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::USER;
use jackin_tests::staging;
use libtest_mimic::Trial;

use crate::failures::refused;
use crate::lab::{lab, named};
use crate::leak::payload;
use crate::{delivery, failures, leak};

/// The engines, as they stand in the tests' names.
const ENGINES: [&str; 2] = ["rootless-20.10", "rootless-26.1"];

static RUNNING: [Shared<Engine>; 2] = [Shared::new(), Shared::new()];

pub(crate) fn trials() -> Vec<Trial> {
    let of_all_engines: [(&str, Check); 10] = [
        ("e43_exec_and_health_check", delivery::exec),
        ("e44_restart_stop_start_pause", delivery::restart),
        ("e45_options", delivery::options),
        ("e50_e52_from_start_to_removal", leak::whole_life),
        ("e50_the_low_level_runtime_fails", leak::low_level_fails),
        ("e50_the_hook_refuses", leak::hook_refuses),
        ("e53_used_twice", failures::used_twice),
        ("e53_not_there", failures::not_there),
        ("e53_expired", failures::expired),
        ("e53_no_handle_at_all", failures::no_handle),
    ];
    let own: [(&str, Check); 3] = [
        ("e46_a_container_without_a_ticket", without_ticket),
        ("e53_another_users_ticket", another_users),
        ("e44_docker_jackin_run_and_a_restart", jackin_run),
    ];
    let all = of_all_engines.into_iter().chain(own);
    all.flat_map(|(name, check)| on_each(name, check)).collect()
}

pub(crate) type Check = fn(&Rig) -> Result<()>;

/// Stops those that tests have used.
pub(crate) fn stop() -> Result<()> {
    for running in &RUNNING {
        if let Some(engine) = running.started() {
            engine.stop()?;
        }
    }
    Ok(())
}

/// A test that runs once for each of these engines.
pub(crate) fn on_each(name: &str, check: Check) -> Vec<Trial> {
    let trial = |(index, engine): (usize, &&str)| {
        let run = move || check(&rig(index)?);
        named(format!("rootless::{name} [{engine}]"), run)
    };
    ENGINES.iter().enumerate().map(trial).collect()
}

fn rig(index: usize) -> Result<Rig> {
    let running = RUNNING.get(index).context("no such engine")?;
    let engine = running.get(move || {
        let lab = lab()?;
        let mut releases = Release::rootless()?.into_iter();
        let release = releases.nth(index).context("no such release")?;
        let engine = Engine::start(release, lab.sandbox())?;
        engine.wait_until_ready()?;
        image::import(&engine, lab.base_tar(), BASE)?;
        Ok(engine)
    })?;
    let mut rigs = Rig::all(&[engine]).into_iter();
    rigs.next().context("no low-level runtime")
}

/// A container without a ticket is the same with and without the wrapper.
fn without_ticket(rig: &Rig) -> Result<()> {
    let script = "id -u; cat /proc/self/uid_map; ls -a / /root /run; env; exit 6";
    let run = |runtime| {
        let arguments = ["run", "--rm", "--hostname", "same", "--runtime", runtime];
        rig.engine
            .try_docker(&[&arguments[..], &[BASE, "sh", "-c", script]].concat())
    };
    let (wrapped, bare) = (run(rig.wrapper)?, run(rig.low_level)?);
    let same = wrapped == bare && bare.code == 6;
    ensure!(same, "{wrapped:?}, not {bare:?}");
    let map: Vec<&str> = bare.stdout.split_whitespace().take(4).collect();
    let owner = rig.owner().to_string();
    ensure!(map == ["0", "0", &owner, "1"], "not without root: {map:?}");
    Ok(())
}

/// The engine of one user takes no ticket of another's, were it root's.
fn another_users(rig: &Rig) -> Result<()> {
    for owner in [0, USER] {
        let ticket = staging::ticket(owner, payload(&Canary::new()?)?)?;
        let handle = staging::stage(&ticket)?;
        refused(rig, &handle, &format!("uid {}", rig.owner()))?;
        fs::remove_file(staging::place(&handle)?)?;
    }
    Ok(())
}

/// From the user's own configuration on; a restart asks it again.
fn jackin_run(rig: &Rig) -> Result<()> {
    let user = rig.engine.release.rootless.context("an engine of root's")?;
    let home = user.home();
    let token = home.join("token");
    let write = |path: &Path, text: &str| -> Result<()> {
        fs::write(path, text)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(chown(path, Some(user.uid), Some(user.uid))?)
    };
    let config = home.join(".docker/jackin/config.toml");
    run(user
        .command("mkdir")
        .arg("-p")
        .arg(home.join(".docker/jackin")))?
    .success()?;
    write(
        &config,
        &format!(
            "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"file:{}\"\n\
             [roles.agent]\nimage = \"{BASE}\"\nagents = [\"claude\"]\n",
            token.display()
        ),
    )?;
    let canary = Canary::new()?;
    write(&token, &canary.oauth_token())?;
    let name = unique("rootless");
    let mut jackin = user.command("timeout");
    jackin.args(["60", "/usr/bin/docker"]);
    jackin.args([
        "jackin", "run", "agent", "-d", "--name", &name, "--", "sleep", "1000",
    ]);
    jackin.env(
        "DOCKER_HOST",
        format!("unix://{}", rig.engine.socket().display()),
    );
    let outcome = run(&mut jackin)?;
    let container = rig.adopt(name);
    ensure!(outcome.code == 0, "{outcome:?}");
    let shown = "env | sed -n s/^CLAUDE_CODE_OAUTH_TOKEN=//p; id -u; stat -c %u ~/.claude.json";
    let seen = container.shell(shown)?;
    ensure!(
        seen == format!("{}\n0\n0", canary.oauth_token()),
        "{seen:?}"
    );

    let newer = Canary::new()?;
    write(&token, &newer.oauth_token())?;
    rig.engine
        .docker(&["restart", "-t", "0", &container.name])?;
    let seen = container.shell(shown)?;
    ensure!(seen == format!("{}\n0\n0", newer.oauth_token()), "{seen:?}");
    Ok(())
}
