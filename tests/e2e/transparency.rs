//! Scenarios 46 and 47: without a ticket, the wrapper cannot be told from the
//! runtime below it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jackin_tests::binaries::{RUNC, RUNTIME};
use jackin_tests::bundle::{Bundle, Runtime};
use jackin_tests::command::{Outcome, run, run_with_input};
use jackin_tests::rig::{Rig, unique};
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{lab, named, on_each_rig, once};

pub(crate) fn trials() -> Vec<Trial> {
    let checks: [(&str, Check); 14] = [
        ("exit_codes", exit_codes),
        ("signals", signals),
        ("stdio", stdio),
        ("terminal", terminal),
        ("exec", exec),
        ("life", life),
        ("pause", pause),
        ("deleted_twice", deleted_twice),
        ("created_twice", created_twice),
        ("bundle_flags", bundle_flags),
        ("wrong_bundles", wrong_bundles),
        ("program_not_there", program_not_there),
        ("questions", questions),
        ("usage", usage),
    ];
    let mut trials: Vec<Trial> = checks
        .into_iter()
        .map(|(name, check)| compared(name, check))
        .collect();
    trials.extend(once(
        "transparency::e46_config_json_and_arguments_are_the_same_bytes",
        same_bytes,
    ));
    trials.extend(on_each_rig("transparency::e46_docker_run", docker_run));
    trials
}

type Check = fn(&Scene) -> Result<String>;

/// A runtime, and where its bundles are made.
struct Scene {
    runtime: Runtime,
    folder: PathBuf,
}

impl Scene {
    fn new(program: &str) -> Result<Self> {
        let folder = jackin_tests::sandbox::Sandbox::memory().join("transparency");
        fs::create_dir_all(&folder)?;
        let runtime = Runtime::new(program, &folder)?;
        Ok(Self { runtime, folder })
    }

    fn bundle(&self, arguments: &[&str]) -> Result<Bundle> {
        Bundle::new(
            &self.folder,
            &lab()?.sandbox().disk().join("base"),
            arguments,
        )
    }

    /// Runs a container to its end.
    fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        let bundle = self.bundle(arguments)?.path.display().to_string();
        self.runtime
            .call(&["run", "--bundle", &bundle, &unique("once")])
    }

    /// Creates a container without waiting for it; its id.
    fn create(&self, arguments: &[&str]) -> Result<String> {
        let id = unique("lasting");
        let bundle = self.bundle(arguments)?.path.display().to_string();
        let mut create = self.runtime.command();
        create.args(["create", "--bundle", &bundle, &id]);
        // The container keeps these open, so nobody may wait for their end.
        let create = create
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        ensure!(
            create.status()?.success(),
            "not created: {:?}",
            self.runtime.messages()?
        );
        Ok(id)
    }

    /// Runs verbs one after the other; codes, outputs and messages, with what
    /// differs from run to run taken out.
    fn script(&self, id: &str, verbs: &[&[&str]]) -> Result<String> {
        let mut text = String::new();
        for verb in verbs {
            let arguments: Vec<&str> = verb
                .iter()
                .map(|word| if *word == "ID" { id } else { *word })
                .collect();
            let outcome = self.runtime.call(&arguments)?;
            writeln!(text, "{verb:?}: {}", self.told(&outcome)?)?;
        }
        Ok(text.replace(id, "<id>"))
    }

    fn told(&self, outcome: &Outcome) -> Result<String> {
        let mut messages = self.runtime.messages()?;
        // How often runc tries again is a matter of the kernel's pace.
        messages.retain(|message| !message.ends_with("Failed to remove cgroup (will retry)"));
        Ok(format!(
            "{} {:?} {:?} {messages:?}",
            outcome.code, outcome.stdout, outcome.stderr
        ))
    }
}

/// A check that must say the same on runc and on the wrapper around it.
fn compared(name: &str, check: Check) -> Trial {
    let run = move || -> Result<()> {
        let bare = check(&Scene::new(RUNC)?).context("on the bare runtime")?;
        let wrapped = check(&Scene::new(RUNTIME)?).context("through the wrapper")?;
        ensure!(!bare.is_empty(), "the check said nothing");
        ensure!(bare == wrapped, "bare:\n{bare}\nwrapped:\n{wrapped}");
        Ok(())
    };
    named(format!("transparency::e46_e47_{name}"), run)
}

fn exit_codes(scene: &Scene) -> Result<String> {
    let mut text = String::new();
    for script in [
        "exit 0",
        "exit 7",
        "exit 255",
        "kill -9 $$",
        "kill -TERM $$; sleep 1",
    ] {
        let outcome = scene.run(&["sh", "-c", script])?;
        writeln!(text, "{script}: {}", scene.told(&outcome)?)?;
    }
    Ok(text)
}

