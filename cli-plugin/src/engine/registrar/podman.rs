//! Podman: a drop-in of `containers.conf` for the runtime, and a file in
//! `hooks.d` for containers of any runtime that name a ticket.
//!
//! Podman reads both at every call: nothing has to be restarted. A hook whose
//! program is missing is skipped without a word, so a delivery is tried out.

mod conf;
mod drop_in;
mod program;
mod trial;
mod users;

use std::path::{Path, PathBuf};

use super::own_file::{Found, OwnFile};
use super::{EngineName, Part, Plan, Registrar, Wanted, hooks_d};
use crate::engine::context::Surroundings;
use crate::engine::owner::Owner;
use crate::failure::Failure;
use conf::Conf;
use drop_in::DropIn;

/// The drop-in's name: Podman reads those of a folder in the order of names.
const NAME: &str = "50-docker-jackin.conf";

/// Podman's configuration for every user.
const SYSTEM: &str = "/etc/containers";

/// What is said where Podman's program is missing.
const NOT_HERE: &str = "podman is not installed here; it takes effect when it is";

/// Podman of root, or of the user who asks.
pub struct Podman {
    owner: Owner,
    drop_in: OwnFile,
    hook: OwnFile,
    /// A folder of hooks that has to be named, beside those that are read.
    own_folder: Option<PathBuf>,
    conf: Conf,
}

impl Podman {
    /// Root's Podman for root, a user's own for a user.
    ///
    /// # Errors
    /// The user is not known, or Podman's configuration cannot be read.
    pub fn find(around: &Surroundings<'_>) -> Result<Self, Failure> {
        Self::of(Owner::of_this_process(around)?)
    }

    /// An owner's Podman.
    ///
    /// # Errors
    /// Podman's configuration cannot be read.
    pub fn of(owner: Owner) -> Result<Self, Failure> {
        let folder = match &owner {
            Owner::Root => PathBuf::from(SYSTEM),
            Owner::User { config, .. } => config.join("containers"),
        };
        let drop_in = OwnFile::with_header(folder.join("containers.conf.d").join(NAME));
        let default = Path::new(hooks_d::DEFAULT_FOLDER);
        let (hook, own_folder) = match &owner {
            Owner::Root => (hooks_d::file(default), None),
            Owner::User { .. } => {
                let own = folder.join("oci/hooks.d");
                (hooks_d::file(&own), Some(own))
            }
        };
        let conf = Conf::read(&owner, drop_in.path())?;
        Ok(Self {
            owner,
            drop_in,
            hook,
            own_folder,
            conf,
        })
    }

    /// Whether anything of ours is registered.
    pub fn is_registered(&self) -> bool {
        self.drop_in.is_there()
    }

    /// Whether root has registered the same hook for every user.
    fn hook_is_everybodys(&self, hook: &Path) -> bool {
        let root = hooks_d::file(Path::new(hooks_d::DEFAULT_FOLDER)).find();
        let same = |text: &str| hooks_d::named_hook(text).as_deref() == Some(hook);
        self.own_folder.is_some() && matches!(root, Ok(Found::Ours(text)) if same(&text))
    }

    fn drop_in_text(&self, wanted: &Wanted, own_hook: bool) -> Result<String, Failure> {
        let was_default = match self.drop_in.find()? {
            Found::Ours(text) => drop_in::is_default(&text),
            _ => false,
        };
        let folders = self.own_folder.as_deref().filter(|_| own_hook);
        let text = DropIn {
            runtimes: &wanted.runtimes,
            low_level: &wanted.low_level,
            default: wanted.default_runtime || was_default,
            hook_folders: folders.map(|own| self.conf.hook_folders_and(own)),
            supports_json: self.conf.supports_json(),
            supports_no_cgroup: self.conf.supports_no_cgroup(),
        };
        Ok(text.to_string())
    }
}

