//! The engine's side: what an owner publishes, in containers of all kinds.

mod again;
mod owner;
mod podman;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::container_user::ContainerUser;
use jackin_oci_hook::published::LEASES;
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::BASE;
use jackin_tests::killer::Killer;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::{Sandbox, USER};
use jackin_tests::search::search_remains;
use jackin_tests::staging;
use libtest_mimic::Trial;
use serde_json::value::RawValue;

use crate::kept::{RESTART, docker, kept_mounts, nothing_left};
use crate::lab::{lab, on_each_rig, on_newest_engine, once};
use crate::leak::{clean, nothing_kept};
use crate::restart::Resolver;
use crate::rootless;
use owner::{Owner, PLACE};

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_rig("live::e41_all_containers_follow_one_login", follow),
        on_newest_engine("live::e45_a_volume_keeps_an_empty_file", volume),
        on_newest_engine("live::e50_e52_the_login_is_nowhere_else", leak),
        on_newest_engine("live::e52_our_processes_are_killed", killed),
        on_newest_engine("live::e56_hostile_publications", hostile),
        again::trials(),
        once("live::e45_docker_with_remapped_ids", remapped),
        rootless::on_each("live_e41_its_users_login_is_followed", follow_without_root),
        podman::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Those that change the engine's side's own settings.
