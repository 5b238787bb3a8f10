//! A rootless engine is registered with by its own user, without root.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jackin_tests::binaries::{PLUGIN, RUNTIME};
use jackin_tests::command::{Outcome, run};
use jackin_tests::rig::Rig;
use jackin_tests::rootless::RootlessUser;
use libtest_mimic::Trial;

use crate::rootless::on_each;
use crate::user::User;

/// A file of the user's own, in which nothing of ours is.
const ORIGINAL: &str = "{\n  \"shutdown-timeout\" : 9,\n  \"runtimes\": {}\n}";

pub(super) fn trials() -> Vec<Trial> {
    on_each("registration_from_install_to_uninstall", life)
}

struct Scene<'a> {
    rig: &'a Rig,
    user: RootlessUser,
    usual: String,
}

impl<'a> Scene<'a> {
    fn new(rig: &'a Rig) -> Result<Self> {
        let file = rig.engine.daemon_config();
        let user = rig.engine.release.rootless.context("an engine of root's")?;
        let usual = fs::read_to_string(&file)?;
        let scene = Self { rig, user, usual };
        fs::write(&file, ORIGINAL)?;
        chown(&file, Some(user.uid), Some(user.uid))?;
        rig.engine.reload()?;
        scene.wait_until_known(false)?;
        Ok(scene)
    }

    fn jackin(&self, words: &[&str]) -> Result<Outcome> {
        let socket = format!("unix://{}", self.rig.engine.socket().display());
        let mut command = self.user.command("timeout");
        command.args(["60", PLUGIN]).args(words);
        run(command.env("DOCKER_HOST", socket))
    }

    fn known(&self) -> Result<bool> {
        let info = ["info", "-f", "{{json .Runtimes}}"];
        Ok(self.rig.engine.docker(&info)?.contains(RUNTIME))
    }

    fn wait_until_known(&self, wanted: bool) -> Result<()> {
        for _ in 0..100 {
            if self.known()? == wanted {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("the engine does not reload")
    }

    fn settings(&self) -> PathBuf {
        self.user.home().join(".config/docker-jackin/runtime.toml")
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        // What the next test starts from; one that failed has said why.
        let _ = fs::write(self.rig.engine.daemon_config(), &self.usual);
        let _ = self.rig.engine.reload();
        let _ = self.wait_until_known(true);
    }
}

fn life(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let by_root = User::new(0)?.run(rig, &["install"])?;
    let told = by_root.stderr.contains("this engine is rootless");
    ensure!(by_root.code == 1 && told, "{by_root:?}");
    let said = scene.jackin(&["install"])?.success()?;
    ensure!(said.contains("has it"), "{said}");
    ensure!(scene.known()?, "not registered");
    ensure!(scene.settings().exists(), "no settings");
    let again = scene.jackin(&["install"])?.success()?;
    ensure!(again.starts_with("nothing to do: "), "{again}");
    scene.jackin(&["uninstall"])?.success()?;
    ensure!(!scene.known()?, "still registered");
    ensure!(!scene.settings().exists(), "settings are left");
    let after = fs::read_to_string(rig.engine.daemon_config())?;
    let same = serde_json::from_str::<serde_json::Value>(&after)?
        == serde_json::json!({"shutdown-timeout": 9});
    ensure!(same, "{after}");
    Ok(())
}