impl Registrar for Podman {
    fn name(&self) -> EngineName {
        EngineName::Podman
    }

    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn install(&self, wanted: &Wanted) -> Result<Plan<'_>, Failure> {
        let (drop_in, hook) = (self.drop_in.path().display(), self.hook.path().display());
        let own_hook = !self.hook_is_everybodys(&wanted.installation.hook);
        let mut plan = Plan::new(format!("docker-jackin is registered in {drop_in}"));
        let text = self.drop_in_text(wanted, own_hook)?;
        if own_hook {
            let text = hooks_d::text(&wanted.installation.hook);
            plan.change(self.hook.put(text)?);
            plan.say(format!("registered the hook in {hook}"));
        } else {
            plan.say(format!(
                "the hook is registered for every user in {}",
                hooks_d::DEFAULT_FOLDER
            ));
        }
        plan.change(self.drop_in.put(text)?);
        for (name, program) in &wanted.runtimes {
            let program = program.display();
            plan.say(format!("registered {name} ({program}) in {drop_in}"));
        }
        if program::find().is_none() {
            plan.follow_up(NOT_HERE);
        }
        if self.owner == Owner::Root {
            plan.follow_up(
                "rootless Podman reads these files, too; each of its users also needs, without \
                 sudo: docker jackin install --engine podman",
            );
        }
        Ok(plan)
    }

    fn uninstall(&self) -> Result<Plan<'_>, Failure> {
        let drop_in = self.drop_in.path().display();
        let mut plan = Plan::new(format!(
            "nothing of docker-jackin is registered in {drop_in}"
        ));
        if self.drop_in.is_there() {
            users::require_none()?;
        }
        let (drop_in, hook) = (self.drop_in.remove()?, self.hook.remove()?);
        if drop_in.is_needed() {
            plan.say(format!("removed {}", drop_in.path().display()));
        }
        // CRI-O reads the same folder: while it is registered, the hook stays.
        let shared = self.owner == Owner::Root && super::crio::is_registered();
        if hook.is_needed() && !shared {
            plan.say(format!("removed {}", hook.path().display()));
        }
        plan.change(drop_in);
        if !shared {
            plan.change(hook);
        }
        Ok(plan)
    }

    fn describe(&self) -> Part {
        let mut part = Part::new(EngineName::Podman);
        part.found = program::find().map(|podman| program::described(&podman));
        for file in [&self.drop_in, &self.hook] {
            match file.find() {
                Ok(Found::Ours(_)) => part.files.push(file.path().to_owned()),
                Ok(Found::Missing) => {}
                Ok(Found::NotOurs) => part.problems.push(format!(
                    "{} is not one of docker-jackin's own; rename it",
                    file.path().display()
                )),
                Err(failure) => part.problems.push(failure.to_string()),
            }
        }
        let registered = match self.drop_in.find() {
            Ok(Found::Ours(text)) => text,
            _ => String::new(),
        };
        part.runtimes = drop_in::runtimes(&registered);
        part.is_default = drop_in::is_default(&registered);
        part.registered = !part.files.is_empty();
        for program in drop_in::programs(&registered) {
            part.require_program(&program, self.drop_in.path());
        }
        self.describe_hook(&mut part);
        if part.registered && matches!(self.hook.find(), Ok(Found::Missing)) {
            self.describe_missing_hook(&mut part);
        }
        part
    }

    fn verify(&self) -> Option<Result<Vec<String>, Failure>> {
        let podman = program::find()?;
        Some(trial::verify(&podman, &self.owner))
    }
}

impl Podman {
    /// Podman skips a hook whose program is missing, and says nothing.
    fn describe_hook(&self, part: &mut Part) {
        let Ok(Found::Ours(text)) = self.hook.find() else {
            return;
        };
        if let Some(hook) = hooks_d::named_hook(&text) {
            part.require_program(&hook, self.hook.path());
        }
    }

    fn describe_missing_hook(&self, part: &mut Part) {
        let everybodys = hooks_d::file(Path::new(hooks_d::DEFAULT_FOLDER));
        if self.own_folder.is_some() && everybodys.is_there() {
            part.files.push(everybodys.path().to_owned());
            return;
        }
        part.problems.push(format!(
            "the hook is not registered in {}\n  \
             register it with: docker jackin install --engine podman",
            self.hook.path().display()
        ));
    }
}

/// What packagers ship: where nothing else is configured.
#[cfg(test)]
pub(super) fn shipped(wanted: &Wanted) -> String {
    let conf = Conf::of(std::iter::empty()).unwrap();
    let drop_in = DropIn {
        runtimes: &wanted.runtimes,
        low_level: &wanted.low_level,
        default: false,
        hook_folders: None,
        supports_json: conf.supports_json(),
        supports_no_cgroup: conf.supports_no_cgroup(),
    };
    drop_in.to_string()
}
