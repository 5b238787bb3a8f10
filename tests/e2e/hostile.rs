//! Scenarios 54 and 56 to 59: an image is hostile, and reaches nothing that is
//! not its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::ticket::HANDLE_VARIABLE;
use jackin_tests::canary::Canary;
use jackin_tests::command::Outcome;
use jackin_tests::image::{BASE, build};
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::Sandbox;
use jackin_tests::staging;
use libtest_mimic::Trial;

use crate::kept::{RESTART, docker, kept_mounts, nothing_left};
use crate::lab::{on_each_engine, on_each_rig};
use crate::leak::{has_it, payload};

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_rig("hostile::e54_an_image_that_names_a_ticket", names_a_ticket),
        on_each_rig("hostile::e54_an_image_with_the_variable", has_the_variable),
        on_each_rig("hostile::e56_places_that_lead_elsewhere", places),
        on_each_engine("hostile::e56_odd_passwd_files", passwd),
        on_each_rig("hostile::e56_what_it_leaves_on_its_own_tmpfs", own_tmpfs),
        on_each_engine("hostile::e56_a_file_that_takes_memory", takes_memory),
        on_each_rig("hostile::e57_environment", environment),
        on_each_engine("hostile::e59_var_run_and_merged_usr", ordinary_links),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A folder of the host's that an image would like to have written to.
struct Victim {
    folder: PathBuf,
}

impl Victim {
    fn new() -> Result<Self> {
        let folder = Sandbox::memory().join(unique("victim"));
        fs::create_dir_all(folder.join(".agent"))?;
        fs::write(folder.join("file"), "the host's own")?;
        fs::write(folder.join(".claude.json"), "{\"the\":\"host's own\"}")?;
        Ok(Self { folder })
    }

    fn contents(&self) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    all.insert(path.clone(), Vec::new());
                    folders.push(path);
                } else {
                    all.insert(path.clone(), fs::read(&path)?);
                }
            }
        }
        Ok(all)
    }
}

/// Either the container has its credential, or it was refused by us.
fn delivered_or_refused(what: &str, outcome: &Outcome, canary: &Canary) -> Result<()> {
    let delivered = outcome.code == 0 && outcome.stdout.trim() == canary.text();
    let refused = outcome.code == 125 && outcome.stdout.is_empty();
    ensure!(delivered || refused, "{what}: {outcome:?}");
    ensure!(
        delivered || outcome.stderr.contains("docker-jackin"),
        "{what}: {outcome:?}"
    );
    Ok(())
}

fn names_a_ticket(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let handle = staging::stage(&staging::ticket(0, payload(&canary)?)?)?;
    let image = unique("greedy");
    let handle_text = handle.expose();
    build(
        &rig.engine,
        &image,
        &format!(
            "FROM {BASE}\nENV JACKIN=1 dev_jackin_ticket={handle_text}\nLABEL dev.jackin.ticket={handle_text}\n"
        ),
    )?;
    let script = "env; ls -a ~/.agent /run/docker-jackin 2>/dev/null; true";
    let seen = rig.engine.docker(&[
        "run",
        "--rm",
        "--runtime",
        rig.wrapper,
        &image,
        "sh",
        "-c",
        script,
    ])?;
    ensure!(!canary.finder().is_in(seen.as_bytes()), "delivered");
    let ticket = staging::place(&handle)?;
    ensure!(ticket.exists(), "redeemed");
    Ok(fs::remove_file(ticket)?)
}

/// The variable is its user's only means on an old engine, so whose it is has to
/// be looked up.
fn has_the_variable(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let mut ticket = staging::ticket(0, payload(&canary)?)?;
    ticket.limits.containers = 10;
    let handle = staging::stage(&ticket)?;
    let image = unique("greedy");
    let variable = format!("{HANDLE_VARIABLE}={}", handle.expose());
    build(
        &rig.engine,
        &image,
        &format!("FROM {BASE}\nENV {variable}\n"),
    )?;
    let run = ["run", "--rm", "--runtime", rig.wrapper, &image, "env"];
    let outcome = rig.engine.try_docker(&run)?;
    ensure!(outcome.code == 125, "{outcome:?}");
    let reason = "is named by the image's own ENV";
    ensure!(outcome.stderr.contains(reason), "{outcome:?}");
    ensure!(
        !canary.finder().is_in(outcome.text().as_bytes()),
        "delivered"
    );
    let place = staging::place(&handle)?;
    ensure!(place.exists(), "redeemed");
    Ok(fs::remove_file(place)?)
}

