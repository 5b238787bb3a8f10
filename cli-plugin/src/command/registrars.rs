//! The engines that a command line names, looked up.

use std::path::{Path, PathBuf};

use crate::engine::Surroundings;
use crate::engine::daemon::DEFAULT_CONFIG;
use crate::engine::owner::Owner;
use crate::engine::registrar::cdi::{self, Cdi};
use crate::engine::registrar::containerd::{self, Containerd};
use crate::engine::registrar::crio::{self, Crio};
use crate::engine::registrar::docker::{self, Docker};
use crate::engine::registrar::podman::Podman;
use crate::engine::registrar::{EngineName, Registrar};
use crate::failure::{Failure, Kind};

/// Which engines are meant.
#[derive(Debug, Clone, clap::Args)]
pub struct Engines {
    /// The engine; give it once for each [default: docker]
    #[arg(long = "engine", value_enum, value_name = "ENGINE")]
    named: Vec<EngineName>,
}

impl Engines {
    /// Their names in the order given, each once; Docker when none is named.
    pub fn names(&self) -> Vec<EngineName> {
        let mut names = Vec::new();
        for name in &self.named {
            if !names.contains(name) {
                names.push(*name);
            }
        }
        if names.is_empty() {
            names.push(EngineName::Docker);
        }
        names
    }

    /// Whether any is named.
    pub fn are_named(&self) -> bool {
        !self.named.is_empty()
    }

    /// The engines, looked up.
    ///
    /// # Errors
    /// One cannot be found, or `config` is given for other than one engine
    /// that has such a file.
    pub fn find(
        &self,
        around: &Surroundings<'_>,
        config: Option<&Path>,
    ) -> Result<Vec<Box<dyn Registrar>>, Failure> {
        let names = self.names();
        let has_file =
            |name: &EngineName| matches!(name, EngineName::Docker | EngineName::Containerd);
        if config.is_some() && !(names.len() == 1 && names.iter().all(has_file)) {
            let message = "--daemon-config names one file of Docker's or containerd's: give one of these \
                 engines with it";
            return Err(Failure::new(Kind::Usage, message));
        }
        let names = names.into_iter();
        names.map(|name| find(name, around, config)).collect()
    }
}

/// One engine, looked up.
///
/// # Errors
/// It cannot be found, or its configuration cannot be read.
pub fn find(
    name: EngineName,
    around: &Surroundings<'_>,
    config: Option<&Path>,
) -> Result<Box<dyn Registrar>, Failure> {
    Ok(match name {
        EngineName::Docker => Box::new(Docker::find(around, config)?),
        EngineName::Podman => Box::new(Podman::find(around)?),
        EngineName::Containerd => Box::new(Containerd::find(config)),
        EngineName::Crio => Box::new(Crio::find()),
        EngineName::Cdi => Box::new(Cdi::find(around)),
    })
}

/// Whether another engine of the owner than these still calls our programs,
/// and so needs their settings.
pub fn others_are_registered(owner: &Owner, names: &[EngineName]) -> bool {
    let others = EngineName::ALL.iter().filter(|name| !names.contains(name));
    others.copied().any(|name| is_registered(name, owner))
}

fn is_registered(name: EngineName, owner: &Owner) -> bool {
    let is_root = *owner == Owner::Root;
    match name {
        EngineName::Docker => docker::is_in(&docker_config(owner)),
        EngineName::Podman => Podman::of(owner.clone()).is_ok_and(|podman| podman.is_registered()),
        EngineName::Containerd => is_root && containerd::is_registered(),
        EngineName::Crio => is_root && crio::is_registered(),
        EngineName::Cdi => is_root && cdi::is_registered(),
    }
}

fn docker_config(owner: &Owner) -> PathBuf {
    match owner {
        Owner::Root => DEFAULT_CONFIG.into(),
        Owner::User { config, .. } => config.join("docker/daemon.json"),
    }
}
