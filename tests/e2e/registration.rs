//! `docker jackin install`, `status` and `uninstall`: the engine gets the
//! runtime, and gets its own configuration back to the byte.
//!
//! These tests change what an engine knows, so they run alone, after the rest.

mod cdi;
mod containerd;
mod packaging;
mod podman;
mod rootless;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jackin_tests::binaries::{self, RUNC, RUNTIME, RUNTIME_CONFIG};
use jackin_tests::command::Outcome;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Rig, unique};
use libtest_mimic::Trial;

use crate::lab::on_each_engine;
use crate::user::User;

/// An administrator's own file: spaces, tabs, empty lines, keys that we do not
/// know, a number in an odd form, and no newline at its end.
const ODD: &str = "{\n\t\"max-concurrent-downloads\" : 7 ,   \"labels\":[\"a=b\",\n\n \"c=\\u0064\"],\n  \
    \"shutdown-timeout\":9, \"log-opts\": { \"max-size\":\"1m\" }\n}";

/// The same with a runtime of the administrator's.
const WITH_RUNTIMES: &str =
    "{ \"runtimes\":{\n\t\"crun\" :{\"path\":\n\"/usr/bin/crun\"}\n},\"shutdown-timeout\": 9}\n";

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("registration::from_install_to_uninstall", life),
        on_each_engine("registration::a_dry_run_changes_nothing", dry_run),
        on_each_engine("registration::refused_while_containers_need_it", in_use),
        on_each_engine("registration::an_interrupted_uninstall", interrupted),
        on_each_engine("registration::a_symlink_stays_one", linked),
        on_each_engine("registration::a_malformed_file_is_left_alone", malformed),
        on_each_engine(
            "registration::the_default_runtime_comes_and_goes",
            default_runtime,
        ),
        cdi::trials(),
        containerd::trials(),
        packaging::trials(),
        podman::trials(),
        rootless::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An engine that knows nothing of ours, and root, who is about to change that.
struct Scene<'a> {
    rig: &'a Rig,
    admin: User,
    /// The engine's file as the other tests have it.
    usual: String,
}

impl<'a> Scene<'a> {
    fn new(rig: &'a Rig, text: &str) -> Result<Self> {
        let file = rig.engine.daemon_config();
        let scene = Self {
            rig,
            admin: User::new(0)?,
            usual: fs::read_to_string(&file)?,
        };
        scene.remove_containers()?;
        scene.forget()?;
        fs::write(file, text)?;
        Ok(scene)
    }

    /// A test that failed may have left some.
    fn remove_containers(&self) -> Result<()> {
        let listed = self.rig.engine.docker(&["ps", "--all", "--quiet"])?;
        for id in listed.lines() {
            self.rig.engine.docker(&["rm", "--force", id])?;
        }
        Ok(())
    }

    /// Makes the engine forget our runtimes. Without the key, 20.10 would not.
    fn forget(&self) -> Result<()> {
        fs::write(self.file(), "{\"runtimes\":{}}")?;
        self.rig.engine.reload()?;
        self.wait_until_known(false)?;
        let _ = fs::remove_file(self.backup());
        let _ = fs::remove_file(RUNTIME_CONFIG);
        Ok(())
    }

    fn file(&self) -> PathBuf {
        self.rig.engine.daemon_config()
    }

    fn backup(&self) -> PathBuf {
        self.file().with_extension("json.docker-jackin.bak")
    }

    fn text(&self) -> Result<String> {
        Ok(fs::read_to_string(self.file())?)
    }

    fn jackin(&self, arguments: &[&str]) -> Result<Outcome> {
        self.admin.run(self.rig, arguments)
    }

    fn install(&self) -> Result<String> {
        self.jackin(&["install"])?.success()
    }

    fn known(&self) -> Result<bool> {
        let runtimes = self
            .rig
            .engine
            .docker(&["info", "-f", "{{json .Runtimes}}"])?;
        let runtimes: serde_json::Value = serde_json::from_str(&runtimes)?;
        let path = &runtimes["docker-jackin"]["path"];
        ensure!(path.is_null() || path == RUNTIME, "{runtimes}");
        Ok(!path.is_null())
    }

