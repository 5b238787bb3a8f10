//! The policy on Podman: by the image, and by annotations where an image cannot
//! set them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::podman::machine::HOME;
use jackin_tests::podman::{Container, Podman};
use jackin_tests::sandbox::USER;
use libtest_mimic::Trial;

use super::with_crun;

const POLICY: &str = "/etc/docker-jackin/policy.toml";

/// In memory, as a person's own secrets need not be.
const TOKEN: &str = "/dev/shm/token-of-the-policy";

const IMAGE: &str = "localhost/acme/policy:1";

const ANNOTATION: &str = "annotations = { \"dev.jackin.policy\" = \"agents\" }";

const HOOKS: &str = "/usr/share/containers/oci/hooks.d/60-policy.json";

const HOOK: &str = r#"{
  "version": "1.0.0",
  "hook": {
    "path": "/usr/local/libexec/docker-jackin/docker-jackin-hook",
    "args": ["docker-jackin-hook", "redeem"]
  },
  "when": { "always": true },
  "stages": ["createRuntime"]
}
"#;

/// They change what holds for a whole machine.
pub(crate) fn trials_alone() -> Vec<Trial> {
    [
        with_crun("e54_the_policy_and_what_images_say", rules),
        with_crun("the_policy_by_the_hook_alone", hook_alone),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A token of the machine's ordinary user; with the policy it goes at the end.
struct Scene<'a> {
    podman: &'a Podman,
    canary: Canary,
}

impl<'a> Scene<'a> {
    fn new(podman: &'a Podman) -> Result<Self> {
        let canary = Canary::new()?;
        let scene = Self { podman, canary };
        scene.write(TOKEN, &scene.canary.oauth_token())?;
        scene.write(
            &format!("{HOME}/.docker/jackin/config.toml"),
            &format!("[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"file:{TOKEN}\"\n"),
        )?;
        podman.podman(&["tag", BASE, IMAGE])?;
        Ok(scene)
    }

    /// A file of the user's alone.
    fn write(&self, path: &str, text: &str) -> Result<()> {
        self.podman.machine.write(path, text)?;
        let file = self.podman.machine.path(path)?;
        chown(&file, Some(USER), Some(USER))?;
        fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// Logs the user in to Claude, in memory, in place of the token.
    fn log_in(&self) -> Result<()> {
        let login = serde_json::json!({ "claudeAiOauth": {
            "accessToken": self.canary.oauth_token(),
            "refreshToken": "stays here",
            "expiresAt": 4_102_444_800_000_u64,
            "scopes": ["user:inference"],
        }});
        let machine = &self.podman.machine;
        let folder = format!("{HOME}/.claude");
        fs::create_dir_all(machine.path(&folder)?)?;
        let owned = format!("mode=0700,uid={USER},gid={USER}");
        let words = ["mount", "-t", "tmpfs", "-o", &owned, "tmpfs", &folder];
        run(&mut machine.command(false, &words)?)?.success()?;
        self.write(&format!("{folder}/.credentials.json"), &login.to_string())?;
        self.write(&format!("{HOME}/.docker/jackin/config.toml"), "")
    }

    fn rule(&self, owner: &str, conditions: &str) -> Result<()> {
        let text = format!(
            "[[rule]]\nname = \"tested\"\nowner = \"{owner}\"\nagents = [\"claude\"]\n\
             [rule.match]\n{conditions}\n"
        );
        self.podman.machine.write(POLICY, &text)
    }

    /// A container through the wrapper, without a ticket.
    fn start(&self, flags: &[&str], image: &str) -> Result<Container<'a>> {
        let container = self.podman.container();
        let wrapper = self.podman.wrapper();
        let mut words = vec!["run", "-d", "--name", &container.name];
        words.extend(["--runtime", &wrapper]);
        words.extend_from_slice(flags);
        words.extend([image, "sleep", "1000"]);
        self.podman.podman(&words)?;
        Ok(container)
    }

    fn is_served(&self, container: &Container) -> Result<bool> {
        let seen = container.shell("tr '\\0' '\\n' </proc/1/environ; env; cat ~/.claude/* || :")?;
        let times = seen.matches(self.canary.text()).count();
        ensure!(times == 0 || times == 2, "{times} times in {seen}");
        Ok(times > 0)
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        let machine = &self.podman.machine;
        for path in [POLICY, TOKEN, HOOKS] {
            let _ = machine.path(path).map(fs::remove_file);
        }
        let unmount = machine.command(false, &["umount", &format!("{HOME}/.claude")]);
        let _ = unmount.map(|mut unmount| run(&mut unmount));
    }
}

fn rules(podman: &Podman) -> Result<()> {
    let scene = Scene::new(podman)?;
    let by_image = format!("image = \"{IMAGE}\"");
    scene.rule("jackin-user", &by_image)?;
    let container = scene.start(&[], IMAGE)?;
    ensure!(scene.is_served(&container)?, "its image is not served");
    container.at_once(&["restart"])?;
    ensure!(scene.is_served(&container)?, "not at a restart");
    ensure!(!scene.is_served(&scene.start(&[], BASE)?)?, "another image");

    let id = podman.podman(&["image", "inspect", "-f", "{{.Id}}", IMAGE])?;
    scene.rule(
        "jackin-user",
        &format!("digest = \"sha256:{id}\"\nengine_user = {}", podman.uid()),
    )?;
    ensure!(scene.is_served(&scene.start(&[], IMAGE)?)?, "by its digest");
    scene.rule("jackin-user", &format!("{by_image}\nengine_user = 7"))?;
    ensure!(
        !scene.is_served(&scene.start(&[], IMAGE)?)?,
        "another user's engine"
    );
    if podman.rootless {
        scene.rule("root", &by_image)?;
        ensure!(
            !scene.is_served(&scene.start(&[], IMAGE)?)?,
            "another owner"
        );
    }

    // Podman before 4.6 gives an image's annotations to its containers.
    scene.rule("jackin-user", ANNOTATION)?;
    let asking = asking_image(podman)?;
    let container = scene.start(&[], asking)?;
    ensure!(!scene.is_served(&container)?, "the image got a login");
    let copied = container
        .inspect("{{.Config.Annotations}}")?
        .contains("agents");
    let copies = podman.machine.name == "podman-4.3";
    ensure!(copied == copies, "copied: {copied}");
    let annotated = ["--annotation", "dev.jackin.policy=agents"];
    let container = scene.start(&annotated, IMAGE)?;
    ensure!(scene.is_served(&container)? != copies, "by an annotation");
    Ok(())
}

/// An image that has the rule's match wherever an image can have it.
fn asking_image(podman: &Podman) -> Result<&'static str> {
    let name = "localhost/acme/asking:1";
    let text =
        format!("FROM {BASE}\nLABEL dev.jackin.policy=agents\nENV dev.jackin.policy=agents\n");
    podman.machine.write("/run/asking/Containerfile", &text)?;
    let pair = "dev.jackin.policy=agents";
    podman.podman(&[
        "build",
        "--quiet",
        "--annotation",
        pair,
        "--tag",
        name,
        "/run/asking",
    ])?;
    Ok(name)
}

