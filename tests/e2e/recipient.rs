//! Scenarios 26 and 49: a login for another user than that of the container's
//! process, as a devcontainer's `remoteUser` is one.

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::container_user::ContainerUser;
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::{BASE, build};
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::staging;
use libtest_mimic::Trial;

use crate::lab::{lab, on_each_rig, once};
use crate::leak::payload;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_rig(
            "recipient::e26_by_docker_exec_beside_a_process_of_roots",
            exec,
        ),
        on_each_rig("recipient::e26_a_read_only_rootfs", read_only),
        on_each_rig("recipient::e26_after_the_uid_was_changed", updated),
        on_each_rig("recipient::e49_a_passwd_that_lies", hostile),
        once("recipient::e26_e45_ids_are_remapped", remapped),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What its user has, and that it is theirs to write.
const FACTS: &str = "cat ~/.agent/token; echo; \
    stat -c '%u:%g %a' ~/.agent ~/.agent/token ~/.claude.json /run/docker-jackin; \
    touch ~/.agent/token ~/.claude.json /run/docker-jackin/new && echo written";

fn facts(canary: &Canary, ids: &str) -> String {
    let token = canary.text();
    format!("{token}\n{ids} 700\n{ids} 600\n{ids} 600\n{ids} 700\nwritten")
}

/// `docker <verb> <arguments>` with a login for a user.
fn call(rig: &Rig, user: &str, canary: &Canary, verb: &str, arguments: &[&str]) -> Result<Outcome> {
    let mut ticket = staging::ticket(0, payload(canary)?)?;
    ticket.user = Some(ContainerUser::try_from(user.to_owned())?);
    let handle = staging::stage(&ticket)?;
    run(rig.with_handle(verb, &handle).args(arguments))
}

fn start(rig: &Rig, user: &str, canary: &Canary, arguments: &[&str]) -> Result<Container> {
    let name = unique("jackin");
    let mut all = vec!["-d", "--name", &name];
    all.extend_from_slice(arguments);
    call(rig, user, canary, "run", &all)?.success()?;
    Ok(rig.adopt(name))
}

/// What an exec as a user sees; its `HOME` is that user's, as the engine has it.
fn seen_by(container: &Container, user: &str) -> Result<String> {
    let user = format!("--user={user}");
    let output = container.exec(&[&user, "sh", "-c", FACTS])?.success()?;
    Ok(output.trim_end().to_owned())
}

fn restart(rig: &Rig, container: &Container) -> Result<()> {
    rig.engine
        .docker(&["restart", "-t", "0", &container.name])?;
    Ok(())
}

/// The process's own `HOME` has no say in it.
fn exec(rig: &Rig) -> Result<()> {
    for user in ["dev", "1000", "1000:1000"] {
        let canary = Canary::new()?;
        let arguments = ["-e", "HOME=/root", BASE, "sleep", "1000"];
        let container = start(rig, user, &canary, &arguments)?;
        let wanted = facts(&canary, "1000:1000");
        // The engine takes the container's HOME for an exec too, where one is set.
        let script = format!("--user={user}");
        let seen = || -> Result<String> {
            let words = [&*script, "--env=HOME=/home/dev", "sh", "-c", FACTS];
            let output = container.exec(&words)?.success()?;
            Ok(output.trim_end().to_owned())
        };
        ensure!(seen()? == wanted, "{user}: {}, wanted {wanted}", seen()?);
        ensure!(container.exec(&["test", "-e", "/root/.agent"])?.code != 0);
        restart(rig, &container)?;
        ensure!(seen()? == wanted, "{user}: {}, wanted {wanted}", seen()?);
    }
    Ok(())
}

fn read_only(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let container = start(rig, "dev", &canary, &["--read-only", BASE, "sleep", "1000"])?;
    let script = "cat ~/.agent/token; echo; stat -c '%u:%g %a' ~/.agent/token /run/docker-jackin; \
        touch ~/.agent/token && echo written";
    let words = ["--user=dev", "sh", "-c", script];
    let seen = container.exec(&words)?.success()?;
    let token = canary.text();
    let wanted = format!("{token}\n1000:1000 600\n1000:1000 700\nwritten\n");
    ensure!(seen == wanted, "{seen:?}, wanted {wanted:?}");
    Ok(())
}

/// As `updateRemoteUserUID` does it, in an image of its own.
fn updated(rig: &Rig) -> Result<()> {
    let image = unique("updated");
    let script = "sed -i 's/^dev:x:1000:1000:/dev:x:1234:1235:/' /etc/passwd && \
        chown -R 1234:1235 /home/dev && echo 'audio:x:29:dev' >>/etc/group && \
        mkdir /home/dev/.agent && chown 0:29 /home/dev/.agent && chmod 770 /home/dev/.agent";
    build(&rig.engine, &image, &format!("FROM {BASE}\nRUN {script}\n"))?;
    let canary = Canary::new()?;
    let container = start(rig, "dev", &canary, &[&image, "sleep", "1000"])?;
    // The folder is one that the user may write by a further group alone.
    let wanted = facts(&canary, "1234:1235").replacen("1234:1235 700", "0:29 770", 1);
    let seen = seen_by(&container, "dev")?;
    ensure!(seen == wanted, "{seen}, wanted {wanted}");
    Ok(())
}

fn hostile(rig: &Rig) -> Result<()> {
    let image = unique("lying");
    let lies = [
        (
            "twice",
            "echo 'twice:x:1500:1500::/home/one:' >>/etc/passwd; echo 'twice:x:0:0::/root:' >>/etc/passwd",
        ),
        (
            "giant",
            "yes '# nobody' | head -c 5000000 >>/etc/passwd; echo >>/etc/passwd; echo 'giant:x:1:1::/:' >>/etc/passwd",
        ),
        ("link", "ln -sf /proc/self/environ /etc/passwd"),
        ("toor", "echo 'toor:x:0:0::/root:' >>/etc/passwd"),
    ];
    for (name, lie) in lies {
        let image = format!("{image}-{name}");
        build(&rig.engine, &image, &format!("FROM {BASE}\nRUN {lie}\n"))?;
        let canary = Canary::new()?;
        let arguments = [
            "--rm",
            &image,
            "sh",
            "-c",
            "ls -ldn /home/one/.agent; ls -A /root",
        ];
        let outcome = call(rig, name, &canary, "run", &arguments)?;
        let reason = match name {
            "twice" => {
                let one = outcome.stdout.trim_end();
                let given = one.contains("1500     1500") && one.lines().count() == 1;
                ensure!(given, "{outcome:?}");
                continue;
            }
            "giant" => "has no entry of user giant in its first",
            "toor" => "user toor, whose home the login is for, is uid 0",
            _ => "is not in /etc/passwd in the container",
        };
        ensure!(
            outcome.code != 0 && outcome.stdout.is_empty(),
            "{outcome:?}"
        );
        ensure!(
            outcome.stderr.contains(reason),
            "{outcome:?}, wanted {reason}"
        );
    }
    Ok(())
}

fn remapped() -> Result<()> {
    for rig in lab()?.remapped() {
        let canary = Canary::new()?;
        let container =
            start(rig, "dev", &canary, &[BASE, "sleep", "1000"]).with_context(|| rig.name())?;
        let wanted = facts(&canary, "1000:1000");
        let seen = seen_by(&container, "dev")?;
        ensure!(seen == wanted, "{}: {seen}, wanted {wanted}", rig.name());
        restart(rig, &container)?;
        let seen = seen_by(&container, "dev")?;
        ensure!(seen == wanted, "{}: {seen}, wanted {wanted}", rig.name());
    }
    Ok(())
}
