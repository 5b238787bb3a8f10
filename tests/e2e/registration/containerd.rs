//! containerd's own file gets the runtimes, as containerd itself says, and is
//! again what it was, to the byte.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use jackin_tests::binaries::{RUNTIME, RUNTIME_CONFIG};
use jackin_tests::command::{Outcome, bounded, run};
use jackin_tests::rig::Rig;
use libtest_mimic::Trial;

use crate::lab::on_newest_engine;
use crate::user::User;

/// Where containerd reads it.
const FILE: &str = "/etc/containerd/config.toml";

/// As Debian ships it: it says nothing of runtimes.
const DEBIAN: &str = "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n    \
    [plugins.\"io.containerd.grpc.v1.cri\".cni]\n      bin_dir = \"/usr/lib/cni\"\n";

/// As a node of a cluster has it.
const NODE: &str = "version = 2\n# ours\n[plugins.'io.containerd.grpc.v1.cri'.containerd]\n\
    default_runtime_name   = \"runc\"\n\
    [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]\n\
    runtime_type = \"io.containerd.runc.v2\"\n\
    [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]\n\
    SystemdCgroup = true\n";

pub(super) fn trials() -> Vec<Trial> {
    on_newest_engine("registration::containerd_from_install_to_uninstall", life)
}

struct Scene<'a> {
    rig: &'a Rig,
    root: User,
    usual: Option<String>,
    settings: Option<String>,
}

impl Scene<'_> {
    fn jackin(&self, words: &[&str]) -> Result<Outcome> {
        let words = [words, &["--engine", "containerd"]].concat();
        self.root.run(self.rig, &words)
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        for (file, text) in [(FILE, &self.usual), (RUNTIME_CONFIG, &self.settings)] {
            let _ = match text {
                Some(text) => fs::write(file, text),
                None => fs::remove_file(file),
            };
        }
        let _ = fs::remove_file(format!("{FILE}.docker-jackin.bak"));
    }
}

/// What containerd makes of its configuration.
fn dump() -> Result<String> {
    let mut containerd = bounded("containerd");
    run(containerd.args(["--config", FILE, "config", "dump"]))?.success()
}

fn life(rig: &Rig) -> Result<()> {
    let scene = Scene {
        rig,
        root: User::new(0)?,
        usual: fs::read_to_string(FILE).ok(),
        settings: fs::read_to_string(RUNTIME_CONFIG).ok(),
    };
    for original in [DEBIAN, NODE] {
        for default in [false, true] {
            fs::create_dir_all("/etc/containerd")?;
            fs::write(FILE, original)?;
            from_install_to_uninstall(&scene, original, default)?;
        }
    }
    refused(&scene)
}

fn from_install_to_uninstall(scene: &Scene<'_>, original: &str, default: bool) -> Result<()> {
    let words: &[&str] = if default {
        &["install", "--default-runtime"]
    } else {
        &["install"]
    };
    let said = scene.jackin(words)?.success()?;
    ensure!(said.contains("systemctl restart containerd"), "{said}");
    let dump = dump()?;
    let name = if default { "docker-jackin" } else { "runc" };
    let expected = format!("default_runtime_name = \"{name}\"");
    ensure!(dump.contains(&expected), "no {expected}: {dump}");
    for entry in ["runtimes.runc]", "runtimes.docker-jackin-crun]"] {
        ensure!(dump.contains(entry), "no {entry}: {dump}");
    }
    ensure!(
        dump.contains(&format!("BinaryName = \"{RUNTIME}\"")),
        "{dump}"
    );
    let cgroups = dump.matches("SystemdCgroup = true").count();
    let of_runc = original.matches("SystemdCgroup = true").count();
    ensure!(
        cgroups == of_runc * 4,
        "{cgroups} with systemd's cgroups: {dump}"
    );
    let before = fs::read_to_string(FILE)?;
    let again = scene.jackin(&["install"])?.success()?;
    ensure!(again.starts_with("nothing to do: "), "{again}");
    ensure!(fs::read_to_string(FILE)? == before, "written again");
    let status = scene.jackin(&["status"])?;
    ensure!(status.code == 0, "{status:?}");
    scene.jackin(&["uninstall"])?.success()?;
    let after = fs::read_to_string(FILE)?;
    ensure!(after == original, "after: {after}");
    ensure!(
        !Path::new("/etc/docker-jackin/former.toml").exists(),
        "former.toml is left"
    );
    Ok(())
}

/// What containerd would not read is not written.
fn refused(scene: &Scene<'_>) -> Result<()> {
    let broken = format!("{NODE}[grpc]\naddress = 7\n");
    fs::write(FILE, &broken)?;
    let refused = scene.jackin(&["install"])?;
    let told = refused.stderr.contains("refuses it") && refused.stderr.contains("left as it is");
    ensure!(refused.code == 1 && told, "{refused:?}");
    ensure!(fs::read_to_string(FILE)? == broken, "it was changed");
    Ok(())
}
