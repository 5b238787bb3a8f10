//! The programs that are installed, and the settings that name some of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jackin_oci_hook::config::{Config as Settings, PATH};
use jackin_oci_hook::standing::Standing;

use super::report::{Program, Status};
use crate::engine::installation::{self, Installation};
use crate::engine::owner::Owner;
use crate::engine::registrar::settings_file::installation_failure;

/// The version of this plugin, which both sides must have.
pub(super) const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Looks at the wrapper and the hook.
pub(super) fn look(status: &mut Status, plugin: &Path, owner: &Owner) -> Option<Installation> {
    let installation = match Installation::find(None, plugin) {
        Ok(installation) => installation,
        Err(error) => {
            status
                .problems
                .push(installation_failure(&error).to_string());
            return None;
        }
    };
    if let Err(error) = installation.require_alone(owner.uid()) {
        status
            .problems
            .push(installation_failure(&error).to_string());
    }
    // `--version` of the wrapper is the low-level runtime's.
    let wrapper = own_side(&installation.wrapper, "--jackin-version");
    let hook = own_side(&installation.hook, "--version");
    for program in [&wrapper, &hook] {
        if program.version.as_deref() != Some(OWN_VERSION) {
            status.problems.push(format!(
                "{program} is not of this plugin's version {OWN_VERSION}\n  \
                 install one version of both sides with: sudo make install"
            ));
        }
    }
    status.wrapper = Some(wrapper);
    status.hook = Some(hook);
    Some(installation)
}

/// Looks at what the settings name.
pub(super) fn look_at_settings(status: &mut Status, owner: &Owner) {
    let settings = match settings(owner) {
        Ok(settings) => settings,
        Err(error) => {
            status
                .problems
                .push(format!("the engine's side refuses its settings: {error}"));
            return;
        }
    };
    let found = match &settings.low_level {
        Some(path) => installation::find_low_level(&path.to_string_lossy()),
        // What the wrapper does without settings.
        None => {
            installation::find_low_level("runc").or_else(|_| installation::find_low_level("crun"))
        }
    };
    match found {
        Ok(path) => {
            let version = first_line(&path, "--version");
            status.low_level = Some(Program { path, version });
        }
        Err(error) => status.problems.push(error.to_string()),
    }
    match settings.resolver {
        Some(path) => status.resolver = look_at_resolver(&mut status.problems, path, owner),
        None => status.problems.push(format!(
            "no resolver is set, so a restarted container keeps its first login\n  \
             set it with: {}",
            owner.install_line()
        )),
    }
}

/// The settings as the engine's side of an owner reads them.
fn settings(owner: &Owner) -> Result<Settings, String> {
    let own = owner.settings();
    if *owner == Owner::Root {
        return Settings::load(Standing::Root).map_err(|error| error.to_string());
    }
    let Some(path) = [own.as_path(), Path::new(PATH)]
        .into_iter()
        .find(|path| path.exists())
    else {
        return Ok(Settings::default());
    };
    installation::require_alone(path, owner.uid()).map_err(|error| error.to_string())?;
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    toml::from_str(&text).map_err(|error| format!("{}: {}", path.display(), error.message()))
}

fn look_at_resolver(problems: &mut Vec<String>, path: PathBuf, owner: &Owner) -> Option<PathBuf> {
    match installation::require_alone(&path, owner.uid()) {
        Ok(()) => Some(path),
        Err(error) => {
            let install = owner.install_line();
            problems.push(format!("{error}\n  set it anew with: {install}"));
            None
        }
    }
}

/// A program of the engine's side, which says `<name> <version>`.
fn own_side(program: &Path, flag: &str) -> Program {
    let line = first_line(program, flag);
    Program {
        path: program.to_owned(),
        version: line.and_then(|line| Some(line.split_whitespace().nth(1)?.to_owned())),
    }
}

/// The first line that a program prints for a flag.
fn first_line(program: &Path, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success())?;
    Some(line.to_owned())
}
