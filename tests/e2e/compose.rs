//! Compose: two services with two workspaces, each with its own login and no
//! other (scenarios 42, 44 and 50).

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::compose::{commands, example, plugin as program};
use jackin_tests::image::BASE;
use jackin_tests::mock_api::ANSWER;
use jackin_tests::processes::Watch;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::USER;
use jackin_tests::search::{files, search_remains};
use libtest_mimic::Trial;
use serde_json::json;

use crate::agents::program::Program;
use crate::agents::stage::Stage;
use crate::lab::{lab, on_newest_engine, on_oldest_engine};
use crate::leak::clean;
use crate::user::User;

/// The example for engines that know annotations, and the one for all.
const ANNOTATIONS: &str = "compose.yaml";
const ENV_FILE: &str = "env-file/compose.yaml";

/// The services of both, which are workspaces as well.
const SERVICES: [&str; 2] = ["my-app", "docs"];

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_newest_engine("compose::e42_e44_e50_the_example_with_annotations", |rig| {
            whole_life(rig, ANNOTATIONS, "docker compose")
        }),
        on_oldest_engine("compose::e42_e44_e50_the_example_with_files", |rig| {
            whole_life(rig, ENV_FILE, "docker compose")
        }),
        on_oldest_engine("compose::e42_e44_e50_the_systems_own_compose", |rig| {
            whole_life(rig, ENV_FILE, "docker-compose")
        }),
        on_newest_engine(
            "compose::e53_a_new_container_needs_a_new_ticket",
            new_containers,
        ),
        on_newest_engine("compose::one_ticket_for_several_containers", scaled),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Gives a person Compose 2 as a plugin of their docker.
pub(crate) fn plugin(user: &User) -> Result<()> {
    let folder = user.home().join(".docker/cli-plugins");
    fs::create_dir_all(&folder)?;
    symlink(
        program(lab()?.sandbox().disk())?,
        folder.join("docker-compose"),
    )?;
    Ok(())
}

/// What the tests need beside an example: the real claude, the stand-in that it
/// asks, and the image of the tests.
pub(crate) fn for_tests(stage: &Stage, services: &[&str]) -> Result<String> {
    let mut all = json!({});
    for service in services {
        all[*service] = json!({
            "image": BASE,
            "command": ["sleep", "1000"],
            "stop_grace_period": "0s",
            "network_mode": "host",
            "volumes": [Program::Claude.mount()?],
            "environment": Program::Claude.settings(&stage.api),
        });
    }
    Ok(json!({ "services": all }).to_string())
}

/// A person's Compose project.
struct Compose<'a> {
    stage: Stage<'a>,
    folder: PathBuf,
    example: String,
    tool: &'static str,
    canaries: [Canary; 2],
}

impl<'a> Compose<'a> {
    fn new(rig: &'a Rig, file: &str, tool: &'static str) -> Result<Self> {
        let stage = Stage::logged_out(rig)?;
        plugin(&stage.user)?;
        let folder = lab()?.sandbox().disk().join(unique("compose"));
        for folder in [&folder, &folder.join("my-app"), &folder.join("docs")] {
            fs::create_dir(folder)?;
            chown(folder, Some(USER), Some(USER))?;
        }
        let example = example(file)?;
        fs::write(folder.join("compose.yaml"), &example)?;
        fs::write(folder.join("tests.yaml"), for_tests(&stage, &SERVICES)?)?;
        let canaries = [Canary::new()?, Canary::new()?];
        let compose = Self {
            stage,
            folder,
            example,
            tool,
            canaries,
        };
        compose.configure()?;
        Ok(compose)
    }

    /// A token for each workspace.
    fn configure(&self) -> Result<()> {
        let mut text = format!("[roles.web]\nimage = \"{BASE}\"\nagents = [\"claude\"]\n");
        for (name, canary) in SERVICES.iter().zip(&self.canaries) {
            let file = format!("secrets/{name}");
            self.stage.user.write(&file, &canary.oauth_token())?;
            let home = self.stage.user.home().display();
            write!(
                text,
                "[workspaces.{name}]\nworkdir = \"{}\"\n[workspaces.{name}.claude]\n\
                 auth_forward = \"oauth_token\"\noauth_token = \"file:{home}/{file}\"\n",
                self.folder.join(name).display()
            )?;
        }
        self.stage.user.configure(&text)
    }

    /// A line as the person types it in the project's folder.
    fn shell(&self, line: &str) -> Result<Outcome> {
        let line = line.replace("docker compose", self.tool);
        let mut shell = self.stage.user.shell(self.stage.rig, &line);
        // The example alone has no network to speak to the stand-in by.
        shell.env("COMPOSE_FILE", "compose.yaml:tests.yaml");
        run(shell.current_dir(&self.folder))
    }

    fn succeed(&self, line: &str) -> Result<Outcome> {
        let outcome = self.shell(line)?;
        ensure!(outcome.code == 0, "{line}: {outcome:?}");
        Ok(outcome)
    }

