//! A private Docker Engine: its own data, sockets, processes and mounts.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::command::{Outcome, bounded, run};
use crate::daemon::{Daemon, SYSTEM_PATH};
use crate::project;
use crate::rootless::{self, RootlessUser};
use crate::sandbox::{REMAPPED, Sandbox};
use crate::unhurried::unhurried;
use crate::{binaries, cgroup};

/// How a ticket's handle gets to a container on an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// In an environment variable.
    Variable,
    /// In an annotation, which engines know from API 1.43 on.
    Annotation,
}

/// One release of Docker.
#[derive(Debug, Clone)]
pub struct Release {
    /// A short name, for the tests' names.
    pub name: &'static str,
    /// How handles travel.
    pub channel: Channel,
    dockerd: PathBuf,
    client: PathBuf,
    folders: Vec<PathBuf>,
    crun: Option<PathBuf>,
    /// The user whose subordinate ids containers get instead of the host's.
    remap: Option<&'static str>,
    /// The user who runs it instead of root.
    pub rootless: Option<RootlessUser>,
    /// Whether another takes the place of a daemon that ends, and finds its
    /// containers running (`live-restore`) or not.
    restarts: Option<bool>,
}

impl Release {
    /// The system's own Docker (20.10 on Debian 12).
    pub fn of_the_system() -> Self {
        Self {
            name: "docker-20.10",
            channel: Channel::Variable,
            dockerd: "/usr/sbin/dockerd".into(),
            client: "/usr/bin/docker".into(),
            folders: Vec::new(),
            crun: None,
            remap: None,
            rootless: None,
            restarts: None,
        }
    }

    /// The system's own Docker where another daemon takes the place of one that
    /// ends, as systemd sees to it.
    pub fn restarting(name: &'static str, live_restore: bool) -> Self {
        Self {
            name,
            restarts: Some(live_restore),
            ..Self::of_the_system()
        }
    }

    /// The system's own Docker with `userns-remap`.
    pub fn remapped() -> Self {
        Self {
            name: "docker-20.10-remapped",
            remap: Some(REMAPPED.0),
            ..Self::of_the_system()
        }
    }

    /// The two releases as ordinary users run them.
    pub fn rootless() -> Result<[Self; 2]> {
        let [of_system, of_debian_13] = rootless::USERS;
        Ok([
            Self {
                name: "rootless-20.10",
                rootless: Some(of_system),
                ..Self::of_the_system()
            },
            Self {
                name: "rootless-26.1",
                rootless: Some(of_debian_13),
                ..Self::of_debian_13()?
            },
        ])
    }

    /// Docker 26.1 from Debian 13's packages, beside the system's runc and with
    /// a crun that knows its version of the runtime specification.
    pub fn of_debian_13() -> Result<Self> {
        let unpacked = project::cache()?.join("docker-26");
        if !unpacked.join("complete").exists() {
            bail!("Docker 26 is not there; run 'scripts/setup engine26'");
        }
        Ok(Self {
            name: "docker-26.1",
            channel: Channel::Annotation,
            dockerd: unpacked.join("usr/sbin/dockerd"),
            client: unpacked.join("usr/bin/docker"),
            folders: vec![unpacked.join("usr/bin"), unpacked.join("usr/sbin")],
            crun: Some(unpacked.join("crun/usr/bin/crun")),
            remap: None,
            rootless: None,
            restarts: None,
        })
    }
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    /// What it is.
    pub release: Release,
    folder: PathBuf,
    disk: PathBuf,
    daemon: Daemon,
}

impl Engine {
    /// Starts an engine and returns at once; see [`Engine::wait_until_ready`].
    ///
    /// It is tied to the calling thread: call this from the main one.
    pub fn start(release: Release, sandbox: &Sandbox) -> Result<Self> {
        let folder = Sandbox::memory().join(release.name);
        let disk = sandbox.disk().join(release.name);
        for path in [folder.join("config"), folder.join("bin"), disk.join("tmp")] {
            fs::create_dir_all(path)?;
        }
        fs::write(
            folder.join("daemon.json"),
            daemon_json(&release).to_string(),
        )?;
        // A copy, since ordinary users must get to it.
        fs::copy(&release.client, folder.join("bin/docker"))?;
        let mut command = match release.rootless {
            Some(user) => rootless_command(&release, user, &folder, &disk)?,
            None => rootful_command(&release, &folder, &disk),
        };
        command.args(common_arguments(&folder, &disk));
        let daemon = Daemon::start(release.name, disk.join("engine.log"), &mut command)?;
        Ok(Self {
            release,
            folder,
            disk,
            daemon,
        })
    }

    /// Waits until it answers, and lets ordinary users reach it.
    pub fn wait_until_ready(&self) -> Result<()> {
        // Docker 26.1 without root does not survive `docker version` with the
        // host's network.
        self.daemon
            .wait_until(|| Ok(self.try_docker(&["ps"])?.code == 0))?;
        fs::set_permissions(self.socket(), Permissions::from_mode(0o666))?;
        Ok(())
    }

