//! The device: Docker says whether it reads it, and containers that have it
//! keep it from being taken away.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use jackin_tests::binaries::{self, RUNC, RUNTIME_CONFIG};
use jackin_tests::image::BASE;
use jackin_tests::rig::{Rig, unique};
use libtest_mimic::Trial;

use crate::lab::{on_each_engine, on_newest_engine};
use crate::user::User;

/// The device's file.
const FILE: &str = "/etc/cdi/docker-jackin.json";

pub(super) fn trials() -> Vec<Trial> {
    [
        on_each_engine("registration::cdi_from_install_to_uninstall", life),
        on_newest_engine("registration::cdi_has_no_default_runtime", no_default),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn life(rig: &Rig) -> Result<()> {
    let root = User::new(0)?;
    let jackin = |words: &[&str]| root.run(rig, &[words, &["--engine", "cdi"]].concat());
    let said = jackin(&["install"])?.success()?;
    ensure!(
        said.contains("registered the device jackin.dev/agent=login"),
        "{said}"
    );
    let folders = rig.engine.docker(&["info", "-f", "{{json .CDISpecDirs}}"]);
    let reads = folders.is_ok_and(|folders| folders.contains("/etc/cdi"));
    let told = if reads {
        "reads it"
    } else {
        "does not read /etc/cdi"
    };
    ensure!(said.contains(told), "{reads}: {said}");
    let again = jackin(&["install"])?.success()?;
    ensure!(again.starts_with("nothing to do: "), "{again}");
    ensure!(jackin(&["status"])?.code == 0, "its status");
    if reads {
        let name = unique("device");
        let create = [
            "create",
            "--device",
            "jackin.dev/agent=login",
            "--name",
            &name,
            BASE,
            "true",
        ];
        rig.engine.docker(&create)?;
        let container = rig.adopt(name);
        let refused = jackin(&["uninstall"])?;
        let told = refused.code != 0 && refused.stderr.contains(&container.name);
        ensure!(told, "{refused:?}");
    }
    let said = jackin(&["uninstall"])?.success()?;
    ensure!(!Path::new(FILE).exists(), "{said}");
    binaries::configure(Path::new(RUNTIME_CONFIG), RUNC)
}

fn no_default(rig: &Rig) -> Result<()> {
    let root = User::new(0)?;
    let refused = root.run(rig, &["install", "--engine", "cdi", "--default-runtime"])?;
    ensure!(refused.code == 2, "{refused:?}");
    ensure!(fs::metadata(FILE).is_err(), "the device is there");
    Ok(())
}
