//! A private containerd with its CRI plugin, as a Kubernetes node has one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::command::{bounded, run};
use crate::cri::Client;
use crate::daemon::{Daemon, SYSTEM_PATH};
use crate::oci_archive::OciImage;
use crate::sandbox::Sandbox;
use crate::{binaries, cgroup, project};

/// The image of pods' sandboxes.
pub const PAUSE: &str = "jackin.example/pause:1";

/// The image of pods' containers, which is [`crate::image::BASE`].
pub const BASE: &str = "jackin.example/base:1";

/// The handler that `share/kubernetes` configures.
pub const HANDLER: &str = "docker-jackin";

/// The same wrapper without annotations let through.
pub const HANDLER_WITHOUT_ANNOTATIONS: &str = "without-annotations";

/// containerd's namespace of the pods.
const PODS: &str = "k8s.io";

/// One release of containerd.
#[derive(Debug, Clone)]
pub struct Release {
    /// A short name, for the tests' names.
    pub name: &'static str,
    folder: PathBuf,
}

impl Release {
    /// The system's own (1.6 on Debian 12).
    pub fn of_the_system() -> Self {
        Self {
            name: "containerd-1.6",
            folder: "/usr/bin".into(),
        }
    }

    /// 1.7 from Debian 13's packages.
    pub fn of_debian_13() -> Result<Self> {
        let unpacked = project::cache()?.join("docker-26");
        ensure!(
            unpacked.join("complete").exists(),
            "containerd 1.7 is not there; run 'scripts/setup engine26'"
        );
        Ok(Self {
            name: "containerd-1.7",
            folder: unpacked.join("usr/bin"),
        })
    }
}

/// A running containerd.
#[derive(Debug)]
pub struct Containerd {
    /// What it is.
    pub release: Release,
    folder: PathBuf,
    disk: PathBuf,
    daemon: Daemon,
}

impl Containerd {
    /// Starts one, waits until it answers, and gives it its images, made of the
    /// tar of a root file system.
    ///
    /// It is tied to the calling thread, and ends with that.
    pub fn start(release: Release, sandbox: &Sandbox, tar: &Path) -> Result<Self> {
        let folder = Sandbox::memory().join(release.name);
        let disk = sandbox.disk().join(release.name);
        for path in [folder.clone(), disk.join("tmp"), disk.join("pods")] {
            fs::create_dir_all(path)?;
        }
        let config = configuration(&folder, &disk)?;
        fs::write(folder.join("config.toml"), config)?;
        let daemon = spawn(&release, &folder, &disk)?;
        let containerd = Self {
            release,
            folder,
            disk,
            daemon,
        };
        let ready = || Ok(containerd.connect().is_ok_and(|client| client.ready()));
        containerd.daemon.wait_until(ready)?;
        containerd.import_own(tar)?;
        Ok(containerd)
    }

    /// A connection to its CRI endpoint.
    pub fn connect(&self) -> Result<Client> {
        Client::connect(&self.socket())
    }

    /// `ctr` of the same release, in a namespace of containerd's that is not
    /// the pods'.
    pub fn ctr(&self) -> Result<Command> {
        // Its own is also the name of the containers' cgroup, which must be one
        // that can be told from others.
        self.ctr_in(cgroup::of(self.release.name).trim_start_matches('/'))
    }

    /// Imports an image for pods.
    pub fn import(&self, image: &OciImage) -> Result<()> {
        let archive = image.write(&self.disk)?;
        self.import_archive(PODS, &archive)?;
        fs::remove_file(archive)?;
        Ok(())
    }

    /// The bundle of a pod's running container or sandbox.
    pub fn bundle(&self, id: &str) -> PathBuf {
        let tasks = "state/io.containerd.runtime.v2.task";
        self.folder.join(tasks).join(PODS).join(id)
    }

    /// What it has in memory: its state, with the bundles.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// What it keeps on disk: images, databases, temporary files, pods' logs.
    pub fn disk(&self) -> &Path {
        &self.disk
    }

    /// Where its pods' logs lie, on disk.
    pub fn pod_logs(&self) -> PathBuf {
        self.disk.join("pods")
    }

    /// The cgroup of its pods.
    pub fn cgroup(&self) -> String {
        cgroup::of(self.release.name)
    }

    /// Its log at debug level, on disk as well.
    pub fn log(&self) -> &Path {
        self.daemon.log()
    }

