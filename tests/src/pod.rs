//! A pod, started and restarted as the kubelet does it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::command::Outcome;
use crate::containerd::{BASE, Containerd};
use crate::cri::Client;
use crate::cri::messages::{
    CONTAINER, ContainerConfig, ContainerMetadata, CreateContainerRequest, ImageSpec, KeyValue,
    LinuxContainerConfig, LinuxContainerSecurityContext, LinuxPodSandboxConfig,
    LinuxSandboxSecurityContext, Mount, NODE, NamespaceOption, PodSandboxConfig,
    PodSandboxMetadata,
};
use crate::rig::unique;

/// Annotations, as a pod or a container has them.
pub type Annotations<'a> = &'a [(&'a str, &'a str)];

/// What a container of a pod is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its image's name.
    pub image: &'static str,
    /// What runs in it.
    pub command: Vec<String>,
    /// As whom, by name; empty for the image's own user.
    pub user: &'static str,
    /// Its variables.
    pub envs: Vec<KeyValue>,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    /// Its own annotations.
    pub annotations: HashMap<String, String>,
    /// Whether it may do what root may.
    pub privileged: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            image: BASE,
            command: words(&["sh", "-c", "echo started; exec sleep 1000"]),
            user: "",
            envs: Vec::new(),
            mounts: Vec::new(),
            annotations: HashMap::new(),
            privileged: false,
        }
    }
}

/// A running pod, which goes with its test.
#[derive(Debug)]
pub struct Pod {
    containerd: Arc<Containerd>,
    client: Client,
    config: PodSandboxConfig,
    /// The id of its sandbox.
    pub id: String,
}

impl Pod {
    /// Starts a pod's sandbox with a runtime's handler, `runc` or another.
    pub fn start(
        containerd: &Arc<Containerd>,
        handler: &str,
        annotations: Annotations,
    ) -> Result<Self> {
        Self::start_in("default", containerd, handler, annotations)
    }

    /// The same in a namespace of Kubernetes'.
    pub fn start_in(
        namespace: &str,
        containerd: &Arc<Containerd>,
        handler: &str,
        annotations: Annotations,
    ) -> Result<Self> {
        let client = containerd.connect()?;
        let name = unique("pod");
        let security_context = LinuxSandboxSecurityContext {
            namespace_options: Some(namespaces()),
            privileged: true,
        };
        let config = PodSandboxConfig {
            log_directory: containerd.pod_logs().join(&name).display().to_string(),
            metadata: Some(PodSandboxMetadata {
                uid: format!("uid-of-{name}"),
                name,
                namespace: namespace.to_owned(),
            }),
            annotations: map(annotations),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: containerd.cgroup(),
                security_context: Some(security_context),
            }),
        };
        let id = client.run_sandbox(config.clone(), handler)?;
        Ok(Self {
            containerd: Arc::clone(containerd),
            client,
            config,
            id,
        })
    }

    /// Starts a container in it. `attempt` counts how often it was started in
    /// this pod before.
    pub fn run(&self, wanted: &Wanted, attempt: u32) -> Result<PodContainer<'_>> {
        let security_context = LinuxContainerSecurityContext {
            privileged: wanted.privileged,
            namespace_options: Some(namespaces()),
            run_as_username: wanted.user.to_owned(),
        };
        let metadata = ContainerMetadata {
            name: "main".to_owned(),
            attempt,
        };
        let config = ContainerConfig {
            metadata: Some(metadata),
            image: Some(ImageSpec {
                image: wanted.image.to_owned(),
            }),
            command: wanted.command.clone(),
            envs: wanted.envs.clone(),
            mounts: wanted.mounts.clone(),
            annotations: wanted.annotations.clone(),
            log_path: format!("main-{attempt}.log"),
            linux: Some(LinuxContainerConfig {
                security_context: Some(security_context),
            }),
        };
        let request = CreateContainerRequest {
            pod_sandbox_id: self.id.clone(),
            config: Some(config),
            sandbox_config: Some(self.config.clone()),
        };
        let id = self.client.create(request)?;
        let container = PodContainer { pod: self, id };
        self.client.start(&container.id)?;
        Ok(container)
    }

    /// Everything that the engine tells of the sandbox.
    pub fn status(&self) -> Result<String> {
        self.client.sandbox_status(&self.id)
    }

    /// The text of a running sandbox's or container's `config.json`.
    pub fn config_of(&self, id: &str) -> Result<String> {
        let path = self.containerd.bundle(id).join("config.json");
        std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    }

    /// Where its containers' logs lie.
    pub fn logs(&self) -> PathBuf {
        self.config.log_directory.as_str().into()
    }

    /// Ends it as the kubelet does, which lets a container see to its end first.
    pub fn end_gently(&self, container: &str) -> Result<()> {
        self.client.stop(container, 30)?;
        self.remove()
    }

    /// Ends it at once, with all of its containers.
    pub fn remove(&self) -> Result<()> {
        self.client.remove_sandbox(&self.id)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// A container of a pod.
#[derive(Debug)]
pub struct PodContainer<'a> {
    pod: &'a Pod,
    /// Its id.
    pub id: String,
}

impl PodContainer<'_> {
    /// Runs a command in it, however it ends.
    pub fn exec(&self, command: &[&str]) -> Result<Outcome> {
        self.pod.client.exec(&self.id, command)
    }

    /// Runs a shell's script in it; what it prints, trimmed.
    pub fn shell(&self, script: &str) -> Result<String> {
        let output = self.exec(&["sh", "-c", script])?.success()?;
        Ok(output.trim_end().to_owned())
    }

    /// Everything that the engine tells of it.
    pub fn status(&self) -> Result<String> {
        self.pod.client.status(&self.id)
    }

    /// Stops and removes it.
    pub fn end(self) -> Result<()> {
        self.pod.client.stop(&self.id, 0)?;
        self.pod.client.remove(&self.id)
    }
}

/// Owned words.
pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn map(annotations: Annotations) -> HashMap<String, String> {
    let owned = annotations
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()));
    owned.collect()
}

/// The node's network, so that none has to be set up.
fn namespaces() -> NamespaceOption {
    NamespaceOption {
        network: NODE,
        pid: CONTAINER,
    }
}