    fn wait_until_known(&self, wanted: bool) -> Result<()> {
        for _ in 0..100 {
            if self.known()? == wanted {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        anyhow::bail!("the engine does not reload")
    }

    /// Everything is as before the first `install`.
    fn is_as_before(&self, text: &str) -> Result<()> {
        ensure!(self.text()? == text, "the file: {}", self.text()?);
        ensure!(!self.known()?, "the engine still knows it");
        ensure!(!Path::new(RUNTIME_CONFIG).exists(), "settings are left");
        self.nothing_staged()
    }

    /// No unfinished file lies beside the engine's.
    fn nothing_staged(&self) -> Result<()> {
        let file = fs::canonicalize(self.file())?;
        let folder = file.parent().context("no folder")?;
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            ensure!(!name.starts_with(".docker-jackin-"), "{name} is left");
        }
        Ok(())
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        // What the next test starts from; one that failed has said why.
        let _ = fs::remove_file(self.file());
        let _ = fs::write(self.file(), &self.usual);
        let _ = binaries::configure(Path::new(RUNTIME_CONFIG), RUNC);
        let _ = self.rig.engine.reload();
        let _ = self.wait_until_known(true);
    }
}

fn life(rig: &Rig) -> Result<()> {
    for original in [ODD, WITH_RUNTIMES, "{}"] {
        let scene = Scene::new(rig, original)?;
        let unregistered = scene.jackin(&["status"])?;
        ensure!(unregistered.code == 1, "{unregistered:?}");
        let said = scene.install()?;
        ensure!(said.contains("registered docker-jackin ("), "{said}");
        ensure!(said.contains("has it"), "{said}");
        ensure!(scene.known()?, "not registered");
        let backup = fs::read_to_string(scene.backup())?;
        ensure!(backup == original, "the backup: {backup}");
        let verified = scene.jackin(&["status", "--verify", "--image", BASE])?;
        ensure!(verified.code == 0, "{verified:?}");
        installing_again_does_nothing(&scene)?;
        scene.jackin(&["uninstall"])?.success()?;
        scene.is_as_before(original)?;
        let again = scene.jackin(&["uninstall"])?.success()?;
        ensure!(
            again.starts_with("nothing to do: nothing of docker-jackin"),
            "{again}"
        );
        scene.is_as_before(original)?;
    }
    Ok(())
}

fn installing_again_does_nothing(scene: &Scene) -> Result<()> {
    let state = || -> Result<_> {
        let mut all = Vec::new();
        for path in [scene.file(), scene.backup(), RUNTIME_CONFIG.into()] {
            let metadata = fs::metadata(&path)?;
            all.push((metadata.ino(), metadata.modified()?, fs::read(path)?));
        }
        Ok(all)
    };
    let before = state()?;
    let said = scene.install()?;
    ensure!(said.starts_with("nothing to do: "), "{said}");
    ensure!(state()? == before, "a second install wrote something");
    Ok(())
}

fn dry_run(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, ODD)?;
    let shown = scene.jackin(&["install", "--dry-run"])?.success()?;
    ensure!(names_the_runtime(&shown, '+'), "{shown}");
    scene.is_as_before(ODD)?;
    ensure!(!scene.backup().exists(), "a backup was made");
    scene.install()?;
    let installed = scene.text()?;
    let shown = scene.jackin(&["uninstall", "--dry-run"])?.success()?;
    ensure!(names_the_runtime(&shown, '-'), "{shown}");
    ensure!(
        scene.text()? == installed && scene.known()?,
        "it was changed"
    );
    ensure!(Path::new(RUNTIME_CONFIG).exists(), "the settings are gone");
    Ok(())
}

/// Whether a patch adds or takes away a line with the wrapper's path.
fn names_the_runtime(patch: &str, sign: char) -> bool {
    let mut lines = patch.lines().filter(|line| line.starts_with(sign));
    lines.any(|line| line.contains(RUNTIME))
}

