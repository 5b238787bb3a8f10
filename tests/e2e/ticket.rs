//! `docker jackin ticket` on a real engine: its flags and its env-file let any
//! `docker run` redeem it, within its limits, and once it is taken back nobody.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::{BASE, build};
use jackin_tests::processes::Watch;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::USER;
use jackin_tests::search::search;
use libtest_mimic::Trial;

use crate::lab::on_each_engine;
use crate::user::User;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("ticket::its_flags_are_taken_as_a_shell_has_them", flags),
        on_each_engine("ticket::an_env_file_is_for_as_many_as_it_says", env_file),
        on_each_engine("ticket::e52_it_ends_and_can_be_taken_back", ended),
        on_each_engine("ticket::e53_another_image_is_refused", image),
        on_each_engine("ticket::another_user_of_the_container_is_logged_in", user),
        on_each_engine("ticket::e50_no_output_holds_a_value", leak),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Prints the token that Claude would use.
const TOKEN: &str = "echo \"token=$CLAUDE_CODE_OAUTH_TOKEN\"";

/// A user with a token in a file, and a role.
struct Scene<'a> {
    rig: &'a Rig,
    user: User,
    role: String,
    canary: Canary,
}

impl<'a> Scene<'a> {
    fn new(rig: &'a Rig) -> Result<Self> {
        let user = User::new(USER)?;
        let canary = Canary::new()?;
        let role = unique("role");
        user.write("token", &canary.oauth_token())?;
        let home = user.home().display();
        user.configure(&format!(
            "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"file:{home}/token\"\n\
             [roles.{role}]\nimage = \"another/image\"\nagents = [\"claude\"]\n"
        ))?;
        Ok(Self {
            rig,
            user,
            role,
            canary,
        })
    }

    /// `docker jackin ticket` for the role, with more words.
    fn ticket(&self, words: &[&str]) -> Result<String> {
        let words = [&["ticket", "--role", &self.role], words].concat();
        let printed = self.user.run(self.rig, &words)?.success()?;
        Ok(printed.trim_end().to_owned())
    }

    /// `docker run` with flags, of which a shell makes words.
    fn start(&self, flags: &str, rest: &str) -> Result<Outcome> {
        run(&mut self
            .user
            .shell(self.rig, &format!("docker run --rm {flags} {rest}")))
    }

    /// Starts a container that prints its token, and lives long enough for that
    /// to be read.
    fn token_of(&self, flags: &str) -> Result<Outcome> {
        self.start(flags, &format!("{BASE} sh -c 'sleep 0.3; {TOKEN}'"))
    }

    fn has_token(&self, outcome: &Outcome) -> Result<()> {
        let expected = format!("token={}\n", self.canary.oauth_token());
        ensure!(
            outcome.code == 0 && outcome.stdout == expected,
            "{outcome:?}"
        );
        Ok(())
    }
}

/// A container did not start, and `reason` says why.
fn refused(outcome: &Outcome, reason: &str) -> Result<()> {
    ensure!(
        outcome.code == 125 && outcome.stdout.is_empty(),
        "{outcome:?}"
    );
    ensure!(outcome.stderr.contains(reason), "{outcome:?}");
    Ok(())
}

fn flags(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let name = unique("by-hand");
    let line = format!(
        "docker run -d --name {name} $(docker jackin ticket --role {}) {BASE} sleep 1000",
        scene.role
    );
    run(&mut scene.user.shell(rig, &line))?.success()?;
    let container = rig.adopt(name.clone());
    let seen = container.shell(TOKEN)?;
    ensure!(
        seen == format!("token={}", scene.canary.oauth_token()),
        "{seen}"
    );
    let inspected = rig.engine.docker(&["inspect", &container.name])?;
    ensure!(
        !scene.canary.finder().is_in(inspected.as_bytes()),
        "inspect shows it"
    );
    let listed = scene.user.run(rig, &["ps"])?.success()?;
    ensure!(
        listed.contains(&name) && listed.contains(&scene.role),
        "{listed}"
    );
    rig.engine
        .docker(&["restart", "-t", "0", &container.name])?;
    let seen = container.shell(TOKEN)?;
    ensure!(seen.ends_with(&scene.canary.oauth_token()), "{seen}");
    scene.user.run(rig, &["eject", &scene.role])?.success()?;
    ensure!(
        rig.engine.try_docker(&["inspect", &name])?.code != 0,
        "it is still there"
    );
    Ok(())
}

