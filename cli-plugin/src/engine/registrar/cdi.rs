//! A device of the Container Device Interface: `--device jackin.dev/agent=login`
//! makes an engine run the hook, whatever its runtime.
//!
//! A device's name is everybody's who may use the engine: the file carries a
//! hook and no secret, and the hook serves nobody without a ticket.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::hooks_d::{ENVIRONMENT, HOOK};
use super::own_file::{Found, OwnFile};
use super::{EngineName, Part, Plan, Registrar, Wanted};
use crate::engine::client::{Engine, EngineInfo, connect};
use crate::engine::context::{Surroundings, resolve};
use crate::engine::owner::Owner;
use crate::failure::{Failure, Kind};

/// The folder that engines read for CDI.
const FILE: &str = "/etc/cdi/docker-jackin.json";

/// The kind of device.
const KIND: &str = "jackin.dev/agent";

/// The device.
const NAME: &str = "login";

/// The newest version that Docker 25 and containerd 1.7 know.
const VERSION: &str = "0.5.0";

/// The device's file, and what Docker says of CDI.
pub struct Cdi {
    file: OwnFile,
    docker: Option<(Engine, EngineInfo, String)>,
}

impl Cdi {
    /// Looks for the file, and asks the Docker engine that is chosen here, if
    /// one answers.
    pub fn find(around: &Surroundings<'_>) -> Self {
        let asked = || {
            let target = resolve(around).ok()?;
            let engine = connect(target.local().ok()?).ok()?;
            let info = engine.info().ok()?;
            Some((engine, info, target.endpoint.to_string()))
        };
        Self {
            file: file(),
            docker: asked(),
        }
    }

    /// What has to be known of Docker, which reads the file only when told to.
    fn note_on_docker(&self) -> Option<String> {
        let (_, info, endpoint) = self.docker.as_ref()?;
        let folder = Path::new(FILE).parent()?;
        if info.cdi_folders.iter().any(|known| known == folder) {
            return Some(format!("the Docker engine at {endpoint} reads it"));
        }
        Some(format!(
            "the Docker engine at {endpoint} ({}) does not read {}: it needs Docker 25 or newer \
             and, before 28.2, \"features\": {{\"cdi\": true}} in its daemon.json and a restart",
            info.version,
            folder.display()
        ))
    }

    fn require_unused(&self) -> Result<(), Failure> {
        let Some((engine, ..)) = &self.docker else {
            return Ok(());
        };
        let users = engine.containers_with_device(&device())?;
        if users.is_empty() {
            return Ok(());
        }
        let message = format!(
            "cannot uninstall: these containers have the device {}, and would not start again: {}",
            device(),
            users.join(", ")
        );
        Err(Failure::new(Kind::Configuration, message)
            .hint("remove them first with: docker rm -f NAME"))
    }
}

impl Registrar for Cdi {
    fn name(&self) -> EngineName {
        EngineName::Cdi
    }

    fn owner(&self) -> &Owner {
        &Owner::Root
    }

    fn install(&self, wanted: &Wanted) -> Result<Plan<'_>, Failure> {
        if wanted.default_runtime {
            let message = "--default-runtime is no setting of CDI, which adds a hook to a container and \
                 leaves its runtime alone";
            return Err(Failure::new(Kind::Usage, message));
        }
        let mut plan = Plan::new(format!("the device {} is registered in {FILE}", device()));
        plan.change(self.file.put(text(&wanted.installation.hook))?);
        plan.say(format!("registered the device {} in {FILE}", device()));
        if let Some(note) = self.note_on_docker() {
            plan.follow_up(note);
        }
        plan.follow_up(format!(
            "use it with: --device {} --annotation dev.jackin.ticket=HANDLE, of a ticket from: \
             docker jackin ticket --format handle",
            device()
        ));
        Ok(plan)
    }

    fn uninstall(&self) -> Result<Plan<'_>, Failure> {
        let mut plan = Plan::new(format!("nothing of docker-jackin is registered in {FILE}"));
        let change = self.file.remove()?;
        if change.is_needed() {
            self.require_unused()?;
        }
        plan.change(change);
        plan.say(format!("removed {FILE}"));
        Ok(plan)
    }

    fn describe(&self) -> Part {
        let mut part = Part::new(EngineName::Cdi);
        match self.file.find() {
            Ok(Found::Ours(text)) => {
                if let Some(hook) = named_hook(&text) {
                    part.require_program(&hook, Path::new(FILE));
                }
                part.registered = true;
                part.files = vec![FILE.into()];
                part.found = Some(format!("device {}", device()));
                part.notes.extend(self.note_on_docker());
            }
            Ok(Found::Missing) => {}
            Ok(Found::NotOurs) => part.problems.push(format!(
                "{FILE} is not one of docker-jackin's own; rename it"
            )),
            Err(failure) => part.problems.push(failure.to_string()),
        }
        part
    }
}

/// Whether the device is registered.
pub fn is_registered() -> bool {
    file().is_there()
}

fn file() -> OwnFile {
    OwnFile::told_by(FILE, |text| {
        let content: Value = serde_json::from_str(text).unwrap_or_default();
        content["kind"] == KIND
    })
}

/// The hook that the file names.
fn named_hook(text: &str) -> Option<PathBuf> {
    let content: Value = serde_json::from_str(text).ok()?;
    let hook = content.pointer("/devices/0/containerEdits/hooks/0/path")?;
    Some(hook.as_str()?.into())
}

/// The device's name as an engine is given it.
fn device() -> String {
    format!("{KIND}={NAME}")
}

/// What the file says.
fn text(hook: &Path) -> String {
    let content = json!({
        "cdiVersion": VERSION,
        "kind": KIND,
        "devices": [{
            "name": NAME,
            "containerEdits": {
                "hooks": [{
                    "hookName": "createRuntime",
                    "path": hook,
                    "args": [HOOK, "device"],
                    "env": [ENVIRONMENT],
                }],
            },
        }],
    });
    format!("{content:#}\n")
}

/// What packagers ship.
#[cfg(test)]
pub(super) fn shipped(wanted: &Wanted) -> String {
    text(&wanted.installation.hook)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_brings_a_hook_and_no_variable() {
        let text = text(Path::new("/l/docker-jackin-hook"));
        assert_eq!(named_hook(&text), Some("/l/docker-jackin-hook".into()));
        assert!(
            !text.contains("\"env\": [\n                \"DOCKER"),
            "{text}"
        );
    }
}
