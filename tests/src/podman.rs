//! Podman, as root and as an ordinary user, with either low-level runtime.

pub mod machine;
pub mod search;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use jackin_oci_hook::payload::Payload;
use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, Handle, Ticket};

use crate::binaries;
use crate::command::{Outcome, run};
use crate::image::BASE;
use crate::rig::unique;
use crate::sandbox::USER;
use crate::staging;
use machine::{HOME, Machine};

/// Limits that fit into the low ones of a small machine, and nothing that asks
/// for a network or for systemd.
const SETTINGS: &str = r#"[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

/// One Podman, and the low-level runtime that its containers get.
#[derive(Debug, Clone)]
pub struct Podman {
    /// Where it runs.
    pub machine: Arc<Machine>,
    /// Whether an ordinary user runs it.
    pub rootless: bool,
    /// `runc` or `crun`.
    pub low_level: &'static str,
}

impl Podman {
    /// Every Podman of the machines with every runtime.
    pub fn all(machines: &[Arc<Machine>]) -> Vec<Self> {
        let mut all = Vec::new();
        for machine in machines {
            for rootless in [false, true] {
                for low_level in ["crun", "runc"] {
                    let machine = Arc::clone(machine);
                    all.push(Self {
                        machine,
                        rootless,
                        low_level,
                    });
                }
            }
        }
        all
    }

    /// Waits until its machine is up and has the products and an image.
    pub fn prepare(&self, base: &Path) -> Result<()> {
        self.machine.prepare(|machine| configure(machine, base))
    }

    /// For a test's name.
    pub fn name(&self) -> String {
        let whose = if self.rootless { "rootless" } else { "rootful" };
        format!("{} {whose} {}", self.machine.name, self.low_level)
    }

    /// Who runs it.
    pub fn uid(&self) -> u32 {
        if self.rootless { USER } else { 0 }
    }

    /// What the wrapper around the low-level runtime is called.
    pub fn wrapper(&self) -> String {
        format!("docker-jackin-{}", self.low_level)
    }

    /// `podman …`.
    pub fn client(&self, arguments: &[&str]) -> Result<Command> {
        let parent = self.machine.cgroup();
        let mut words = vec!["podman"];
        words.extend_from_slice(arguments);
        // An ordinary user has no cgroups in version 1.
        if !self.rootless && matches!(arguments, ["run" | "create", ..]) {
            words.splice(2..2, ["--cgroup-parent", &parent]);
        }
        self.machine.command(self.rootless, &words)
    }

    /// Runs a command of Podman's, however it ends.
    pub fn try_podman(&self, arguments: &[&str]) -> Result<Outcome> {
        run(&mut self.client(arguments)?)
    }

    /// Runs a command of Podman's that must succeed; its output, trimmed.
    pub fn podman(&self, arguments: &[&str]) -> Result<String> {
        let output = self
            .try_podman(arguments)?
            .success()
            .with_context(|| format!("podman {arguments:?} on {}", self.name()))?;
        Ok(output.trim_end().to_owned())
    }

    /// A ticket of the user's who runs it.
    pub fn ticket(&self, payload: Payload) -> Result<Ticket> {
        staging::ticket(self.uid(), payload)
    }

    /// Puts a ticket where its owner would have put it on the machine.
    pub fn stage(&self, ticket: &Ticket) -> Result<Handle> {
        let root = self.machine.path("/")?;
        staging::stage_on(&root, ticket)
    }

    /// Where a ticket lies, or would lie.
    pub fn place(&self, handle: &Handle) -> Result<PathBuf> {
        staging::place_on(&self.machine.path("/")?, handle)
    }

    /// The pair for `--annotation` that names a ticket.
    pub fn annotation(handle: &Handle) -> String {
        format!("{HANDLE_ANNOTATION}={}", handle.expose())
    }

    /// `podman run` with the wrapper and a handle.
    pub fn run_with(&self, handle: &Handle, arguments: &[&str]) -> Result<Outcome> {
        let (wrapper, pair) = (self.wrapper(), Self::annotation(handle));
        let mut words = vec!["run", "--runtime", &wrapper, "--annotation", &pair];
        words.extend_from_slice(arguments);
        self.try_podman(&words)
    }

    /// The same without the wrapper, for what the hook does alone.
    pub fn run_hooked(&self, handle: &Handle, arguments: &[&str]) -> Result<Outcome> {
        let pair = Self::annotation(handle);
        let mut words = vec!["run", "--runtime", self.low_level, "--annotation", &pair];
        words.extend_from_slice(arguments);
        self.try_podman(&words)
    }