    /// Types everything that the example says.
    fn follow_the_example(&self) -> Result<()> {
        let commands = commands(&self.example);
        ensure!(commands.len() == 3, "{commands:?}");
        for command in commands {
            self.succeed(command)?;
        }
        Ok(())
    }

    /// The ids of all containers, sorted.
    fn ids(&self) -> Result<Vec<String>> {
        let listed = self.succeed("docker compose ps --quiet")?.stdout;
        let mut ids: Vec<_> = listed.lines().map(str::to_owned).collect();
        ids.sort();
        Ok(ids)
    }

    /// The real claude in each service asks with its own workspace's token.
    fn each_is_logged_in(&self) -> Result<()> {
        for (index, name) in SERVICES.into_iter().enumerate() {
            let line = format!("docker compose exec -T {name} claude -p ping </dev/null");
            let asked = self.succeed(&line)?;
            ensure!(asked.stdout.contains(ANSWER), "{asked:?}");
            let arrived = self.stage.api.take();
            let [own, other] = [&self.canaries[index], &self.canaries[1 - index]];
            ensure!(arrived.iter().any(|asked| asked.holds(own)), "{arrived:?}");
            ensure!(
                !arrived.iter().any(|asked| asked.holds(other)),
                "{arrived:?}"
            );
        }
        Ok(())
    }

    /// Each service has its own workspace's token, and no other.
    fn each_has_its_own(&self) -> Result<()> {
        for (index, name) in SERVICES.into_iter().enumerate() {
            let look = format!(
                "docker compose exec -T {name} sh -c 'cat /proc/self/environ /proc/1/environ; \
                 find /etc /home /root /run /tmp -type f -exec cat {{}} +'"
            );
            let seen = self.shell(&look)?.stdout;
            let [own, other] = [&self.canaries[index], &self.canaries[1 - index]];
            ensure!(own.finder().is_in(seen.as_bytes()), "{name}: {seen:?}");
            ensure!(
                !other.finder().is_in(seen.as_bytes()),
                "{name} has the other's"
            );
        }
        Ok(())
    }

    /// What Compose prints and keeps, and what the engine keeps of it.
    fn is_clean(&self) -> Result<()> {
        for canary in &self.canaries {
            for words in ["config", "ps", "logs", "images"] {
                let printed = self.succeed(&format!("docker compose {words}"))?;
                let told = canary.finder().is_in(printed.text().as_bytes());
                ensure!(!told, "{words} told it");
            }
            let mut found = Vec::new();
            files(&self.folder, None, &canary.finder(), &mut found)?;
            ensure!(found.is_empty(), "on disk: {found:?}");
        }
        let id = self.succeed("docker compose ps --quiet my-app")?.stdout;
        let container = self.stage.rig.adopt(id.trim().to_owned());
        clean(
            "in a service",
            self.stage.rig,
            &container,
            &self.canaries[0],
        )
    }
}

impl Drop for Compose<'_> {
    fn drop(&mut self) {
        let _ = self.shell("docker compose down");
    }
}

fn whole_life(rig: &Rig, file: &str, tool: &'static str) -> Result<()> {
    let compose = Compose::new(rig, file, tool)?;
    let watch = Watch::start(&rig.engine, &compose.canaries[0])?;
    compose.follow_the_example()?;
    compose.each_is_logged_in()?;
    compose.each_has_its_own()?;
    let ids = compose.ids()?;
    compose.succeed("docker compose restart")?;
    compose.each_has_its_own()?;
    compose.succeed("docker compose stop && docker compose start && docker compose up -d")?;
    ensure!(compose.ids()? == ids, "there are new containers");
    compose.each_is_logged_in()?;
    compose.is_clean()?;
    compose.succeed("docker compose down")?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    for canary in &compose.canaries {
        let remains = search_remains(&rig.engine, canary)?;
        ensure!(remains.is_empty(), "after the removal: {remains:?}");
    }
    Ok(())
}

/// `down` and `up` make new containers, which the old files do not open; what
/// stages again does.
fn new_containers(rig: &Rig) -> Result<()> {
    let compose = Compose::new(rig, ENV_FILE, "docker compose")?;
    compose.follow_the_example()?;
    compose.succeed("docker compose down")?;
    let refused = compose.shell("docker compose up -d")?;
    ensure!(refused.code != 0, "{refused:?}");
    ensure!(
        refused.text().contains("docker-jackin: ticket"),
        "{refused:?}"
    );
    compose.succeed("docker compose down")?;
    compose.follow_the_example()?;
    compose.each_is_logged_in()
}

/// `--scale` and a recreated container, with one ticket for all of them.
fn scaled(rig: &Rig) -> Result<()> {
    let compose = Compose::new(rig, ENV_FILE, "docker compose")?;
    for name in SERVICES {
        compose.succeed(&format!(
            "docker jackin ticket --workspace {name} --role web --containers 3 --env-file {name}.env"
        ))?;
    }
    compose.succeed("docker compose up -d --scale my-app=2")?;
    ensure!(compose.ids()?.len() == 3, "{:?}", compose.ids()?);
    compose.each_is_logged_in()?;
    compose.succeed("docker compose up -d --force-recreate docs")?;
    compose.each_is_logged_in()
}
