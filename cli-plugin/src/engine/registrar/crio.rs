//! CRI-O: a drop-in for the runtime, and a file in `hooks.d`, which CRI-O and
//! Podman read both. It reads its configuration when it starts.

use std::path::{Path, PathBuf};

use jackin_oci_hook::runtime::low_level::FOLDERS;
use toml_edit::{DocumentMut, Item};

use super::own_file::{Found, HEADER, OwnFile};
use super::{EngineName, Part, Plan, Registrar, Wanted, hooks_d};
use crate::engine::installation::RUNTIME_NAME;
use crate::engine::owner::Owner;
use crate::failure::Failure;

/// The drop-in; those of a folder are read in the order of their names.
const DROP_IN: &str = "/etc/crio/crio.conf.d/50-docker-jackin.conf";

/// CRI-O's own file and folder.
const CONFIGURATION: &str = "/etc/crio";

/// Where the low-level runtime keeps its state: not CRI-O's default below
/// `/run` by the runtime's name, which is the engine side's own folder.
const RUNTIME_ROOT: &str = "/run/crio";

/// What is left to people: CRI-O reads its files at its start only.
const RESTART: &str = "it takes effect when CRI-O starts again: systemctl restart crio";

/// CRI-O's two files.
pub struct Crio {
    drop_in: OwnFile,
    hook: OwnFile,
}

impl Crio {
    /// The files where CRI-O reads them.
    pub fn find() -> Self {
        Self {
            drop_in: OwnFile::with_header(DROP_IN),
            hook: hooks_d::file(Path::new(hooks_d::DEFAULT_FOLDER)),
        }
    }
}

impl Registrar for Crio {
    fn name(&self) -> EngineName {
        EngineName::Crio
    }

    fn owner(&self) -> &Owner {
        &Owner::Root
    }

    fn install(&self, wanted: &Wanted) -> Result<Plan<'_>, Failure> {
        let was_default = match self.drop_in.find()? {
            Found::Ours(text) => is_default(&text),
            _ => false,
        };
        let mut plan = Plan::new(format!("docker-jackin is registered in {DROP_IN}"));
        plan.change(self.hook.put(hooks_d::text(&wanted.installation.hook))?);
        let text = text(&wanted.runtimes, wanted.default_runtime || was_default);
        plan.change(self.drop_in.put(text)?);
        plan.say(format!(
            "registered the hook in {}",
            self.hook.path().display()
        ));
        for (name, program) in &wanted.runtimes {
            plan.say(format!(
                "registered {name} ({}) in {DROP_IN}",
                program.display()
            ));
        }
        plan.follow_up(RESTART);
        plan.follow_up("then see that it has it: crictl info");
        Ok(plan)
    }

    fn uninstall(&self) -> Result<Plan<'_>, Failure> {
        let mut plan = Plan::new(format!(
            "nothing of docker-jackin is registered in {DROP_IN}"
        ));
        let drop_in = self.drop_in.remove()?;
        if !drop_in.is_needed() {
            return Ok(plan);
        }
        plan.change(drop_in);
        plan.say(format!("removed {DROP_IN}"));
        // Podman reads the same folder: while it is registered, the hook stays.
        let shared = super::podman::Podman::of(Owner::Root)?.is_registered();
        if !shared {
            plan.change(self.hook.remove()?);
            plan.say(format!("removed {}", self.hook.path().display()));
        }
        plan.follow_up(RESTART);
        plan.follow_up("from then on, pods whose RuntimeClass names docker-jackin do not start");
        Ok(plan)
    }

    fn describe(&self) -> Part {
        let mut part = Part::new(EngineName::Crio);
        part.found = place().map(|place| place.display().to_string());
        match self.drop_in.find() {
            Ok(Found::Ours(text)) => {
                part.registered = true;
                part.add_runtimes(runtimes(&text), self.drop_in.path());
                part.is_default = is_default(&text);
                if let Ok(Found::Ours(text)) = self.hook.find() {
                    part.files.push(self.hook.path().to_owned());
                    if let Some(hook) = hooks_d::named_hook(&text) {
                        part.require_program(&hook, self.hook.path());
                    }
                }
            }
            Ok(Found::Missing) => {}
            Ok(Found::NotOurs) => part.problems.push(format!(
                "{DROP_IN} is not one of docker-jackin's own; rename it"
            )),
            Err(failure) => part.problems.push(failure.to_string()),
        }
        part
    }
}

/// CRI-O's program, or else its folder; `None` when it is not here.
pub fn place() -> Option<PathBuf> {
    let programs = FOLDERS.iter().map(|folder| Path::new(folder).join("crio"));
    let program = programs.into_iter().find(|program| program.is_file());
    program.or_else(|| Some(PathBuf::from(CONFIGURATION)).filter(|at| at.is_dir()))
}

/// Whether anything of ours is registered.
pub fn is_registered() -> bool {
    Crio::find().drop_in.is_there()
}

/// What the drop-in says.
fn text(runtimes: &[(String, PathBuf)], default: bool) -> String {
    let mut lines = vec![
        format!("{HEADER} --engine crio`; uninstalling removes it."),
        String::new(),
    ];
    if default {
        lines.push("[crio.runtime]".to_owned());
        lines.push(format!("default_runtime = \"{RUNTIME_NAME}\""));
        lines.push(String::new());
    }
    for (name, program) in runtimes {
        let program = toml_edit::Value::from(program.display().to_string());
        lines.push(format!("[crio.runtime.runtimes.{name}]"));
        lines.push(format!("runtime_path = {program}"));
        lines.push("runtime_type = \"oci\"".to_owned());
        lines.push(format!("runtime_root = \"{RUNTIME_ROOT}/{name}\""));
        lines.push(String::new());
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}

/// The runtimes of a drop-in's text, with their programs.
fn runtimes(drop_in: &str) -> Vec<(String, PathBuf)> {
    let entries = || {
        let document: DocumentMut = drop_in.parse().ok()?;
        let table = document.get("crio")?.get("runtime")?.get("runtimes")?;
        let program = |entry: &Item| Some(entry.get("runtime_path")?.as_str()?.into());
        let entries = table.as_table_like()?.iter();
        let entries = entries.filter_map(|(name, entry)| Some((name.to_owned(), program(entry)?)));
        Some(entries.collect())
    };
    entries().unwrap_or_default()
}

fn is_default(drop_in: &str) -> bool {
    let named = || {
        let document: DocumentMut = drop_in.parse().ok()?;
        let runtime = document.get("crio")?.get("runtime")?;
        Some(runtime.get("default_runtime")?.as_str()? == RUNTIME_NAME)
    };
    named().unwrap_or(false)
}

/// What packagers ship.
#[cfg(test)]
pub(super) fn shipped(wanted: &Wanted) -> String {
    text(&wanted.runtimes, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drop_in_is_toml_with_a_table_for_each_runtime() {
        let wanted = Wanted::of(Path::new("/l"), false);
        for default in [false, true] {
            let text = text(&wanted.runtimes, default);
            assert_eq!(runtimes(&text), wanted.runtimes);
            assert_eq!(is_default(&text), default);
            let document: DocumentMut = text.parse().unwrap();
            let entry = &document["crio"]["runtime"]["runtimes"]["docker-jackin-crun"];
            let path = entry["runtime_path"].as_str();
            assert_eq!(path, Some("/l/docker-jackin-runtime-crun"));
        }
    }
}
