//! `docker jackin run` as docker's own `run`: signals, terminal and exit codes.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jackin_tests::command::Outcome;
use jackin_tests::engine::Channel;
use jackin_tests::image::BASE;
use jackin_tests::processes;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::on_each_engine;
use crate::user::User;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("session::the_exit_code_is_the_containers", exit_codes),
        on_each_engine("session::sigterm_without_a_terminal", sigterm),
        on_each_engine("session::the_terminal_is_the_containers", terminal),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn user() -> Result<User> {
    let user = User::new(1000)?;
    user.configure(&format!(
        "[claude]\nauth_forward = \"ignore\"\n[roles.agent]\nimage = \"{BASE}\"\nagents = [\"claude\"]\n"
    ))?;
    Ok(user)
}

fn exit_codes(rig: &Rig) -> Result<()> {
    let user = user()?;
    for (command, code) in [
        (&["sh", "-c", "exit 41"][..], 41),
        (&["true"], 0),
        (&["/no/such/program"], 127),
        (&["/etc/passwd"], 126),
    ] {
        let mut arguments = vec!["run", "agent", "--rm", "--"];
        arguments.extend_from_slice(command);
        let outcome = user.run(rig, &arguments)?;
        ensure!(outcome.code == code, "{command:?}: {outcome:?}");
        no_relay_is_left(&user)?;
    }
    let refused = user.run(rig, &["run", "agent", "--rm", "--no-such-flag=1"])?;
    ensure!(refused.code == 125, "{refused:?}");
    no_relay_is_left(&user)
}

/// A docker of version 25 or later tells its plugin to stop by a socket; an
/// older one leaves the plugin to what the terminal sends, which is tested
/// with a terminal.
fn sigterm(rig: &Rig) -> Result<()> {
    if rig.engine.release.channel == Channel::Variable {
        return Ok(());
    }
    let user = user()?;
    let name = unique("signalled");
    let script = "trap 'exit 42' TERM; touch /ready; while :; do sleep 0.05; done";
    let arguments = ["run", "agent", "--name", &name, "--", "sh", "-c", script];
    let child = user
        .jackin(rig, &arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let container = rig.adopt(name);
    wait_until_ready(&container)?;
    kill(outer_docker(&child)?, Signal::SIGTERM)?;
    let outcome = Outcome::from(child.wait_with_output()?);
    ensure!(outcome.code == 42, "{outcome:?}");
    let code = container.inspect("{{.State.Status}} {{.State.ExitCode}}")?;
    ensure!(code == "exited 42", "{code}");
    no_relay_is_left(&user)
}

fn wait_until_ready(container: &Container) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while !container
        .exec(&["test", "-e", "/ready"])
        .is_ok_and(|outcome| outcome.code == 0)
    {
        ensure!(Instant::now() < end, "{} does not start", container.name);
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The docker that the user called: the child of the `timeout` before it.
fn outer_docker(child: &Child) -> Result<Pid> {
    let pid = child.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let first = children.split_whitespace().next().context("it ended")?;
    Ok(Pid::from_raw(first.parse()?))
}

fn terminal(rig: &Rig) -> Result<()> {
    let user = user()?;
    let name = unique("terminal");
    let script = "trap 'echo got-it; exit 43' INT; while :; do stty size; sleep 0.1; done";
    let arguments = [
        "run", "agent", "-it", "--name", &name, "--", "sh", "-c", script,
    ];
    let mut terminal = Terminal::start(&user.jackin(rig, &arguments))?;
    let container = rig.adopt(name);
    terminal.wait_for(&["50 160"], PATIENCE)?;
    resized(&terminal)?;
    terminal.send("\u{3}")?;
    terminal.wait_for(&["got-it"], PATIENCE)?;
    let code = terminal.finish(PATIENCE)?;
    ensure!(code == 43, "exit code {code}:\n{}", terminal.contents());
    let status = container.inspect("{{.State.ExitCode}}")?;
    ensure!(status == "43", "{status}");
    no_relay_is_left(&user)
}

/// The container follows the terminal's size. docker listens for changes only
/// some time after it has set the first one, so a change may have to come again.
fn resized(terminal: &Terminal) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        terminal.resize(31, 77)?;
        let followed = terminal.wait_for(&["31 77"], Duration::from_secs(2));
        if followed.is_ok() || Instant::now() > end {
            return followed.map(|_| ());
        }
        terminal.resize(50, 160)?;
    }
}

/// No process of ours outlives a session; each has the user's own HOME.
fn no_relay_is_left(user: &User) -> Result<()> {
    let home = format!("HOME={}\0", user.home().display());
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let left = processes::all().find(|process| {
            let text = |file: &str| fs::read(process.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&text("environ")).contains(&home)
        });
        let Some(left) = left else { return Ok(()) };
        let what = fs::read_to_string(left.join("cmdline")).unwrap_or_default();
        ensure!(
            Instant::now() < end,
            "still running: {}",
            what.replace('\0', " ")
        );
        thread::sleep(Duration::from_millis(50));
    }
}
