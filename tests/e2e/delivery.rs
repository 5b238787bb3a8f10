//! Scenarios 43 to 45: what a container is given is there, whatever
//! its options, in every process, and again after a restart.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_oci_hook::payload::{CredentialFile, Delivery, Payload};
use jackin_tests::canary::Canary;
use jackin_tests::image::{BASE, build};
use jackin_tests::rig::{Rig, unique};
use jackin_tests::staging;
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};

use crate::lab::{on_each_engine, on_each_rig};
use crate::leak::{has_it, payload};

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_rig("delivery::e43_exec_and_health_check", exec),
        on_each_rig("delivery::e44_restart_stop_start_pause", restart),
        on_each_engine("delivery::e44_killed_under_restart_always", restart_always),
        on_each_rig("delivery::e44_a_text_is_appended_once", appended),
        on_each_rig("delivery::e45_options", options),
        on_each_engine("delivery::e45_a_volume_on_the_home_keeps_no_secret", volume),
        on_each_engine("delivery::e45_an_image_of_one_static_program", scratch),
        on_each_engine("delivery::e49_odd_homes", homes),
        on_each_engine("delivery::e55_many_at_once", many),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) fn exec(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let health = [
        "--health-cmd",
        "test -n \"$TOKEN\" && cat ~/.agent/token",
        "--health-interval",
        "1s",
    ];
    let mut arguments = health.to_vec();
    arguments.extend([BASE, "sleep", "1000"]);
    let mut given = payload(&canary)?;
    given.unset.push("RIVAL".try_into()?);
    let mut with_rival = vec!["-e", "RIVAL=outranks", "-e", "KEPT=kept"];
    with_rival.append(&mut arguments);
    let container = rig.start(given, &with_rival)?;
    has_it(&container, &canary)?;
    let rival = container.shell("echo ${RIVAL-unset} $KEPT ${DOCKER_JACKIN_TICKET-unset}")?;
    ensure!(rival == "unset kept unset", "{rival}");
    let own = container.exec(&["--env=TOKEN=mine", "sh", "-c", "echo $TOKEN"])?;
    ensure!(own.stdout == "mine\n", "{own:?}");
    let code = container.exec(&["sh", "-c", "exit 6"])?.code;
    ensure!(code == 6, "{code}");
    for _ in 0..50 {
        if container.inspect("{{.State.Health.Status}}")? == "healthy" {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
    anyhow::bail!(
        "never healthy: {}",
        container.inspect("{{json .State.Health}}")?
    )
}

pub(crate) fn restart(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let container = rig.start(payload(&canary)?, &["--init", BASE, "sleep", "1000"])?;
    for verbs in [
        &[&["restart", "-t", "0"][..]][..],
        &[&["stop", "-t", "0"], &["start"]],
        &[&["kill"], &["start"]],
        &[&["pause"], &["unpause"]],
    ] {
        if verbs[0] == ["pause"] && rig.engine.release.rootless.is_some() {
            // It needs cgroups, which such an engine has with systemd alone.
            continue;
        }
        for verb in verbs {
            let mut arguments = verb.to_vec();
            arguments.push(&container.name);
            rig.engine.docker(&arguments)?;
        }
        has_it(&container, &canary)?;
    }
    Ok(())
}

fn restart_always(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let container = rig.start(
        payload(&canary)?,
        &["--restart=always", BASE, "sleep", "1000"],
    )?;
    let pid = container.inspect("{{.State.Pid}}")?;
    // Seen from outside: the engine's numbers are those of its own namespace.
    let outside = outside_pid(rig, &pid)?;
    kill(nix::unistd::Pid::from_raw(outside), Signal::SIGKILL)?;
    for _ in 0..100 {
        let again = container.inspect("{{.State.Status}} {{.RestartCount}}")?;
        if again == "running 1" {
            return has_it(&container, &canary);
        }
        thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("not started again")
}

/// Settings that are no JSON: those of the image stay, and those of the user.
fn appended(rig: &Rig) -> Result<()> {
    let image = unique("settings");
    let dockerfile = format!(
        "FROM {BASE}\nUSER dev\nRUN printf 'a = 1' >~/image.toml && echo 'b = 3' >~/own.toml\n"
    );
    build(&rig.engine, &image, &dockerfile)?;
    let mut given = Payload::default();
    for path in ["image.toml", "own.toml", "new/new.toml"] {
        given.files.push(CredentialFile {
            place: staging::bound_file(path, "")?.place,
            delivery: Delivery::AppendText {
                text: "b = 2\n".to_owned(),
                unless: "b =".to_owned(),
            },
        });
    }
    let container = rig.start(given, &["--init", &image, "sleep", "1000"])?;
    for _ in 0..2 {
        let seen = container.shell("cd && cat image.toml own.toml new/new.toml")?;
        ensure!(seen == "a = 1\nb = 2\nb = 3\nb = 2", "{seen:?}");
        let facts = container.shell("stat -c '%a %u' ~/image.toml ~/new/new.toml")?;
        ensure!(facts == "644 1000\n600 1000", "{facts:?}");
        rig.engine
            .docker(&["restart", "-t", "0", &container.name])?;
    }
    Ok(())
}

/// The process that the engine knows by `pid`.
pub(crate) fn outside_pid(rig: &Rig, pid: &str) -> Result<i32> {
    for process in jackin_tests::processes::all() {
        let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        let numbers: Vec<&str> = numbers.unwrap_or_default().split_whitespace().collect();
        // Here, in the engine's namespace, in the container's.
        if let [outside, inside, _] = numbers[..]
            && inside == pid
            && belongs(&process, rig)
        {
            return Ok(outside.parse()?);
        }
    }
    anyhow::bail!("no process {pid} in {}", rig.engine.release.name)
}

fn belongs(process: &std::path::Path, rig: &Rig) -> bool {
    let cgroup = std::fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    cgroup.contains(rig.engine.release.name)
}

/// What a container looks like from inside, one line a fact.
const FACTS: &str = "id -u; env | sed -n 's/^TOKEN=//p'; cat ~/.agent/token; echo; \
    stat -c '%a %u' ~/.agent/token; cat ~/.claude.json; echo; stat -c '%a %u' ~/.claude.json";

pub(crate) fn options(rig: &Rig) -> Result<()> {
    let cases: [(&str, &[&str]); 15] = [
        ("0", &[]),
        ("1000", &["--user", "dev"]),
        ("1000", &["--user", "1000:1000"]),
        ("4242", &["--user", "4242", "-e", "HOME=/tmp"]),
        ("0", &["--read-only", "--tmpfs", "/root"]),
        ("1000", &["--user", "dev", "--tmpfs", "/home/dev:uid=1000"]),
        ("0", &["--userns=host"]),
        ("0", &["--init"]),
        (
            "1000",
            &[
                "--user",
                "dev",
                "--cap-drop",
                "ALL",
                "--security-opt",
                "no-new-privileges",
            ],
        ),
        ("0", &["--cap-drop", "ALL"]),
        ("0", &["--network", "none"]),
        ("1000", &["--user", "dev", "-w", "/tmp"]),
        ("0", &["--entrypoint", "/bin/busybox"]),
        ("0", &["--pid", "host"]),
        ("0", &["--ipc", "host", "--uts", "host"]),
    ];
    // The last two are root's alone on bare runc, too.
    let few = cases.len() - 2;
    let many = if rig.owner() == 0 { cases.len() } else { few };
    for (uid, flags) in cases.into_iter().take(many) {
        let canary = Canary::new()?;
        let mut arguments = vec!["--rm"];
        arguments.extend_from_slice(flags);
        arguments.extend([BASE, "sh", "-c", FACTS]);
        let outcome = rig.run(payload(&canary)?, &arguments)?;
        let token = canary.text();
        let seed = "{\"hasCompletedOnboarding\":true}";
        let wanted = format!("{uid}\n{token}\n{token}\n600 {uid}\n{seed}\n600 {uid}\n");
        let seen: String = outcome
            .stdout
            .replace(": ", ":")
            .replace("{\n  ", "{")
            .replace("\n}", "}");
        ensure!(seen == wanted, "{flags:?}: {outcome:?}, wanted {wanted:?}");
    }
    read_only(rig)
}

/// With a read-only root there is no place for the seed, but the secret is
/// mounted where the image has a place for it.
fn read_only(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let arguments = [
        "--rm",
        "--read-only",
        BASE,
        "sh",
        "-c",
        "echo $TOKEN; cat ~/.agent/token; touch /x",
    ];
    let outcome = rig.run(payload(&canary)?, &arguments)?;
    let wanted = format!("{0}\n{0}", canary.text());
    ensure!(outcome.stdout == wanted, "{outcome:?}");
    ensure!(outcome.stderr.contains("Read-only"), "{outcome:?}");
    Ok(())
}

fn volume(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let volume = unique("home");
    let mount = format!("{volume}:/home/dev");
    let container = rig.start(
        payload(&canary)?,
        &["-u", "dev", "-v", &mount, BASE, "sleep", "1000"],
    )?;
    has_it(&container, &canary)?;
    container.remove()?;
    let look = [
        "run",
        "--rm",
        "-v",
        &mount,
        BASE,
        "sh",
        "-c",
        "cat /home/dev/.claude.json; find /home/dev -type f -size +0",
    ];
    let seen = rig.engine.docker(&look)?;
    rig.engine.docker(&["volume", "rm", &volume])?;
    ensure!(
        seen.contains("hasCompletedOnboarding"),
        "the seed went: {seen}"
    );
    ensure!(
        seen.ends_with("/home/dev/.claude.json"),
        "more than the seed: {seen}"
    );
    Ok(())
}

/// No passwd, no shell, no folders.
fn scratch(rig: &Rig) -> Result<()> {
    let image = unique("scratch");
    build(
        &rig.engine,
        &image,
        &format!("FROM {BASE} AS b\nFROM scratch\nCOPY --from=b /bin/busybox /busybox\n"),
    )?;
    let canary = Canary::new()?;
    let arguments = [
        "--rm",
        &image,
        "/busybox",
        "sh",
        "-c",
        "/busybox sleep 0.3; echo $TOKEN; /busybox cat /.agent/token",
    ];
    let outcome = rig.run(payload(&canary)?, &arguments)?;
    let wanted = format!("{0}\n{0}", canary.text());
    ensure!(outcome.stdout == wanted, "{outcome:?}");
    Ok(())
}

/// Either the credential is where the agent looks for it, or nothing starts.
pub(crate) fn homes(rig: &Rig) -> Result<()> {
    let image = unique("homes");
    let dockerfile =
        format!("FROM {BASE}\nRUN ln -s /home/dev /linked && mkdir /locked && chmod 555 /locked\n");
    build(&rig.engine, &image, &dockerfile)?;
    for home in ["/", "/linked", "/locked", "/not/there", "relative", ""] {
        let canary = Canary::new()?;
        let variable = format!("HOME={home}");
        let script = "echo $TOKEN; cat ~/.agent/token || cat /home/dev/.agent/token";
        let arguments = [
            "--rm", "-u", "dev", "-e", &variable, &image, "sh", "-c", script,
        ];
        let outcome = rig.run(payload(&canary)?, &arguments)?;
        let delivered = outcome.stdout == format!("{0}\n{0}", canary.text());
        let refused = outcome.code == 125
            && outcome.stdout.is_empty()
            && outcome.stderr.contains("docker-jackin");
        ensure!(delivered || refused, "HOME={home}: {outcome:?}");
    }
    Ok(())
}

fn one_of_many(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let given = staging::variables(&[("TOKEN", canary.text())])?;
    let outcome = rig.run(given, &["--rm", BASE, "sh", "-c", "echo $TOKEN"])?;
    ensure!(outcome.stdout.trim() == canary.text(), "{outcome:?}");
    Ok(())
}

/// Many containers, eight at a time, each with its own canary and no other.
fn many(rig: &Rig) -> Result<()> {
    const CONTAINERS: usize = 48;
    const AT_ONCE: usize = 8;
    let worker = |rig: Rig| {
        thread::spawn(move || -> Result<()> {
            for _ in 0..CONTAINERS / AT_ONCE {
                one_of_many(&rig)?;
            }
            Ok(())
        })
    };
    let workers: Vec<_> = (0..AT_ONCE).map(|_| worker(rig.clone())).collect();
    for worker in workers {
        worker
            .join()
            .map_err(|_| anyhow::anyhow!("a worker died"))??;
    }
    Ok(())
}