fn signals(scene: &Scene) -> Result<String> {
    let mut text = String::new();
    for (signal, name) in [
        (Signal::SIGTERM, "TERM"),
        (Signal::SIGHUP, "HUP"),
        (Signal::SIGUSR1, "USR1"),
    ] {
        let ready = scene.folder.join(unique("ready"));
        fs::create_dir_all(&ready)?;
        let script = format!(
            "trap 'echo got {name}; exit 42' {name}; touch /run/now; while :; do sleep 0.05; done"
        );
        let bundle = scene.bundle(&["sh", "-c", &script])?;
        bundle.edit(|config| {
            let mount = serde_json::json!({ "destination": "/run", "type": "bind", "source": ready, "options": ["bind"] });
            if let Some(mounts) = config["mounts"].as_array_mut() {
                mounts.push(mount);
            }
        })?;
        let path = bundle.path.display().to_string();
        let mut command = scene.runtime.command();
        command.args(["run", "--bundle", &path, &unique("signalled")]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        for _ in 0..200 {
            if ready.join("now").exists() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Not every signal passes through the `timeout` in front of it.
        kill(only_child(child.id())?, signal)?;
        let outcome = Outcome::from(child.wait_with_output()?);
        writeln!(text, "{name}: {}", scene.told(&outcome)?)?;
    }
    Ok(text)
}

fn only_child(pid: u32) -> Result<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(Pid::from_raw(children.trim().parse()?))
}

fn stdio(scene: &Scene) -> Result<String> {
    let script =
        "cat; echo to stderr >&2; readlink /proc/self/fd/0 | cut -c1-5; ls /proc/self/fd | wc -l";
    let bundle = scene
        .bundle(&["sh", "-c", script])?
        .path
        .display()
        .to_string();
    let mut command = scene.runtime.command();
    command.args(["run", "--bundle", &bundle, &unique("stdio")]);
    let input: Vec<u8> = (0..=255).cycle().take(1 << 18).collect();
    let outcome = run_with_input(&mut command, &input)?;
    scene.told(&outcome)
}

fn terminal(scene: &Scene) -> Result<String> {
    let bundle = scene.bundle(&[
        "sh",
        "-c",
        // runc sets the size once the program runs already.
        "tty; until stty size | grep -q 50 || [ $((n += 1)) -gt 99 ]; do sleep 0.05; done 2>/dev/null; stty size; echo end of it; sleep 0.2; exit 5",
    ])?;
    bundle.edit(|config| config["process"]["terminal"] = true.into())?;
    let mut command = scene.runtime.command();
    command
        .arg("run")
        .arg("--bundle")
        .arg(&bundle.path)
        .arg(unique("terminal"));
    let terminal = Terminal::start(&command)?;
    terminal.wait_for(&["end of it"], Duration::from_secs(10))?;
    Ok(terminal.contents())
}

fn exec(scene: &Scene) -> Result<String> {
    let id = scene.create(&["sleep", "100"])?;
    let process = scene.folder.join(unique("process.json"));
    let json = serde_json::json!({
        "args": ["sh", "-c", "echo $GIVEN $(id -u); exit 9"], "cwd": "/tmp",
        "env": ["GIVEN=value", "PATH=/bin"], "user": { "uid": 1000, "gid": 1000 },
    });
    fs::write(&process, json.to_string())?;
    let process = process.display().to_string();
    let text = scene.script(
        &id,
        &[
            &["start", "ID"],
            &["exec", "ID", "sh", "-c", "echo out; echo err >&2; exit 5"],
            &[
                "exec",
                "--env",
                "A=b",
                "--cwd",
                "/tmp",
                "ID",
                "sh",
                "-c",
                "echo $A; pwd",
            ],
            &["exec", "--process", &process, "ID"],
            &["exec", "ID", "/no/such/program"],
            &["exec", "no-such-container", "true"],
            &["kill", "ID", "KILL"],
        ],
    )?;
    settle(scene, &id)?;
    Ok(text.replace(&process, "<process>") + &scene.script(&id, &[&["delete", "ID"]])?)
}

fn life(scene: &Scene) -> Result<String> {
    let id = scene.create(&["sleep", "100"])?;
    let mut text = status(scene, &id)?;
    text += &scene.script(&id, &[&["start", "ID"], &["start", "ID"]])?;
    text += &status(scene, &id)?;
    text += &scene.script(&id, &[&["delete", "ID"], &["kill", "--all", "ID", "KILL"]])?;
    settle(scene, &id)?;
    text += &status(scene, &id)?;
    let listed = scene.runtime.call(&["list", "--quiet"])?;
    writeln!(text, "{}", scene.told(&listed)?.replace(&id, "<id>"))?;
    Ok(text + &scene.script(&id, &[&["delete", "--force", "ID"], &["state", "ID"]])?)
}

fn pause(scene: &Scene) -> Result<String> {
    let id = scene.create(&["sleep", "100"])?;
    let mut text = scene.script(&id, &[&["start", "ID"], &["pause", "ID"]])?;
    text += &status(scene, &id)?;
    text += &scene.script(&id, &[&["pause", "ID"], &["resume", "ID"]])?;
    text += &status(scene, &id)?;
    Ok(text + &scene.script(&id, &[&["delete", "--force", "ID"]])?)
}

fn deleted_twice(scene: &Scene) -> Result<String> {
    let id = scene.create(&["true"])?;
    let delete: &[&str] = &["delete", "--force", "ID"];
    scene.script(
        &id,
        &[delete, delete, &["delete", "ID"], &["kill", "ID", "KILL"]],
    )
}

fn created_twice(scene: &Scene) -> Result<String> {
    let id = scene.create(&["sleep", "100"])?;
    let bundle = scene.bundle(&["true"])?.path.display().to_string();
    let create: &[&str] = &["create", "--bundle", &bundle, "ID"];
    let text = scene.script(&id, &[create, &["delete", "--force", "ID"]])?;
    Ok(text.replace(&bundle, "<bundle>"))
}

fn bundle_flags(scene: &Scene) -> Result<String> {
    let bundle = scene
        .bundle(&["echo", "from the bundle"])?
        .path
        .display()
        .to_string();
    let (long, short) = (format!("--bundle={bundle}"), format!("-b={bundle}"));
    let mut text = String::new();
    let forms: [&[&str]; 4] = [
        &[&long],
        &[&short],
        &["-b", &bundle],
        &["--bundle", "/nowhere", "-b", &bundle],
    ];
    for form in forms {
        let id = unique("form");
        let mut command = scene.runtime.command();
        let outcome = run(command.arg("run").args(form).arg(&id))?;
        text += &scene
            .told(&outcome)?
            .replace(&id, "<id>")
            .replace(&bundle, "<bundle>");
        text += "\n";
    }
    let mut command = scene.runtime.command();
    let outcome = run(command.current_dir(&bundle).args(["run", &unique("here")]))?;
    Ok(text + &scene.told(&outcome)?)
}

fn wrong_bundles(scene: &Scene) -> Result<String> {
    let empty = scene.folder.join(unique("empty"));
    fs::create_dir_all(&empty)?;
    let broken = scene.bundle(&["true"])?;
    fs::write(broken.config(), "{ broken")?;
    let mut text = String::new();
    for bundle in [
        "/no/such/folder",
        &empty.display().to_string(),
        &broken.path.display().to_string(),
    ] {
        let outcome = scene
            .runtime
            .call(&["create", "--bundle", bundle, "wrong"])?;
        writeln!(
            text,
            "{}",
            scene.told(&outcome)?.replace(bundle, "<bundle>")
        )?;
    }
    Ok(text)
}

fn program_not_there(scene: &Scene) -> Result<String> {
    let outcome = scene.run(&["/no/such/program"])?;
    scene.told(&outcome)
}

fn questions(scene: &Scene) -> Result<String> {
    let bare: Vec<Outcome> = [
        &["--version"][..],
        &["--help"],
        &["features"],
        &["create", "--help"],
    ]
    .into_iter()
    .map(|arguments| scene.runtime.call(arguments))
    .collect::<Result<_>>()?;
    let text: Vec<String> = bare
        .iter()
        .map(|outcome| scene.told(outcome))
        .collect::<Result<_>>()?;
    Ok(text.join("\n"))
}

fn usage(scene: &Scene) -> Result<String> {
    scene.script(
        "none",
        &[
            &["no-such-verb"],
            &["create"],
            &["create", "--no-such-flag"],
            &["start", "ID"],
            &["state", "ID"],
            &["ps", "--format", "json", "ID"],
            &["events", "--stats", "ID"],
            &["checkpoint", "ID"],
            &["update", "ID"],
        ],
    )
}

fn status(scene: &Scene, id: &str) -> Result<String> {
    let state = scene.runtime.call(&["state", id])?.success()?;
    let mut state: serde_json::Value = serde_json::from_str(&state)?;
    for changing in ["id", "pid", "bundle", "created"] {
        ensure!(!state[changing].is_null(), "no {changing} in the state");
        state[changing] = changing.into();
    }
    let listed = scene.runtime.call(&["ps", "--format", "json", id])?;
    let processes = listed.stdout.matches(',').count();
    Ok(format!("{state} ps {} {processes}\n", listed.code))
}

/// Waits until a killed container is seen to have stopped.
fn settle(scene: &Scene, id: &str) -> Result<()> {
    for _ in 0..100 {
        if scene
            .runtime
            .call(&["state", id])?
            .stdout
            .contains("\"stopped\"")
        {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("{id} does not stop")
}

/// A stand-in for the low-level runtime tells what it was given.
/// Without a pipe, whose ends the shell may have open still when they are listed.
const RECORDER: &str = "#!/bin/sh
printf '%s\\n' \"$@\"
echo fds:
ls /proc/$$/fd
env | sort
b=; for a; do case $p in --bundle) b=$a;; esac; p=$a; done
sha256sum <\"$b/config.json\"
stat -c '%i %a %u %s %y' \"$b/config.json\"
";

/// Starts a program with the standard fds and one more, and none that another
/// test of this process has open just now.
const LAUNCHER: &str = "
for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    [ \"$fd\" -le 2 ] || eval \"exec $fd>&-\"
done
exec 7</dev/null
exec \"$@\"
";

fn same_bytes() -> Result<()> {
    let scene = Scene::new(RUNC)?;
    let recorder = "/usr/local/bin/recorder";
    fs::write(recorder, RECORDER)?;
    fs::set_permissions(recorder, fs::Permissions::from_mode(0o755))?;
    let wrapper = format!("{RUNTIME}-recorder");
    symlink(RUNTIME, &wrapper)?;
    let bundle = scene.bundle(&["true"])?;
    // Numbers, order, spaces and unknown keys of an engine's own making.
    let text = fs::read_to_string(bundle.config())?;
    let odd = text.replacen(
        '{',
        "{ \"unknown\" : 1.50e+3,\n\t\"big\": 18446744073709551616, ",
        1,
    );
    fs::write(bundle.config(), &odd)?;
    let path = bundle.path.display().to_string();
    let words = [
        "--root",
        "/r",
        "--log",
        "/tmp/no log",
        "create",
        "--bundle",
        &path,
        "--pid-file",
        "/p",
        "id",
    ];
    let told = |program: &str| -> Result<String> {
        let mut command = Command::new("/bin/bash");
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SEEN", "a\nb")
            .args(["-c", LAUNCHER, "launcher", program])
            .args(words);
        run(&mut command)?.success()
    };
    let (bare, wrapped) = (told(recorder)?, told(&wrapper)?);
    ensure!(bare == wrapped, "bare:\n{bare}\nwrapped:\n{wrapped}");
    ensure!(
        fs::read_to_string(bundle.config())? == odd,
        "config.json was changed"
    );
    Ok(())
}

/// The client of 20.10 sometimes ends the wait for a container that failed to
/// start, and sometimes reports that it did.
fn without_race(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines
        .filter(|line| !line.contains("error waiting for container: context canceled"))
        .collect()
}

/// The same containers on a real engine, with and without the wrapper.
fn docker_run(rig: &Rig) -> Result<()> {
    let base = jackin_tests::image::BASE;
    let cases: [&[&str]; 6] = [
        &[base, "sh", "-c", "echo out; echo err >&2; exit 3"],
        &[
            "-u",
            "1000",
            "-w",
            "/tmp",
            "-e",
            "A=b",
            base,
            "sh",
            "-c",
            "id; pwd; env | sort | grep -v HOSTNAME",
        ],
        &[
            "--read-only",
            "--cap-drop",
            "ALL",
            base,
            "sh",
            "-c",
            "touch /x; grep Cap /proc/self/status",
        ],
        &["--init", base, "sh", "-c", "kill -9 $$"],
        &[base, "/no/such/program"],
        &[
            "--security-opt",
            "no-new-privileges",
            base,
            "sh",
            "-c",
            "mount | wc -l; ls -a / | sort; ls -a /run",
        ],
    ];
    for case in cases {
        let told = |runtime: &str| -> Result<String> {
            let mut arguments = vec!["run", "--rm", "--runtime", runtime];
            arguments.extend_from_slice(case);
            let outcome = rig.engine.try_docker(&arguments)?;
            Ok(format!(
                "{} {}",
                outcome.code,
                without_race(&outcome.text())
            ))
        };
        let (bare, wrapped) = (told(rig.low_level)?, told(rig.wrapper)?);
        ensure!(
            bare == wrapped,
            "{case:?}\nbare:\n{bare}\nwrapped:\n{wrapped}"
        );
    }
    Ok(())
}
