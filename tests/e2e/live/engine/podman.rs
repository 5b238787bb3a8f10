//! Podman, with the user namespaces that it makes.

use std::fs;

use anyhow::{Result, ensure};
use jackin_oci_hook::published::REDELIVER;
use jackin_tests::canary::Canary;
use jackin_tests::image::BASE;
use jackin_tests::podman::Podman;
use jackin_tests::sandbox::USER;
use jackin_tests::staging;
use libtest_mimic::Trial;

use super::owner::{Owner, leave_word};
use super::{ATTACKS, again};
use crate::lab::{lab, named};

pub(super) fn trials() -> Vec<Trial> {
    [
        on("podman-5.4 rootful crun", rootful),
        on("podman-4.3 rootless crun", rootless),
    ]
    .into()
}

fn on(name: &'static str, check: fn(&Podman) -> Result<()>) -> Trial {
    let run = move || check(&lab()?.podman(name)?);
    named(format!("live::e45_user_namespaces [{name}]"), run)
}

fn rootful(podman: &Podman) -> Result<()> {
    follow(
        podman,
        &[
            &["--userns", "auto"],
            &[
                "--uidmap",
                "0:200000:65536",
                "--gidmap",
                "0:200000:65536",
                "-u",
                "1000",
            ],
        ],
    )
}

fn rootless(podman: &Podman) -> Result<()> {
    follow(podman, &[&[], &["--userns", "keep-id"]])
}

/// Through the wrapper, and through the hook alone.
fn follow(podman: &Podman, cases: &[&[&str]]) -> Result<()> {
    let mut login = Canary::new()?;
    let owner = Owner::new(&podman.machine.path("/")?, USER, &login)?;
    for flags in cases {
        let handle = podman.stage(&staging::ticket(owner.uid, owner.payload()?)?)?;
        let container = podman.container();
        let mut words = vec!["-d", "--name", &container.name];
        words.extend_from_slice(flags);
        words.extend([BASE, "sleep", "1000"]);
        podman.run_with(&handle, &words)?.success()?;
        for _ in 0..2 {
            let seen = container.shell("cat ~/.agent/login")?;
            ensure!(seen == login.text(), "{flags:?}: {seen:?}");
            login = Canary::new()?;
            owner.publish(&login)?;
        }
        container.shell(&format!("{ATTACKS}; true"))?;
        let seen = container.shell("cat ~/.agent/login")?;
        ensure!(seen == login.text(), "{flags:?}: {seen:?}");
        owner.lease(&container.id()?)?;
        // Another folder, for which the container must be asked.
        fs::remove_dir_all(owner.login())?;
        owner.begin(&login)?;
        leave_word(&podman.machine.path("/")?, USER, &container.id()?)?;
        let outcome = podman.try_podman(&["exec", &container.name, REDELIVER])?;
        ensure!(again::is_done(&outcome), "{flags:?}: {outcome:?}");
        let seen = container.shell("cat ~/.agent/login")?;
        ensure!(seen == login.text(), "{flags:?}: {seen:?}");
    }
    let handle = podman.stage(&staging::ticket(owner.uid, owner.payload()?)?)?;
    let container = podman.container();
    let words = ["-d", "--name", &container.name, BASE, "sleep", "1000"];
    podman.run_hooked(&handle, &words)?.success()?;
    login = Canary::new()?;
    owner.publish(&login)?;
    let seen = container.shell("cat ~/.agent/login")?;
    ensure!(seen == login.text(), "by the hook alone: {seen:?}");
    owner.lease(&container.id()?)?;
    Ok(())
}