    /// A container's name that no other has. It is removed when dropped.
    pub fn container(&self) -> Container<'_> {
        Container {
            podman: self,
            name: unique("jackin"),
        }
    }

    /// The folder of the engine's side.
    pub fn engine_folder(&self) -> Result<PathBuf> {
        self.machine.path(&if self.rootless {
            format!("/run/user/{USER}/docker-jackin/engine")
        } else {
            "/run/docker-jackin".to_owned()
        })
    }
}

/// A container that goes with its test.
#[derive(Debug)]
pub struct Container<'a> {
    podman: &'a Podman,
    /// What it is called.
    pub name: String,
}

impl<'a> Container<'a> {
    /// Whose it is.
    pub fn podman(&self) -> &'a Podman {
        self.podman
    }

    /// Starts it in the background through the wrapper.
    pub fn start(&self, payload: Payload, arguments: &[&str]) -> Result<()> {
        let handle = self.podman.stage(&self.podman.ticket(payload)?)?;
        let mut words = vec!["-d", "--name", &self.name];
        words.extend_from_slice(arguments);
        self.podman.run_with(&handle, &words)?.success()?;
        Ok(())
    }

    /// Runs a shell's script in it; what it prints, trimmed.
    pub fn shell(&self, script: &str) -> Result<String> {
        self.podman
            .podman(&["exec", &self.name, "sh", "-c", script])
    }

    /// Its full id.
    pub fn id(&self) -> Result<String> {
        self.inspect("{{.Id}}")
    }

    /// What `podman inspect` says in a format.
    pub fn inspect(&self, format: &str) -> Result<String> {
        let words = ["container", "inspect", "-f", format, &self.name];
        self.podman.podman(&words)
    }

    /// `podman <verb> -t 0` of it: for `stop`, `restart`, and `rm --force`.
    pub fn at_once(&self, verb: &[&str]) -> Result<()> {
        let mut words = verb.to_vec();
        words.extend(["-t", "0", &self.name]);
        self.podman.podman(&words)?;
        Ok(())
    }

    /// Removes it, running or not.
    pub fn remove(&self) -> Result<()> {
        self.at_once(&["rm", "--force"])
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// Registers the products on a machine and gives both of its Podmans an image.
fn configure(machine: &Machine, tar: &Path) -> Result<()> {
    let settings = "/etc/containers/containers.conf.d";
    machine.write(&format!("{settings}/10-tests.conf"), SETTINGS)?;
    machine.write(&format!("{settings}/50-docker-jackin.conf"), &runtimes())?;
    machine.write(
        "/usr/share/containers/oci/hooks.d/50-docker-jackin.json",
        HOOK,
    )?;
    binaries::configure(&machine.path(binaries::RUNTIME_CONFIG)?, binaries::RUNC)?;
    fs::copy(tar, machine.path("/run/base.tar")?)?;
    for rootless in [false, true] {
        let import = ["podman", "import", "--quiet", "/run/base.tar", BASE];
        run(&mut machine.command(rootless, &import)?)?
            .success()
            .context("failed to import the base image")?;
    }
    fs::remove_file(machine.path("/run/base.tar")?)?;
    for storage in [
        "/var/lib/containers",
        &format!("{HOME}/.local/share/containers"),
    ] {
        open_layers(&machine.path(storage)?)?;
    }
    Ok(())
}

/// Lets every user pass the folders of vfs's layers, as Podman itself does
/// sooner or later. Until then each container that is made gives them to its
/// own root alone, and takes them from another in a user namespace that is just
/// starting, which fails: "make `…` private: Permission denied".
fn open_layers(storage: &Path) -> Result<()> {
    let folders = ["storage/vfs", "storage/vfs/dir"].map(|folder| storage.join(folder));
    // With overlay there are none.
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        fs::set_permissions(folder, Permissions::from_mode(0o711))?;
    }
    Ok(())
}

fn runtimes() -> String {
    let program = binaries::RUNTIME;
    format!(
        r#"[engine]
runtime_supports_json = ["crun", "runc", "kata", "runsc", "youki", "krun", "docker-jackin", "docker-jackin-runc", "docker-jackin-crun"]
runtime_supports_nocgroup = ["crun", "krun", "docker-jackin", "docker-jackin-crun"]
[engine.runtimes]
docker-jackin = ["{program}"]
docker-jackin-runc = ["{program}-runc"]
docker-jackin-crun = ["{program}-crun"]
"#
    )
}

const HOOK: &str = r#"{
  "version": "1.0.0",
  "hook": {
    "path": "/usr/local/libexec/docker-jackin/docker-jackin-hook",
    "args": ["docker-jackin-hook", "redeem"]
  },
  "when": { "annotations": { "^dev\\.jackin\\.ticket$": ".+" } },
  "stages": ["createRuntime"]
}
"#;