pub(crate) fn trials_alone() -> Vec<Trial> {
    [
        on_newest_engine("live::e41_a_restart_starts_the_watcher", starts_watcher),
        again::trials_alone(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Runs a container with a ticket of an owner's.
fn start(rig: &Rig, owner: &Owner, user: Option<&str>, arguments: &[&str]) -> Result<Outcome> {
    let mut ticket = staging::ticket(owner.uid, owner.payload()?)?;
    ticket.user = user
        .map(|user| ContainerUser::try_from(user.to_owned()))
        .transpose()?;
    let handle = staging::stage(&ticket)?;
    run(rig.with_handle("run", &handle).args(arguments))
}

/// A container of the newest kind that sleeps.
fn sleeping(rig: &Rig, owner: &Owner, user: Option<&str>, flags: &[&str]) -> Result<Container> {
    let name = unique("live");
    let mut arguments = vec!["-d", "--init", "--name", &name];
    arguments.extend_from_slice(flags);
    arguments.extend([BASE, "sleep", "1000"]);
    start(rig, owner, user, &arguments)?.success()?;
    Ok(rig.adopt(name))
}

fn has(container: &Container, login: &Canary) -> Result<()> {
    let seen = container.shell(&format!("cat ~/{PLACE}"))?;
    ensure!(seen == login.text(), "{seen:?} in {}", container.name);
    Ok(())
}

/// Root in the container, with all capabilities that a container has, and its
/// user, try to get at what is mounted.
const ATTACKS: &str = "cd /run/docker-jackin/live-0 || exit 9
    echo x >login; echo x >~/.agent/login; echo x >new; mv login old; rm -f login
    chmod 777 . login; ln login hard; touch login
    mount -o remount,rw,bind /run/docker-jackin/live-0
    umount /run/docker-jackin/live-0; umount ~/.agent/login
    rm -rf ~/.agent; mv ~/.agent/login ~/away";

/// Root, a user, a named user and a read-only root, with one login.
fn follow(rig: &Rig) -> Result<()> {
    let mut login = Canary::new()?;
    let owner = Owner::new(Path::new("/"), USER, &login)?;
    let containers = [
        sleeping(rig, &owner, None, &[])?,
        sleeping(rig, &owner, None, &["-u", "dev", "--cap-drop", "ALL"])?,
        sleeping(rig, &owner, Some("dev"), &[])?,
        sleeping(rig, &owner, None, &["--read-only", "--tmpfs", "/root"])?,
    ];
    let [root, _, named, _] = &containers;
    for _ in 0..2 {
        for container in &containers {
            // Whose home it is says the ticket.
            let home = if container.name == named.name {
                "/home/dev"
            } else {
                "~"
            };
            let seen = container.shell(&format!("cat {home}/{PLACE}"))?;
            ensure!(seen == login.text(), "{seen:?}");
        }
        login = Canary::new()?;
        owner.publish(&login)?;
    }
    let inode = fs::metadata(owner.published())?.ino();
    for container in &containers {
        let script = format!("({ATTACKS}) 2>/dev/null; grep /live-0 /proc/self/mountinfo");
        let mounts = container.shell(&script)?;
        ensure!(mounts.contains(" ro,nosuid,nodev,noexec"), "{mounts}");
        ensure!(!mounts.contains("shared:"), "{mounts}");
        let id = container.id()?;
        let lease = owner.lease(&id)?;
        ensure!(
            lease.container == id && lease.folder.number == inode,
            "{lease:?}"
        );
        ensure!(kept_mounts(rig, &id)? == 1, "the owner's folder is pinned");
    }
    has(root, &login)?;
    // Any uid reads it, by its own path where the home is another's.
    let command = ["-u4711", "cat", "/run/docker-jackin/live-0/login"];
    let seen = root.exec(&command)?.success()?;
    ensure!(seen == login.text(), "{seen:?}");
    owner.log_out()?;
    let seen = root.exec(&["sh", "-c", "cat ~/.agent/login"])?;
    ensure!(seen.stderr.contains("No such file"), "{seen:?}");
    owner.publish(&login)?;
    has(root, &login)?;
    docker(rig, root, &[RESTART])?;
    has(root, &login)?;
    ensure!(!owner.published().join("new").exists(), "it was written to");
    Ok(())
}

/// The engine is its user's own, and so is the login.
fn follow_without_root(rig: &Rig) -> Result<()> {
    let mut login = Canary::new()?;
    let owner = Owner::new(Path::new("/"), rig.owner(), &login)?;
    for flags in [&[][..], &["-u", "dev"]] {
        let container = sleeping(rig, &owner, None, flags)?;
        for _ in 0..2 {
            has(&container, &login)?;
            login = Canary::new()?;
            owner.publish(&login)?;
        }
        container.exec(&["sh", "-c", ATTACKS])?;
        has(&container, &login)?;
        owner.lease(&container.id()?)?;
        again::ask(&container, rig.owner())?;
        has(&container, &login)?;
    }
    Ok(())
}

/// Neither root nor the user of the container is the login's owner.
fn remapped() -> Result<()> {
    for rig in lab()?.remapped() {
        let mut login = Canary::new()?;
        let owner = Owner::new(Path::new("/"), USER, &login)?;
        for user in ["0", "1000"] {
            let flags = ["-u", user, "-e", "HOME=/tmp/home"];
            let container = sleeping(rig, &owner, None, &flags)?;
            for verbs in [&[][..], &[RESTART]] {
                docker(rig, &container, verbs)?;
                has(&container, &login)?;
                login = Canary::new()?;
                owner.publish(&login)?;
                has(&container, &login)?;
            }
            container.exec(&["sh", "-c", ATTACKS])?;
            has(&container, &login)?;
            owner.lease(&container.id()?)?;
        }
    }
    Ok(())
}

/// The place in a volume is an empty file, as for any other secret.
fn volume(rig: &Rig) -> Result<()> {
    let login = Canary::new()?;
    let owner = Owner::new(Path::new("/"), USER, &login)?;
    let volume = unique("home");
    let mount = format!("{volume}:/home/dev");
    let container = sleeping(rig, &owner, None, &["-u", "dev", "-v", &mount])?;
    has(&container, &login)?;
    container.remove()?;
    let look = "find /home/dev ! -type d -exec stat -c '%n %F' {} +";
    let arguments = ["run", "--rm", "-v", &mount, BASE, "sh", "-c", look];
    let seen = rig.engine.docker(&arguments)?;
    rig.engine.docker(&["volume", "rm", &volume])?;
    ensure!(
        seen == "/home/dev/.agent/login regular empty file",
        "{seen}"
    );
    Ok(())
}

/// Both what is published and what stands by for it, over a container's life.
fn leak(rig: &Rig) -> Result<()> {
    let login = Canary::new()?;
    let owner = Owner::new(Path::new("/"), USER, &login)?;
    let container = sleeping(rig, &owner, None, &[])?;
    has(&container, &login)?;
    let id = container.id()?;
    for canary in [&login, &owner.copy] {
        clean("after start and exec", rig, &container, canary)?;
    }
    let record = container.shell("cat /run/docker-jackin/file-0")?;
    ensure!(record == login.text(), "{record:?}");
    docker(rig, &container, &[&["stop", "-t", "0"]])?;
    clean("after a stop", rig, &container, &login)?;
    container.remove()?;
    for canary in [&login, &owner.copy] {
        let remains = search_remains(&rig.engine, canary)?;
        ensure!(remains.is_empty(), "after the removal: {remains:?}");
        nothing_kept(rig, &id, canary)?;
    }
    Ok(())
}

/// At all sorts of moments of a start.
fn killed(rig: &Rig) -> Result<()> {
    let login = Canary::new()?;
    let owner = Owner::new(Path::new("/"), USER, &login)?;
    let mut ids = Vec::new();
    for attempt in 0..5 {
        let handle = staging::stage(&staging::ticket(owner.uid, owner.payload()?)?)?;
        let mut client = rig.with_handle("create", &handle);
        let id = run(client.args([BASE, "sleep", "100"]))?.success()?;
        let container = rig.adopt(id.trim().to_owned());
        let killer = Killer::start(container.name.clone(), attempt)?;
        rig.engine.try_docker(&["start", &container.name])?;
        killer.finish()?;
        if rig.engine.try_docker(&["start", &container.name])?.code == 0 {
            has(&container, &login)?;
        }
        ids.push(container.name.clone());
        let _ = fs::remove_file(staging::place(&handle)?);
    }
    // The first look has all of them swept.
    nothing_left(rig, &ids[0], &owner.copy)?;
    for id in ids {
        ensure!(kept_mounts(rig, &id)? == 0, "something is mounted for {id}");
    }
    Ok(())
}

/// Changes what an owner publishes for the worse.
type Spoil = fn(&Owner) -> Result<()>;

/// What must not be followed: the container has its copy, and the log says why.
fn hostile(rig: &Rig) -> Result<()> {
    let login = Canary::new()?;
    let cases: [(&str, Spoil); 5] = [
        ("does not publish it", |owner| {
            Ok(fs::rename(owner.published(), owner.login().join("gone"))?)
        }),
        ("with mode 0755", |owner| {
            fs::rename(owner.published(), owner.login().join("moved"))?;
            Ok(symlink(owner.login().join("moved"), owner.published())?)
        }),
        ("of uid 1000", |owner| {
            Ok(chown(owner.published(), Some(0), None)?)
        }),
        ("with mode 0755", |owner| {
            Ok(set_mode(&owner.published(), 0o775)?)
        }),
        ("with mode 0700", |owner| {
            Ok(set_mode(&owner.login(), 0o750)?)
        }),
    ];
    for (reason, spoil) in cases {
        let owner = Owner::new(Path::new("/"), USER, &login)?;
        spoil(&owner)?;
        let container = sleeping(rig, &owner, None, &[])?;
        has(&container, &owner.copy)?;
        let id = container.id()?;
        let told = runtime_log(rig, &id)?;
        ensure!(
            told.contains("does not follow the host's") && told.contains(reason),
            "{reason}: {told}"
        );
        ensure!(owner.lease(&id).is_err(), "{reason}: it has a lease");
        let facts = container.shell("stat -c '%a' /run/docker-jackin ~/.agent/login")?;
        ensure!(facts == "700\n600", "{reason}: {facts}");
    }
    // It is followed, but nobody may be told.
    let owner = Owner::new(Path::new("/"), USER, &login)?;
    symlink("/run", owner.login().join(LEASES))?;
    let container = sleeping(rig, &owner, None, &[])?;
    has(&container, &login)?;
    let told = runtime_log(rig, &container.id()?)?;
    ensure!(told.contains("was not told that"), "{told}");
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// What the wrapper said to a container's shim.
fn runtime_log(rig: &Rig, id: &str) -> Result<String> {
    let bundle = format!("exec/containerd/daemon/io.containerd.runtime.v2.task/moby/{id}");
    let log = Sandbox::memory()
        .join(rig.engine.release.name)
        .join(bundle)
        .join("log.json");
    fs::read_to_string(&log).with_context(|| format!("no {}", log.display()))
}

/// Where no launch of the user's did, and as the user.
fn starts_watcher(rig: &Rig) -> Result<()> {
    let login = Canary::new()?;
    let owner = Owner::new(Path::new("/"), USER, &login)?;
    let mut ticket = staging::ticket(owner.uid, owner.payload()?)?;
    ticket.request = Some(RawValue::from_string("{}".to_owned())?);
    let handle = staging::stage(&ticket)?;
    let name = unique("watched");
    let mut client = rig.with_handle("run", &handle);
    run(client.args(["-d", "--init", "--name", &name, BASE, "sleep", "1000"]))?.success()?;
    let container = rig.adopt(name);
    let report = Sandbox::memory().join(unique("watcher"));
    fs::write(&report, "")?;
    fs::set_permissions(&report, Permissions::from_mode(0o666))?;
    let echo = r#"sed 's/"asked":.*,"payload":/"payload":/'"#;
    let facts = "id -u; pwd; ulimit -f; cat /proc/self/oom_score_adj; env | grep ^HOME; \
        cut -d' ' -f6 /proc/$$/stat | sed s/^$$\\$/own-session/; \
        find /proc/$$/fd -type l -printf '%l\n' | grep -vcE '/null$|tests/watcher|-of-the-tests'";
    let _resolver = Resolver::script(&format!(
        "case \"$*\" in resolve) {echo};; 'sync --background') {{ {facts}; }} >{};; *) exit 1;; esac",
        report.display()
    ))?;
    docker(rig, &container, &[RESTART])?;
    has(&container, &login)?;
    let told = fs::read_to_string(&report)?;
    fs::remove_file(&report)?;
    let home = jackin_tests::sandbox::home_of_user()?;
    let wanted = format!("{USER}\n/\nunlimited\n0\nHOME={home}\nown-session\n0\n");
    ensure!(told == wanted, "{told}, wanted {wanted}");
    Ok(())
}