/// The hook runs for every container, and gives what needs no variable: the
/// login of the host.
fn hook_alone(podman: &Podman) -> Result<()> {
    let scene = Scene::new(podman)?;
    scene.log_in()?;
    podman.machine.write(HOOKS, HOOK)?;
    scene.rule("jackin-user", &format!("image = \"{IMAGE}\""))?;
    let start = |image: &str| {
        let container = podman.container();
        // crun itself tells no more of a hook than its exit code.
        let said = format!("{HOME}/{}", container.name);
        let pair = format!("run.oci.hooks.stderr={said}");
        let words = [
            "run",
            "-d",
            "--name",
            &container.name,
            "--annotation",
            &pair,
        ];
        let rest = ["--runtime", podman.low_level, image, "sleep", "1000"];
        let started = podman.podman(&[&words[..], &rest].concat());
        let said = fs::read_to_string(podman.machine.path(&said)?).unwrap_or_default();
        started.context(said)?;
        Ok::<_, anyhow::Error>(container)
    };
    let login = "cat ~/.claude/.credentials.json 2>/dev/null; tr '\\0' '\\n' </proc/1/environ";
    let has = |container: &Container| {
        let seen = container.shell(login)?;
        Ok::<_, anyhow::Error>(seen.matches(scene.canary.text()).count())
    };
    let container = start(IMAGE)?;
    ensure!(has(&container)? == 1, "not served");
    ensure!(has(&start(BASE)?)? == 0, "another image is served");
    let state = podman
        .engine_folder()?
        .join("containers")
        .join(container.id()?);
    ensure!(state.exists(), "nothing is kept for it");
    podman.machine.write(POLICY, "# none\n")?;
    container.at_once(&["restart"])?;
    ensure!(has(&container)? == 0, "served without a rule");
    ensure!(!state.exists(), "it is kept without a rule");
    Ok(())
}
