//! containerd, for its CRI: an entry in its own `config.toml`, since what a
//! drop-in says replaces the whole CRI table in containerd 1.x; and a drop-in
//! where the version merges them and the file asks for that folder.

mod block;
mod config;
mod program;

use std::path::{Path, PathBuf};

use super::change::FileChange;
use super::former::Former;
use super::own_file::{Found, HEADER, OwnFile};
use super::{EngineName, Part, Plan, Registrar, Wanted};
use crate::engine::owner::Owner;
use crate::engine::registration::{left_as_it_is, unreadable};
use crate::engine::whole_file::WholeFile;
use crate::failure::Failure;
use block::Block;
use config::Config;
use program::Program;

/// What containerd reads when nothing else is said.
const DEFAULT_CONFIG: &str = "/etc/containerd/config.toml";

/// The drop-in, in the folder that containerd 2.2's own configuration imports.
const DROP_IN: &str = "/etc/containerd/conf.d/50-docker-jackin.toml";

/// What is left to people: containerd ends on SIGHUP, so it is not reloaded,
/// and restarting it is not for us to decide.
const RESTART: &str = "it takes effect when containerd starts again: systemctl restart containerd";

/// containerd's configuration, and its program.
pub struct Containerd {
    path: PathBuf,
    drop_in: OwnFile,
    program: Option<Program>,
}

impl Containerd {
    /// Finds the program, and takes the file that is given or the usual one.
    pub fn find(config: Option<&Path>) -> Self {
        let path = config.unwrap_or(Path::new(DEFAULT_CONFIG));
        Self {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            drop_in: OwnFile::with_header(DROP_IN),
            program: Program::find(),
        }
    }

    fn read(&self) -> Result<(WholeFile, Config), Failure> {
        let file = WholeFile::read(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        let config = Config::parse(file.text().unwrap_or_default());
        let config = config.map_err(|error| left_as_it_is(&self.path, &error))?;
        Ok((file, config))
    }

    fn checked(&self, before: Option<&str>, after: Option<String>) -> FileChange<'_> {
        let change = FileChange::new(&self.path, before, after).with_backup();
        match &self.program {
            Some(program) => change.accepted_by(Box::new(|staged| program.accept(staged))),
            None => change,
        }
    }

    fn merges_drop_ins(&self, config: &Config) -> bool {
        let merges = self.program.as_ref().is_some_and(Program::merges_drop_ins);
        merges && config.imports(self.drop_in.path())
    }

    /// The entry in a file of its own.
    fn install_drop_in(&self, wanted: &Wanted, config: &Config) -> Result<Plan<'_>, Failure> {
        let was_default = match self.drop_in.find()? {
            Found::Ours(text) => Config::parse(&text).is_ok_and(|before| before.is_default_ours()),
            _ => false,
        };
        let default = wanted.default_runtime || was_default;
        let block = Block::of(config, wanted).with_default(default);
        let text = format!(
            "{HEADER} --engine containerd`; uninstalling removes it.\n\n\
             version = {}\n\n{}",
            config.version(),
            block.tables()
        );
        let mut plan = self.plan(DROP_IN, wanted);
        plan.change_first(self.drop_in.put(text)?);
        Ok(plan)
    }

    /// The entry in containerd's own file.
    fn install_in_place(
        &self,
        wanted: &Wanted,
        file: &WholeFile,
        config: &Config,
    ) -> Result<Plan<'_>, Failure> {
        let refused = |error| left_as_it_is(&self.path, &error);
        let place = self.path.display().to_string();
        let mut plan = self.plan(&place, wanted);
        let former_default = config.default_runtime();
        let with_default = wanted.default_runtime || config.is_default_ours();
        let text = config.with(wanted, with_default).map_err(refused)?;
        plan.change_first(self.checked(file.text(), Some(text)));
        if wanted.default_runtime && !config.is_default_ours() {
            let former = Former::read(&Owner::Root)?;
            plan.change_first(former.keep(
                &self.path,
                config::DEFAULT_RUNTIME,
                former_default.as_deref(),
            ));
        }
        if config.cri_is_disabled() {
            plan.follow_up(format!(
                "containerd's CRI is off: disabled_plugins in {place} names it"
            ));
        }
        Ok(plan)
    }

    fn plan(&self, place: &str, wanted: &Wanted) -> Plan<'_> {
        let mut plan = Plan::new(format!("docker-jackin is registered in {place}"));
        for (name, program) in &wanted.runtimes {
            plan.say(format!(
                "registered {name} ({}) in {place}",
                program.display()
            ));
        }
        if self.program.is_none() {
            plan.say("containerd is not installed here, so nobody has checked its configuration");
        }
        plan.follow_up(RESTART);
        plan.follow_up(
            "then name the runtime docker-jackin as the handler of a RuntimeClass, and see that \
             containerd has it: crictl info",
        );
        plan
    }
}