fn places(rig: &Rig) -> Result<()> {
    let victim = Victim::new()?;
    let before = victim.contents()?;
    let out = victim.folder.display().to_string();
    // What each home folder holds; all of them lie in one image.
    let homes = [
        format!("ln -s {out} .agent"),
        format!("ln -s ../../../../../..{out} .agent"),
        "ln -s /proc/self/fd .agent".to_owned(),
        "ln -s /proc/1/root .agent".to_owned(),
        "ln -s /proc/self/cwd .agent".to_owned(),
        "ln -s /dev/shm .agent".to_owned(),
        "ln -s /not/there .agent".to_owned(),
        "ln -s .agent .agent".to_owned(),
        format!("mkdir .agent && ln -s {out}/file .agent/token"),
        "mkdir .agent && mkfifo .agent/token".to_owned(),
        "mkdir -p .agent/token".to_owned(),
        "mkfifo .agent".to_owned(),
        "mkdir .agent && mknod .agent/token c 1 3".to_owned(),
        "mkdir .agent && ln /bin/busybox .agent/token".to_owned(),
        format!("ln -s {out}/.claude.json .claude.json"),
        "mkfifo .claude.json".to_owned(),
        "mkdir .claude.json".to_owned(),
        "echo not json >.claude.json".to_owned(),
        format!("cd .. && rmdir $OLDPWD && ln -s {out} $OLDPWD"),
    ];
    let mut dockerfile = format!("FROM {BASE}\nRUN true");
    for (number, case) in homes.iter().enumerate() {
        write!(
            dockerfile,
            " && (mkdir -p /h/{number} && cd / && cd /h/{number} && {case})"
        )?;
    }
    let image = unique("hostile");
    build(&rig.engine, &image, &dockerfile)?;
    for (number, case) in homes.iter().enumerate() {
        survives(rig, case, &image, &format!("HOME=/h/{number}"))?;
        ensure!(
            victim.contents()? == before,
            "{case}: the host was written to"
        );
    }
    for case in [
        format!("rm -rf /run && ln -s {out} /run"),
        format!("ln -s {out} /run/docker-jackin"),
        "mkfifo /run/docker-jackin".to_owned(),
    ] {
        let image = unique("hostile");
        build(&rig.engine, &image, &format!("FROM {BASE}\nRUN {case}\n"))?;
        survives(rig, &case, &image, "HOME=/root")?;
        ensure!(
            victim.contents()? == before,
            "{case}: the host was written to"
        );
    }
    Ok(())
}

fn survives(rig: &Rig, case: &str, image: &str, home: &str) -> Result<()> {
    let canary = Canary::new()?;
    let script = "cat ~/.agent/token 2>/dev/null";
    let arguments = ["--rm", "-e", home, image, "sh", "-c", script];
    let outcome = rig.run(payload(&canary)?, &arguments)?;
    delivered_or_refused(case, &outcome, &canary)
}

/// Small values by the million, each of which takes many times its size when
/// it is read: on the host, and for no limit of the container's.
fn takes_memory(rig: &Rig) -> Result<()> {
    let image = unique("hostile");
    let many = "yes 1, | head -c 6600000 | tr -d '\\n'";
    let file = format!("(printf '{{\"a\":['; {many}; printf '1]}}') >/root/.claude.json");
    build(&rig.engine, &image, &format!("FROM {BASE}\nRUN {file}\n"))?;
    let outcome = rig.run(payload(&Canary::new()?)?, &["--rm", &image, "true"])?;
    ensure!(outcome.code == 125, "{outcome:?}");
    let told = "in the container holds more than 2097152 values; remove it";
    ensure!(outcome.stderr.contains(told), "{outcome:?}");
    Ok(())
}

/// A FIFO is missing here: runc itself waits for ever to open that.
fn passwd(rig: &Rig) -> Result<()> {
    let cases = [
        "rm /etc/passwd && ln -s passwd /etc/passwd",
        "rm /etc/passwd && mkdir /etc/passwd",
        "yes other:x:5000:5000::/nowhere:/bin/sh | head -n 200000 >>/etc/passwd",
        "echo 'root:x:0:0::../../..:/bin/sh' >/etc/passwd",
    ];
    for case in cases {
        let image = unique("passwd");
        build(&rig.engine, &image, &format!("FROM {BASE}\nRUN {case}\n"))?;
        let canary = Canary::new()?;
        // The engine itself wants to read it, unless the user is a number.
        let arguments = [
            "--rm",
            "--user",
            "0:0",
            "-e",
            "HOME=/root",
            &image,
            "cat",
            "/root/.agent/token",
        ];
        let outcome = rig.run(payload(&canary)?, &arguments)?;
        let delivered = outcome.code == 0 && outcome.stdout == canary.text();
        // Some of these neither Docker nor the low-level runtime bears.
        let refused = outcome.code != 0 && outcome.stdout.is_empty();
        ensure!(delivered || refused, "{case}: {outcome:?}");
    }
    Ok(())
}