    /// The client of the same release, talking to this engine.
    pub fn client(&self) -> Command {
        let mut command = bounded(self.folder.join("bin/docker"));
        self.describe(&mut command);
        command
    }

    /// Tells a command which engine is meant, with an otherwise empty
    /// environment.
    pub fn describe(&self, command: &mut Command) {
        let path = format!("{}:{}", self.folder.join("bin").display(), SYSTEM_PATH);
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.join("config"))
            .env("DOCKER_CONFIG", self.folder.join("config"))
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()));
    }

    /// Runs a command of the client's, however it ends.
    pub fn try_docker(&self, arguments: &[&str]) -> Result<Outcome> {
        run(self.client().args(unhurried(arguments)))
    }

    /// Runs a command of the client's that must succeed; its output, trimmed.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        let output = self
            .try_docker(arguments)?
            .success()
            .with_context(|| format!("docker {arguments:?} on {}", self.release.name))?;
        Ok(output.trim_end().to_owned())
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// Its `daemon.json`.
    pub fn daemon_config(&self) -> PathBuf {
        self.folder.join("daemon.json")
    }

    /// What it keeps on disk: its data, its temporary files, its log.
    pub fn disk(&self) -> &Path {
        &self.disk
    }

    /// Its log at debug level.
    pub fn log(&self) -> PathBuf {
        self.disk.join("engine.log")
    }

    /// The process namespace of its processes.
    pub fn process_namespace(&self) -> Result<PathBuf> {
        self.daemon.process_namespace()
    }

    /// Makes it read its `daemon.json` again. It returns before that is done.
    pub fn reload(&self) -> Result<()> {
        self.daemon.signal(Signal::SIGHUP)
    }

    /// Stops it: containers, shims, mounts and cgroups go with it.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop()?;
        cgroup::remove(&cgroup::of(self.release.name));
        Ok(())
    }
}

fn rootful_command(release: &Release, folder: &Path, disk: &Path) -> Command {
    // `/tmp` is the engine's own, on disk as it is on many machines, since
    // containerd keeps the environment of an exec there for a moment.
    let script = r#"
        mount --bind "$DISK/tmp" /tmp
        [ -z "$CRUN" ] || mount --bind "$CRUN" /usr/bin/crun
        [ -n "$RESTARTS" ] || exec docker-init -s -- "$DOCKERD" "$@"
        exec docker-init -s -- sh -c 'while :; do "$0" "$@"; done' "$DOCKERD" "$@""#;
    let folders = release
        .folders
        .iter()
        .map(|path| path.display().to_string());
    let path: Vec<_> = folders.chain([SYSTEM_PATH.to_owned()]).collect();
    let mut command = Daemon::script(script);
    command
        .arg("--exec-root")
        .arg(folder.join("exec"))
        .arg("--pidfile")
        .arg(folder.join("pid"))
        .args(["--exec-opt", "native.cgroupdriver=cgroupfs"])
        .args(["--cgroup-parent", &cgroup::of(release.name)])
        .env("PATH", path.join(":"))
        .env("DISK", disk)
        .env("CRUN", release.crun.as_deref().unwrap_or(Path::new("")))
        .env("DOCKERD", &release.dockerd)
        .env("RESTARTS", release.restarts.map_or("", |_| "yes"));
    command
}

fn rootless_command(
    release: &Release,
    user: RootlessUser,
    folder: &Path,
    disk: &Path,
) -> Result<Command> {
    let unpacked = if release.folders.is_empty() {
        None
    } else {
        Some(project::cache()?.join("docker-26"))
    };
    user.engine(unpacked.as_deref(), folder, disk)
}

fn common_arguments(folder: &Path, disk: &Path) -> Vec<OsString> {
    let mut host = OsString::from("unix://");
    host.push(folder.join("docker.sock"));
    let mut all = vec![
        "--config-file".into(),
        folder.join("daemon.json").into(),
        "--data-root".into(),
        disk.join("data").into(),
        "--host".into(),
        host,
    ];
    let flags = ["none", "--iptables=false", "--ip6tables=false", "--debug"];
    all.push("--bridge".into());
    all.extend(flags.map(OsString::from));
    all
}

fn daemon_json(release: &Release) -> serde_json::Value {
    let mut settings = json!({ "runtimes": {
        "crun": { "path": "/usr/bin/crun" },
        "docker-jackin": { "path": binaries::RUNTIME },
        "docker-jackin-crun": { "path": binaries::RUNTIME_CRUN },
    }});
    if release.channel == Channel::Annotation {
        // 20.10 refuses a file that says so.
        settings["features"] = json!({ "cdi": true });
    }
    if let Some(live_restore) = release.restarts {
        settings["live-restore"] = live_restore.into();
    }
    if let Some(user) = release.remap {
        settings["userns-remap"] = user.into();
    }
    settings
}