impl Registrar for Containerd {
    fn name(&self) -> EngineName {
        EngineName::Containerd
    }

    fn owner(&self) -> &Owner {
        &Owner::Root
    }

    fn install(&self, wanted: &Wanted) -> Result<Plan<'_>, Failure> {
        let (file, config) = self.read()?;
        if self.merges_drop_ins(&config) {
            return self.install_drop_in(wanted, &config);
        }
        self.install_in_place(wanted, &file, &config)
    }

    fn uninstall(&self) -> Result<Plan<'_>, Failure> {
        let place = self.path.display();
        let mut plan = Plan::new(format!("nothing of docker-jackin is registered in {place}"));
        let drop_in = self.drop_in.remove()?;
        if drop_in.is_needed() {
            plan.change(drop_in);
            plan.say(format!("removed {DROP_IN}"));
        }
        let (file, config) = self.read()?;
        if let Some(text) = file.text() {
            let former = Former::read(&Owner::Root)?;
            let kept = former.value(&self.path, config::DEFAULT_RUNTIME);
            let after = config
                .without(kept.as_ref())
                .map_err(|error| left_as_it_is(&self.path, &error))?;
            let change = self.checked(Some(text), after);
            if change.is_needed() {
                plan.change(change);
                plan.change(former.forget(&self.path));
                plan.say(format!("took docker-jackin out of {place}"));
            }
        }
        plan.follow_up(RESTART);
        plan.follow_up("from then on, pods whose RuntimeClass names docker-jackin do not start");
        Ok(plan)
    }

    fn describe(&self) -> Part {
        let mut part = Part::new(EngineName::Containerd);
        part.found = self.program.as_ref().map(Program::described);
        let own_text = match self.drop_in.find() {
            Ok(Found::Ours(text)) => text,
            _ => String::new(),
        };
        if let Ok(config) = Config::parse(&own_text)
            && !own_text.is_empty()
        {
            part.add_runtimes(config.ours(), self.drop_in.path());
            part.is_default = config.is_default_ours();
        }
        match self.read() {
            Ok((_, config)) if !config.ours().is_empty() => {
                part.add_runtimes(config.ours(), &self.path);
                part.is_default = config.is_default_ours();
                if config.cri_is_disabled() {
                    part.notes
                        .push("its CRI is off: disabled_plugins names it".to_owned());
                }
            }
            Ok(_) => {}
            Err(failure) => part.notes.push(failure.to_string()),
        }
        part.registered = !part.files.is_empty();
        part
    }
}

/// Whether anything of ours is registered.
pub fn is_registered() -> bool {
    Containerd::find(None).describe().registered
}

/// What packagers ship, for a file that says nothing else.
#[cfg(test)]
pub(super) fn shipped(wanted: &Wanted) -> String {
    let config = Config::parse("").and_then(|config| config.with(wanted, false));
    config.unwrap().trim_start().to_owned()
}
