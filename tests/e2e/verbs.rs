//! The verbs around `run`, on a real engine: what runs is listed, entered,
//! stopped and removed, and what is wrong is said.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::Outcome;
use jackin_tests::image::{BASE, build};
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::USER;
use libtest_mimic::Trial;
use serde_json::Value;

use crate::lab::on_each_engine;
use crate::user::User;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine(
            "verbs::ps_tells_of_what_runs_until_it_is_ejected",
            ps_and_eject,
        ),
        on_each_engine("verbs::purge_leaves_nothing_of_a_role", purge),
        on_each_engine("verbs::exec_starts_the_agents_own_program", exec),
        on_each_engine("verbs::run_needs_no_configuration", without_configuration),
        on_each_engine("verbs::a_dry_run_starts_nothing", dry_run),
        on_each_engine(
            "verbs::another_container_on_the_same_login_is_named",
            same_login,
        ),
        on_each_engine("verbs::doctor_is_content_or_says_what_to_do", doctor),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A user who is logged in to Claude, with one role.
struct Scene<'a> {
    rig: &'a Rig,
    user: User,
    role: String,
}

impl<'a> Scene<'a> {
    fn new(rig: &'a Rig, image: &str) -> Result<Self> {
        let scene = Self {
            rig,
            user: User::new(USER)?,
            role: unique("role"),
        };
        let canary = Canary::new()?;
        scene.user.log_in(&canary.oauth_token(), "stays here")?;
        let role = &scene.role;
        let home = scene.user.home().display();
        scene.user.write("key", &canary.api_key())?;
        scene.user.configure(&format!(
            "[codex]\nauth_forward = \"api_key\"\napi_key = \"file:{home}/key\"\n\
             [workspaces.w]\nworkdir = \"{home}\"\n\
             [roles.{role}]\nimage = \"{image}\"\nagents = [\"claude\", \"codex\"]\n"
        ))?;
        Ok(scene)
    }

    fn run(&self, words: &[&str]) -> Result<Outcome> {
        self.user.run(self.rig, words)
    }

    /// Starts a container of the role in the background.
    fn start(&self, name: &str) -> Result<Outcome> {
        let role = self.role.as_str();
        let words = ["run", "--workspace", "w", role, "-d", "--name", name];
        let outcome = self.run(&[&words[..], &["--", "sleep", "1000"]].concat())?;
        ensure!(outcome.code == 0, "{outcome:?}");
        Ok(outcome)
    }

    /// What `ps` says of a container, if anything.
    fn listed(&self, name: &str) -> Result<Option<Value>> {
        let listed = self.run(&["ps", "--format", "json"])?.success()?;
        let listed: Vec<Value> = serde_json::from_str(&listed)?;
        Ok(listed.into_iter().find(|one| one["name"] == name))
    }

    /// Whether the engine still has it.
    fn exists(&self, name: &str) -> Result<bool> {
        let outcome = self.rig.engine.try_docker(&["inspect", name])?;
        Ok(outcome.code == 0)
    }
}

fn ps_and_eject(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, BASE)?;
    let name = unique("listed");
    scene.start(&name)?;
    let _container = rig.adopt(name.clone());
    let one = scene.listed(&name)?.context("it is not listed")?;
    ensure!(
        one["role"] == *scene.role && one["workspace"] == "w",
        "{one}"
    );
    ensure!(one["image"] == BASE && one["state"] == "running", "{one}");
    let claude = &one["agents"][0];
    ensure!(
        claude["agent"] == "claude" && claude["mode"] == "sync",
        "{one}"
    );
    ensure!(claude["ends"] == "2100-01-01T00:00:00Z", "{one}");
    let codex = &one["agents"][1];
    ensure!(
        codex["agent"] == "codex" && codex["mode"] == "api_key",
        "{one}"
    );
    let table = scene.run(&["ps"])?.success()?;
    let line = table.lines().find(|line| line.starts_with(&name));
    let line = line.with_context(|| table.clone())?;
    ensure!(line.contains("claude=sync codex=api_key"), "{line}");
    ensure!(line.contains("claude in "), "{line}");
    scene.run(&["eject", &scene.role])?.success()?;
    ensure!(scene.listed(&name)?.is_none(), "it is still listed");
    ensure!(!scene.exists(&name)?, "it is still there");
    Ok(())
}

fn purge(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, BASE)?;
    let name = unique("purged");
    scene.start(&name)?;
    let _container = rig.adopt(name.clone());
    let asked = scene.run(&["purge", &scene.role])?;
    ensure!(asked.code == 2 && scene.exists(&name)?, "{asked:?}");
    scene.run(&["purge", &scene.role, "--force"])?.success()?;
    ensure!(!scene.exists(&name)?, "it is still there");
    let again = scene.run(&["purge", &scene.role])?;
    ensure!(again.code == 0, "{again:?}");
    let words = format!("nothing is kept for role {}", scene.role);
    ensure!(again.stderr.contains(&words), "{again:?}");
    Ok(())
}

/// Programs that say who they are, and end with a code of their own.
fn image_with_programs(rig: &Rig) -> Result<String> {
    let image = unique("programs");
    let mut dockerfile = format!("FROM {BASE}\nRUN true");
    for (program, code) in [("claude", 11), ("codex", 12)] {
        let script = format!("#!/bin/sh\\necho {program} of $(id -un)\\nexit {code}\\n");
        write!(
            dockerfile,
            " && printf '{script}' >/bin/{program} && chmod 755 /bin/{program}"
        )?;
    }
    build(&rig.engine, &image, &dockerfile)?;
    Ok(image)
}

