//! A node as `share/kubernetes` prepares it: a Secret as the source of a login,
//! and a policy's rule that gives it to pods.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::containerd::{Containerd, HANDLER};
use jackin_tests::cri::messages::{BIDIRECTIONAL, Mount};
use jackin_tests::pod::{Pod, PodContainer, Wanted, words};
use jackin_tests::processes::Watch;
use jackin_tests::project;
use jackin_tests::rig::unique;
use jackin_tests::rootless::{RootlessUser, USERS};
use jackin_tests::sandbox::Sandbox;
use jackin_tests::search::files;
use libtest_mimic::Trial;

use super::on_each_containerd;

pub(super) fn trials() -> Vec<Trial> {
    on_each_containerd(
        "cri::e31_e44_a_pod_is_served_by_a_rule_from_a_secret",
        served,
    )
}

const POLICY: &str = "/etc/docker-jackin/policy.toml";

/// Where the pods of `login.yaml` show a Secret on the node.
const SECRETS: &str = "/run/docker-jackin-secrets";

const TOKEN: &str = "env | sed -n s/^CLAUDE_CODE_OAUTH_TOKEN=//p";

fn served(containerd: &Arc<Containerd>) -> Result<()> {
    let first = Canary::new()?;
    let secret = Secret::new(&first)?;
    let _policy = Policy::write(USERS[0])?;
    let (shower, shown) = show(containerd, &secret)?;

    let asks = [("dev.jackin.policy", "agents")];
    let pod = Pod::start_in("agents", containerd, HANDLER, &asks)?;
    let container = pod.run(&Wanted::default(), 0)?;
    has_token(&container, Some(&first))?;
    // Another namespace, and a pod that does not ask.
    for (namespace, annotations) in [("default", &asks[..]), ("agents", &[])] {
        let pod = Pod::start_in(namespace, containerd, HANDLER, annotations)?;
        has_token(&pod.run(&Wanted::default(), 0)?, None)?;
    }
    // A container that ended is started again, after the Secret was changed.
    let second = Canary::new()?;
    let watch = Watch::beside(containerd.daemon().process_namespace()?, &second)?;
    secret.change(&second)?;
    container.end()?;
    let container = pod.run(&Wanted::default(), 1)?;
    has_token(&container, Some(&second))?;
    container.end()?;
    // Without the Secret there is no login, and the pod's events say why.
    shower.end_gently(&shown)?;
    let Err(error) = pod.run(&Wanted::default(), 2) else {
        bail!("it was started without its login");
    };
    let message = format!("{error:#}");
    let reason = "rule pods of the policy";
    ensure!(message.contains(reason), "{message}");
    pod.remove()?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    for canary in [&first, &second] {
        let mut found = Vec::new();
        for root in [containerd.disk(), &containerd.state()] {
            files(root, None, &canary.finder(), &mut found)?;
        }
        ensure!(found.is_empty(), "{found:?}");
    }
    Ok(())
}

/// Proves what token a container has, in its first process and in an exec.
fn has_token(container: &PodContainer, canary: Option<&Canary>) -> Result<()> {
    let wanted = canary.map(Canary::oauth_token).unwrap_or_default();
    let own = format!("tr '\\0' '\\n' </proc/1/environ | {}", &TOKEN[6..]);
    for script in [TOKEN, &own] {
        let seen = container.shell(script)?;
        ensure!(seen == wanted, "{script}: {seen:?}, not {wanted:?}");
    }
    Ok(())
}

/// A Secret as the kubelet mounts it for a pod: a folder in memory, whose
/// content is replaced as a whole by another link.
struct Secret(PathBuf);

impl Secret {
    fn new(canary: &Canary) -> Result<Self> {
        let volumes = Sandbox::memory().join(unique("kubelet"));
        let folder = volumes.join("volumes/kubernetes.io~secret/secret");
        fs::create_dir_all(&folder)?;
        symlink("..data/token", folder.join("token"))?;
        let secret = Self(folder);
        secret.change(canary)?;
        Ok(secret)
    }

    fn change(&self, canary: &Canary) -> Result<()> {
        let version = unique("..version");
        let folder = self.0.join(&version);
        fs::create_dir(&folder)?;
        let file = folder.join("token");
        fs::write(&file, canary.oauth_token())?;
        // What `fsGroup` and `defaultMode` of login.yaml say.
        fs::set_permissions(&file, Permissions::from_mode(0o440))?;
        chown(&file, None, Some(USERS[0].uid))?;
        symlink(&version, self.0.join("..data_tmp"))?;
        fs::rename(self.0.join("..data_tmp"), self.0.join("..data"))?;
        Ok(())
    }
}

/// Runs the script of `login.yaml` as its pod does; the pod, and its container's
/// id.
fn show(containerd: &Arc<Containerd>, secret: &Secret) -> Result<(Pod, String)> {
    let mount = |inside: &str, outside: &Path| Mount {
        container_path: inside.to_owned(),
        host_path: outside.display().to_string(),
        ..Mount::default()
    };
    let secret = Mount {
        readonly: true,
        ..mount("/secret", &secret.0)
    };
    let node = Mount {
        propagation: BIDIRECTIONAL,
        ..mount("/node", Path::new(SECRETS))
    };
    fs::create_dir_all(SECRETS)?;
    let wanted = Wanted {
        command: words(&["sh", "-c", &script()?]),
        mounts: vec![secret, node],
        privileged: true,
        ..Wanted::default()
    };
    let pod = Pod::start(containerd, "runc", &[])?;
    let id = pod.run(&wanted, 0)?.id;
    let init = containerd.daemon().init()?;
    let token = format!("/proc/{init}/root{SECRETS}/claude/token");
    for _ in 0..100 {
        if fs::read(&token).is_ok() {
            return Ok((pod, id));
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("{token} is not there")
}

/// The script in `login.yaml`: what stands below `- |`, less its indentation.
fn script() -> Result<String> {
    let text = shared("login.yaml")?;
    let (_, below) = text.split_once("- |\n").context("no script")?;
    let indent = below.len() - below.trim_start().len();
    let lines = below.lines().take_while(|line| {
        let own = line.len() - line.trim_start().len();
        own >= indent
    });
    let lines: Vec<_> = lines.filter_map(|line| line.get(indent..)).collect();
    Ok(lines.join("\n"))
}

fn shared(name: &str) -> Result<String> {
    let path = project::root().join("share/kubernetes").join(name);
    fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
}

/// The policy of `share/kubernetes` and its owner's configuration, for as long
/// as this lives.
struct Policy;

impl Policy {
    fn write(owner: RootlessUser) -> Result<Self> {
        let folder = owner.home().join(".docker/jackin");
        let made = owner.command("mkdir").arg("-p").arg(&folder).status()?;
        ensure!(made.success(), "no folder for the configuration");
        let config = folder.join("config.toml");
        fs::write(&config, shared("config.toml")?)?;
        fs::set_permissions(&config, Permissions::from_mode(0o600))?;
        chown(&config, Some(owner.uid), Some(owner.uid))?;
        let text = shared("policy.toml")?;
        let ours = format!("owner = \"{}\"", owner.name);
        let own = text.replace("owner = \"docker-jackin\"", &ours);
        ensure!(own != text, "the policy has another owner");
        fs::write(POLICY, own)?;
        Ok(Self)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = fs::remove_file(POLICY);
    }
}