    /// The daemon itself.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Stops it: shims and containers go with it.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop()?;
        cgroup::remove(&self.cgroup());
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("containerd.sock")
    }

    fn ctr_in(&self, namespace: &str) -> Result<Command> {
        let mut command = bounded("nsenter");
        // The pipes of a container are made where the shim looks for them.
        command.args(["--mount", "--pid", "--target"]);
        command.arg(self.daemon.init()?.to_string());
        command.arg(self.release.folder.join("ctr"));
        command.arg("--address").arg(self.socket());
        command.args(["--namespace", namespace]);
        command.env_clear().env("PATH", SYSTEM_PATH);
        Ok(command)
    }

    fn import_own(&self, tar: &Path) -> Result<()> {
        let image = |name, command: &[&str]| OciImage {
            name,
            layer: tar,
            config: json!({ "Env": ["PATH=/bin"], "Cmd": command }),
            annotations: json!({}),
        };
        self.import(&image(PAUSE, &["sleep", "100000"]))?;
        let base = image(BASE, &["sh"]).write(&self.disk)?;
        let own = cgroup::of(self.release.name);
        for namespace in [PODS, own.trim_start_matches('/')] {
            self.import_archive(namespace, &base)?;
        }
        fs::remove_file(base)?;
        Ok(())
    }

    fn import_archive(&self, namespace: &str, archive: &Path) -> Result<()> {
        let mut ctr = self.ctr_in(namespace)?;
        run(ctr.args(["images", "import"]).arg(archive))?
            .success()
            .with_context(|| format!("no import into {}", self.release.name))?;
        Ok(())
    }
}

fn spawn(release: &Release, folder: &Path, disk: &Path) -> Result<Daemon> {
    // The shims' sockets and the runtime's state always lie in /run/containerd,
    // and `/tmp` is on disk, as it is on many machines.
    let script = r#"
        mount --bind "$DISK/tmp" /tmp
        mkdir -p /run/containerd
        mount -t tmpfs tmpfs /run/containerd
        # As with systemd: what a pod mounts below may show on the node.
        mount --make-shared /run
        exec docker-init -s -- containerd "$@""#;
    let mut command = Daemon::script(script);
    let path = format!("{}:{SYSTEM_PATH}", release.folder.display());
    command
        .arg("--config")
        .arg(folder.join("config.toml"))
        .env("PATH", path)
        .env("DISK", disk);
    Daemon::start(release.name, disk.join("containerd.log"), &mut command)
}

/// Its configuration: what a private one needs, and the handler as
/// `share/kubernetes` has it for a node.
fn configuration(folder: &Path, disk: &Path) -> Result<String> {
    let fragment = project::root().join("share/kubernetes/containerd-config-v2.toml");
    let fragment = fs::read_to_string(&fragment)?;
    let folder = folder.display();
    let disk = disk.display();
    let wrapper = binaries::RUNTIME;
    Ok(format!(
        r#"version = 2
root = "{disk}/root"
state = "{folder}/state"
[grpc]
address = "{folder}/containerd.sock"
[debug]
level = "debug"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
# Nobody here may lower it, root included.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{HANDLER_WITHOUT_ANNOTATIONS}]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{HANDLER_WITHOUT_ANNOTATIONS}.options]
BinaryName = "{wrapper}"

{fragment}"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings of a file of `share/kubernetes`, without its comments.
    fn settings(name: &str) -> String {
        let path = project::root().join("share/kubernetes").join(name);
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_fragments_for_both_versions_say_the_same() {
        let [old, new] = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"];
        let second = settings("containerd-config-v2.toml");
        assert!(second.contains(&format!("runtimes.{HANDLER}]")));
        assert!(second.contains(&format!("BinaryName = \"{}\"", binaries::RUNTIME)));
        let third = settings("containerd-config-v3.toml");
        assert_eq!(second.replace(old, new), third);
    }

    #[test]
    fn the_objects_of_kubernetes_name_each_other() {
        assert!(settings("runtime-class.yaml").contains(&format!("handler: {HANDLER}")));
        let pod = settings("pod.yaml");
        assert!(pod.contains(&format!("runtimeClassName: {HANDLER}")));
        assert!(pod.contains("dev.jackin.policy: agents"));
        assert!(pod.contains("namespace: agents"));
        let secrets = settings("login.yaml");
        assert!(secrets.contains("path: /run/docker-jackin-secrets"));
        assert!(secrets.contains("place=/node/claude"));
        let token = "file:/run/docker-jackin-secrets/claude/token";
        assert!(settings("config.toml").contains(token));
        let crio = settings("crio-50-docker-jackin.conf");
        assert!(crio.contains(&format!("[crio.runtime.runtimes.{HANDLER}]")));
        // CRI-O takes none but its own in there (`config.go`,
        // `validateAllowedAndGenerateDisallowedAnnotations`).
        assert!(!crio.contains("allowed_annotations"));
    }
}