fn env_file(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let file = scene.user.home().join("cache/web.env");
    let path = file.display().to_string();
    let words = ["--containers", "2", "--env-file", &path];
    let first = scene.ticket(&words)?;
    ensure!(first.is_empty(), "{first}");
    let former = fs::read_to_string(&file)?;
    scene.ticket(&words)?;
    let metadata = fs::metadata(&file)?;
    ensure!(metadata.mode() & 0o7777 == 0o600 && metadata.uid() == USER);
    let flags = format!("--runtime docker-jackin --env-file {path}");
    for _ in 0..2 {
        scene.has_token(&scene.token_of(&flags)?)?;
    }
    refused(&scene.token_of(&flags)?, "redeemed already")?;
    let taken_back = scene.user.home().join("former.env");
    scene.user.write("former.env", &former)?;
    let flags = format!(
        "--runtime docker-jackin --env-file {}",
        taken_back.display()
    );
    refused(&scene.token_of(&flags)?, "it is not there")
}

fn ended(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let short = scene.ticket(&["--ttl", "1s"])?;
    let taken_back = scene.ticket(&["--format", "handle"])?;
    let good = scene.ticket(&[])?;
    thread::sleep(Duration::from_secs(2));
    refused(&scene.token_of(&short)?, "expired")?;
    let listed = scene.user.run(rig, &["ticket", "list"])?.success()?;
    ensure!(!listed.contains(&taken_back), "it lists whole handles");
    let beginning = &taken_back[..taken_back.len() - 20];
    ensure!(listed.contains(beginning), "{listed}");
    scene
        .user
        .run(rig, &["ticket", "revoke", beginning])?
        .success()?;
    let flags = format!("--runtime docker-jackin -e DOCKER_JACKIN_TICKET={taken_back}");
    refused(&scene.token_of(&flags)?, "it is not there")?;
    scene.has_token(&scene.token_of(&good)?)?;
    let gone = scene.user.run(rig, &["ticket", "revoke", &taken_back])?;
    ensure!(gone.code == 1, "{gone:?}");
    Ok(())
}

fn image(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let other = unique("other");
    build(&rig.engine, &other, &format!("FROM {BASE}\nRUN true\n"))?;
    let flags = scene.ticket(&["--image", BASE])?;
    refused(
        &scene.start(&flags, &format!("{other} true"))?,
        "it is for image",
    )?;
    // The refused container has not used it up.
    scene.has_token(&scene.token_of(&flags)?)
}

/// As in a devcontainer: process 1 is root's, and its user works by exec.
fn user(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    scene
        .user
        .log_in(&scene.canary.oauth_token(), "stays here")?;
    scene.user.configure("")?;
    let printed = scene
        .user
        .run(rig, &["ticket", "--agent", "claude", "--user", "dev"])?;
    let name = unique("remote-user");
    let outcome = scene.start(
        printed.success()?.trim_end(),
        &format!("-d --name {name} {BASE} sleep 1000"),
    )?;
    let container = rig.adopt(name);
    ensure!(outcome.code == 0, "{outcome:?}");
    let script = "cat ~/.claude/.credentials.json; stat -c %U ~/.claude.json";
    let seen = container
        .exec(&["--user=dev", "sh", "-c", script])?
        .success()?;
    ensure!(
        seen.contains(&scene.canary.oauth_token()) && seen.ends_with("dev\n"),
        "{seen}"
    );
    let roots = container.shell("ls -A /root")?;
    ensure!(!roots.contains(".claude"), "{roots}");
    Ok(())
}

/// Every form in which a ticket is made, shown and taken back.
fn leak(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let watch = Watch::start(&rig.engine, &scene.canary)?;
    let file = scene.user.home().join("web.env").display().to_string();
    let role = scene.role.as_str();
    for words in [
        &["ticket", "--role", role][..],
        &["ticket", "--role", role, "--format", "json"],
        &["ticket", "--role", role, "--format", "handle"],
        &["ticket", "--role", role, "--env-file", &file],
        &["ticket", "list"],
        &["ticket", "list", "--format", "json"],
    ] {
        let outcome = run(&mut scene.user.jackin_with(&["-D"], rig, words))?;
        ensure!(outcome.code == 0, "{words:?}: {outcome:?}");
        let told = scene.canary.finder().is_in(outcome.text().as_bytes());
        ensure!(!told, "{words:?} tells it");
    }
    let written = fs::read(&file)?;
    ensure!(
        !scene.canary.finder().is_in(&written),
        "the env-file has it"
    );
    let name = unique("leak");
    let outcome = scene.start(
        &format!("--runtime docker-jackin --env-file {file}"),
        &format!("-d --name {name} {BASE} sleep 1000"),
    )?;
    let container = rig.adopt(name);
    ensure!(outcome.code == 0, "{outcome:?}");
    ensure!(
        container
            .shell(TOKEN)?
            .ends_with(&scene.canary.oauth_token())
    );
    let found = search(&rig.engine, &container.name, &scene.canary)?;
    ensure!(found.is_empty(), "found on {found:?}");
    let handle = scene.ticket(&["--format", "handle"])?;
    let outcome = scene.user.run(rig, &["ticket", "revoke", &handle])?;
    ensure!(outcome.code == 0, "{outcome:?}");
    ensure!(!scene.canary.finder().is_in(outcome.text().as_bytes()));
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    Ok(())
}