fn exec(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, &image_with_programs(rig)?)?;
    let name = unique("entered");
    scene.start(&name)?;
    let _container = rig.adopt(name.clone());
    for target in [&scene.role, &name] {
        for (words, said, code) in [
            (&[][..], "claude of root\n", 11),
            (&["--agent", "codex"], "codex of root\n", 12),
            (&["--user", "dev"], "claude of dev\n", 11),
            (&["--", "echo", "a  b"], "a  b\n", 0),
        ] {
            let outcome = scene.run(&[&["exec", target], words].concat())?;
            ensure!(outcome.code == code, "{words:?}: {outcome:?}");
            ensure!(outcome.stdout == said, "{words:?}: {outcome:?}");
        }
    }
    let amp = scene.run(&["exec", &scene.role, "--agent", "amp"])?;
    ensure!(amp.code == 2 && amp.stderr.contains("claude"), "{amp:?}");
    let unserved = unique("unserved");
    rig.engine
        .docker(&["run", "-d", "--name", &unserved, BASE, "sleep", "100"])?;
    let _other = rig.adopt(unserved.clone());
    let refused = scene.run(&["exec", &unserved])?;
    ensure!(
        refused.code != 0 && refused.stdout.is_empty(),
        "{refused:?}"
    );
    ensure!(refused.stderr.contains("docker jackin run"), "{refused:?}");
    Ok(())
}

fn without_configuration(rig: &Rig) -> Result<()> {
    let user = User::new(USER)?;
    let canary = Canary::new()?;
    user.log_in(&canary.oauth_token(), "stays here")?;
    let script = "cat ~/.claude/.credentials.json";
    let words = ["run", "--image", BASE, "--rm", "--", "sh", "-c", script];
    let outcome = user.run(rig, &words)?;
    ensure!(
        outcome.stdout.contains(&canary.oauth_token()),
        "{outcome:?}"
    );
    let words = ["run", "--agent", "claude", "--rm"];
    let refused = user.run(rig, &words)?;
    ensure!(refused.code == 2, "{refused:?}");
    Ok(())
}

fn dry_run(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, BASE)?;
    let name = unique("dry");
    let outcome = scene.run(&["run", "--dry-run", &scene.role, "--name", &name])?;
    ensure!(outcome.code == 0, "{outcome:?}");
    ensure!(outcome.text().contains("docker run"), "{outcome:?}");
    ensure!(outcome.text().contains(&name), "{outcome:?}");
    ensure!(!scene.exists(&name)?, "it is there");
    ensure!(scene.listed(&name)?.is_none(), "it is listed");
    Ok(())
}

/// Two containers get copies of one login of the host's: the second launch
/// says so.
fn same_login(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, BASE)?;
    let words = ["config", "auth", "set", "sync", "--refresh", "copy"];
    scene.run(&words)?.success()?;
    let (first, second) = (unique("first"), unique("second"));
    let alone = scene.start(&first)?;
    let _first = rig.adopt(first.clone());
    ensure!(!alone.stderr.contains("also in use"), "{alone:?}");
    let outcome = scene.start(&second)?;
    let _second = rig.adopt(second.clone());
    let mut lines = outcome.stderr.lines();
    let line = lines.find(|line| line.contains(&first));
    let line = line.with_context(|| format!("{outcome:?}"))?;
    ensure!(line.contains("also in use"), "{line}");
    ensure!(line.contains("oauth_token"), "{line}");
    // It would be no trouble to either, did the second one follow the host.
    ensure!(line.contains("auth unset --refresh"), "{line}");
    Ok(())
}

/// A healthy set-up, and then one thing after the other that is not.
fn doctor(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, BASE)?;
    let healthy = report(&scene, 0)?;
    ensure!(healthy.len() > 4, "{healthy:?}");
    ensure!(failures(&healthy).is_empty(), "{healthy:?}");
    std::fs::remove_file(scene.user.home().join("key"))?;
    let broken = report(&scene, 1)?;
    let about = failures(&broken);
    ensure!(about == ["sources"], "{broken:?}");
    scene
        .user
        .configure("[claude]\nauth_forwardd = \"sync\"\n")?;
    let broken = report(&scene, 1)?;
    ensure!(failures(&broken) == ["configuration"], "{broken:?}");
    let next = broken.iter().any(|check| {
        let next = check["next"].as_str().unwrap_or_default();
        next.contains("auth_forward")
    });
    ensure!(next, "{broken:?}");
    Ok(())
}

/// What the doctor finds, with the exit code that says whether all is well.
fn report(scene: &Scene, code: i32) -> Result<Vec<Value>> {
    let outcome = scene.run(&["doctor", "--format", "json"])?;
    ensure!(outcome.code == code, "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.stdout)?;
    Ok(report["checks"].as_array().context("no checks")?.clone())
}

/// What the failures are about.
fn failures(checks: &[Value]) -> Vec<&str> {
    let failed = checks.iter().filter(|check| check["verdict"] == "failure");
    failed.filter_map(|check| check["about"].as_str()).collect()
}
