//! Scenarios 26 and 49: files are the container's user's, also where its ids
//! are not the host's, and a folder that is not theirs is not made theirs.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::image::{BASE, build};
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::{REMAPPED, Sandbox};
use libtest_mimic::Trial;

use crate::lab::{lab, on_each_rig, once};
use crate::leak::{has_it, payload};

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_rig("owners::e49_a_home_on_a_volume_that_is_not_theirs", volume),
        on_each_rig("owners::e49_a_home_of_the_image_that_is_not_theirs", layer),
        once("owners::e26_e45_ids_are_remapped", remapped),
        once(
            "owners::e49_a_volume_of_the_hosts_root_when_remapped",
            hosts_root,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is there, to whom it belongs, and that its owner may write it.
const FACTS: &str = "id -u; cat ~/.agent/token; echo; stat -c '%u:%g %a' ~/.agent/token ~/.claude.json; \
    touch ~/.agent/token && touch ~/.claude.json && echo written";

/// A folder of root's on the host, as somebody mounts it by mistake.
fn roots_folder() -> Result<std::path::PathBuf> {
    let folder = Sandbox::memory().join(unique("home"));
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
    Ok(folder)
}

fn refused_with_chown(rig: &Rig, flags: &[&str], home: &str, uid: u32) -> Result<()> {
    let folder = roots_folder()?;
    let mount = format!("{}:{home}", folder.display());
    let mut arguments = vec!["--rm", "-v", &mount];
    arguments.extend_from_slice(flags);
    arguments.extend([BASE, "echo", "started"]);
    let outcome = rig.run(payload(&Canary::new()?)?, &arguments)?;
    ensure!(
        outcome.code != 0 && outcome.stdout.is_empty(),
        "{outcome:?}"
    );
    let reason = format!("cannot be written by uid {uid}; give it to that user with chown");
    ensure!(outcome.stderr.contains(&reason), "{outcome:?}");
    ensure!(
        fs::read_dir(&folder)?.next().is_none(),
        "something was left"
    );
    ensure!(fs::metadata(&folder)?.uid() == 0, "it was given away");
    Ok(())
}

fn volume(rig: &Rig) -> Result<()> {
    refused_with_chown(rig, &["-u", "dev"], "/home/dev", 1000)
}

/// In the container's own layer there is nobody to protect from its user.
fn layer(rig: &Rig) -> Result<()> {
    let image = unique("locked");
    build(
        &rig.engine,
        &image,
        &format!("FROM {BASE}\nRUN mkdir /locked && chmod 755 /locked\n"),
    )?;
    let canary = Canary::new()?;
    let arguments = [
        "--rm",
        "-u",
        "dev",
        "-e",
        "HOME=/locked",
        &image,
        "sh",
        "-c",
        FACTS,
    ];
    let outcome = rig.run(payload(&canary)?, &arguments)?;
    let token = canary.text();
    let wanted = format!("1000\n{token}\n1000:1000 600\n1000:1000 600\nwritten\n");
    ensure!(outcome.stdout == wanted, "{outcome:?}, wanted {wanted:?}");
    Ok(())
}

fn remapped() -> Result<()> {
    let (_, first) = REMAPPED;
    for rig in lab()?.remapped() {
        for (flags, uid, gid) in [
            (&[][..], 0, 0),
            (&["-u", "dev"], 1000, 1000),
            (&["-u", "4242"], 4242, 0),
        ] {
            let canary = Canary::new()?;
            let mut arguments = flags.to_vec();
            arguments.extend(["-e", "HOME=/tmp/home", BASE, "sleep", "1000"]);
            let container = rig
                .start(payload(&canary)?, &arguments)
                .with_context(|| rig.name())?;
            let map = container.shell("cat /proc/self/uid_map")?;
            let words: Vec<&str> = map.split_whitespace().collect();
            ensure!(words == ["0", &first.to_string(), "65536"], "{map}");
            has_it(&container, &canary)?;
            let facts = container.shell(FACTS)?;
            let token = canary.text();
            let wanted = format!("{uid}\n{token}\n{uid}:{gid} 600\n{uid}:{gid} 600\nwritten");
            ensure!(
                facts == wanted,
                "{}: {facts:?}, wanted {wanted:?}",
                rig.name()
            );
            rig.engine
                .docker(&["restart", "-t", "0", &container.name])?;
            has_it(&container, &canary)?;
        }
    }
    Ok(())
}

/// The root of a remapped container is not the host's, which is where the
/// folder must be given away.
fn hosts_root() -> Result<()> {
    for rig in lab()?.remapped() {
        refused_with_chown(rig, &[], "/root", REMAPPED.1)?;
    }
    Ok(())
}