fn in_use(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, ODD)?;
    scene.install()?;
    let installed = scene.text()?;
    let mut containers = Vec::new();
    for verb in [&["create"][..], &["run", "-d"]] {
        let name = unique("user");
        let mut arguments = verb.to_vec();
        arguments.extend(["--runtime", "docker-jackin", "--name", &name]);
        arguments.extend([BASE, "sleep", "1000"]);
        rig.engine.docker(&arguments)?;
        containers.push(rig.adopt(name));
    }
    let refused = scene.jackin(&["uninstall"])?;
    ensure!(refused.code != 0, "{refused:?}");
    for (container, state) in containers.iter().zip(["created", "running"]) {
        let line = refused
            .stderr
            .lines()
            .find(|line| line.contains(&container.name));
        let line = line.with_context(|| format!("not named: {refused:?}"))?;
        ensure!(line.contains(state), "{line}");
    }
    ensure!(refused.stderr.contains("docker rm -f"), "{refused:?}");
    ensure!(
        scene.text()? == installed && scene.known()?,
        "it was changed"
    );
    drop(containers);
    scene.jackin(&["uninstall"])?.success()?;
    scene.is_as_before(ODD)
}

/// Killed between its writes: the file has nothing of ours any more, or an
/// empty `runtimes`, and the engine still knows ours.
fn interrupted(rig: &Rig) -> Result<()> {
    for left in [ODD.to_owned(), WITH_RUNTIMES.to_owned()] {
        let scene = Scene::new(rig, &left)?;
        scene.install()?;
        fs::write(scene.file(), &left)?;
        ensure!(scene.known()?, "the engine forgot by itself");
        scene.jackin(&["uninstall"])?.success()?;
        scene.is_as_before(&left)?;
    }
    Ok(())
}

fn linked(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, ODD)?;
    let elsewhere = scene.admin.home().join("daemon.json");
    fs::rename(scene.file(), &elsewhere)?;
    symlink(&elsewhere, scene.file())?;
    scene.install()?;
    ensure!(fs::read_link(scene.file())? == elsewhere, "the link went");
    ensure!(
        fs::read_to_string(&elsewhere)?.contains(RUNTIME),
        "not there"
    );
    scene.jackin(&["uninstall"])?.success()?;
    ensure!(fs::read_link(scene.file())? == elsewhere, "the link went");
    scene.is_as_before(ODD)
}

fn malformed(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig, ODD)?;
    for broken in ["{ broken", "[]", "{\"runtimes\": []}", "{\"a\":1}{}"] {
        fs::write(scene.file(), broken)?;
        for verb in ["install", "uninstall"] {
            let refused = scene.jackin(&[verb])?;
            ensure!(refused.code != 0, "{broken}: {refused:?}");
            let file = scene.file().display().to_string();
            let clear = refused.stderr.contains(&file) && refused.stderr.contains("left as it is");
            ensure!(clear, "{broken}: {refused:?}");
            scene.is_as_before(broken)?;
        }
    }
    ensure!(!scene.backup().exists(), "a backup was made");
    Ok(())
}

/// Set, kept by a later install, and given back to what it was.
fn default_runtime(rig: &Rig) -> Result<()> {
    let named = ODD.replacen('{', "{ \"default-runtime\": \"runc\",", 1);
    for original in [ODD.to_owned(), named] {
        let scene = Scene::new(rig, &original)?;
        scene.jackin(&["install", "--default-runtime"])?.success()?;
        scene.install()?;
        let default = || rig.engine.docker(&["info", "-f", "{{.DefaultRuntime}}"]);
        ensure!(default()? == "docker-jackin", "{}", default()?);
        scene.jackin(&["uninstall"])?.success()?;
        ensure!(default()? == "runc", "{}", default()?);
        scene.is_as_before(&original)?;
        let kept = Path::new("/etc/docker-jackin/former.toml");
        ensure!(!kept.exists(), "former.toml is left");
    }
    Ok(())
}