/// Whatever it puts in the place of its credential: it starts again, at once, with what it
/// was given.
fn own_tmpfs(rig: &Rig) -> Result<()> {
    let cases = [
        "rm file-0",
        "rm file-0; mkfifo file-0",
        "rm file-0; mknod file-0 c 1 5",
        "rm file-0; ln -s /etc/shadow file-0",
        "rm file-0; ln -s /run/docker-jackin/file-0 file-0",
        "rm file-0; mkdir -p file-0/file-0",
        "truncate -s 1G file-0",
        "head -c 100000 /dev/zero | tr '\\0' x >file-0",
        "printf '\\377\\376' >file-0",
        "printf ' \\n' >file-0",
        "n=0; while mkdir d 2>/dev/null && cd d; do :; done",
        "chmod 0 . file-0; chown 4242:4242 .",
    ];
    starts_all_the_same(rig, &["--init"], &cases)?;
    // One that may mount can put anything over it, on its own side.
    let cases = [
        "mount -t tmpfs none . && echo mine >/run/docker-jackin/file-0",
        "mount -o bind /proc .",
        "umount -l .",
    ];
    starts_all_the_same(rig, &["--init", "--cap-add", "SYS_ADMIN"], &cases)
}

fn starts_all_the_same(rig: &Rig, flags: &[&str], cases: &[&str]) -> Result<()> {
    let canary = Canary::new()?;
    let mut arguments = flags.to_vec();
    arguments.extend([BASE, "sleep", "1000"]);
    let container = rig.start(payload(&canary)?, &arguments)?;
    let id = container.id()?;
    for case in cases {
        let script = format!("cd /run/docker-jackin && {{ {case}; }}");
        let done = container.exec(&["sh", "-c", &script])?;
        ensure!(done.code == 0, "{case}: {done:?}");
        let begin = Instant::now();
        docker(rig, &container, &[RESTART])?;
        has_it(&container, &canary).with_context(|| (*case).to_owned())?;
        ensure!(begin.elapsed() < Duration::from_secs(20), "{case} hangs");
        ensure!(kept_mounts(rig, &id)? == 1, "{case}: not kept, or twice");
    }
    container.remove()?;
    nothing_left(rig, &id, &canary)
}

fn environment(rig: &Rig) -> Result<()> {
    let image = unique("environment");
    let large = "x".repeat(60_000);
    build(
        &rig.engine,
        &image,
        &format!(
            "FROM {BASE}\nENV LD_PRELOAD=/evil.so LD_LIBRARY_PATH=/ PATH=/evil:/bin GCONV_PATH=/ \
         NEWLINE=\"a\\nTOKEN=image\" TOKEN=image LARGE={large}\n\
         RUN echo '#!/bin/sh' >/evil.so && chmod 755 /evil.so\n"
        ),
    )?;
    let canary = Canary::new()?;
    let script = "echo $TOKEN; env | grep -c ^TOKEN=; echo $LD_LIBRARY_PATH $PATH ${#LARGE}";
    let outcome = rig.run(payload(&canary)?, &["--rm", &image, "sh", "-c", script])?;
    let wanted = format!("{}\n1\n/ /evil:/bin 60000\n", canary.text());
    ensure!(outcome.stdout == wanted, "{outcome:?}");
    for home in ["../../..", "/../../etc", "/root/../..", "/proc/1/root"] {
        let variable = format!("HOME={home}");
        let given = payload(&canary)?;
        let script = "cat ~/.agent/token || cat /root/.agent/token";
        let outcome = rig.run(given, &["--rm", "-e", &variable, BASE, "sh", "-c", script])?;
        delivered_or_refused(&variable, &outcome, &canary)?;
    }
    ensure!(!Path::new("/.agent").exists(), "written to the host's root");
    Ok(())
}

fn ordinary_links(rig: &Rig) -> Result<()> {
    let image = unique("links");
    build(
        &rig.engine,
        &image,
        &format!(
            "FROM {BASE}\nRUN mkdir -p /var && ln -s /run /var/run && mkdir -p /data/home && \
         mv /home/dev /data/home/dev && ln -s /data/home/dev /home/dev && \
         mkdir /data/agent && chown 1000 /data/agent && ln -s /data/agent /data/home/dev/.agent\n"
        ),
    )?;
    let canary = Canary::new()?;
    let outcome = rig.run(
        payload(&canary)?,
        &[
            "--rm",
            "-u",
            "dev",
            &image,
            "sh",
            "-c",
            "cat ~/.agent/token",
        ],
    )?;
    ensure!(outcome.stdout == canary.text(), "{outcome:?}");
    Ok(())
}
