//! Registering with engines, behind one interface: what each engine's file
//! has to say, and in which order it is said, so that an engine works at every
//! moment in between.

pub mod apply;
pub mod cdi;
pub mod change;
pub mod containerd;
pub mod crio;
pub mod docker;
pub mod former;
pub mod hooks_d;
pub mod own_file;
pub mod part;
pub mod plan;
pub mod podman;
pub mod settings_file;
pub mod wanted;

use std::fmt;

use serde::Serialize;

use super::owner::Owner;
use crate::failure::Failure;
pub use part::Part;
pub use plan::Plan;
pub use wanted::Wanted;

/// What can be registered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// Docker, rootful or rootless: whichever docker would use here
    Docker,
    /// Podman: root's for root, the user's own for a user
    Podman,
    /// containerd, for its CRI (Kubernetes)
    Containerd,
    /// CRI-O
    Crio,
    /// A device of the Container Device Interface, for any engine that reads /etc/cdi
    Cdi,
}

impl EngineName {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Docker,
        Self::Podman,
        Self::Containerd,
        Self::Crio,
        Self::Cdi,
    ];
}

/// As it is written on the command line.
impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Crio => "crio",
            Self::Cdi => "cdi",
        })
    }
}

/// One engine, and how the wrapper and the hook are made known to it.
///
/// A plan changes nothing until it is applied, so all that can be refused is
/// refused before the first byte is written.
pub trait Registrar {
    /// Which engine it is.
    fn name(&self) -> EngineName;

    /// Whose it is: who may change its files, and whose programs it may run.
    fn owner(&self) -> &Owner;

    /// What installing comes to.
    ///
    /// # Errors
    /// A file is not as it must be, a name is taken, or the engine has no
    /// such setting.
    fn install(&self, wanted: &Wanted) -> Result<Plan<'_>, Failure>;

    /// What taking everything of ours out again comes to.
    ///
    /// # Errors
    /// Containers would be left without their runtime, or a file is not as it
    /// must be.
    fn uninstall(&self) -> Result<Plan<'_>, Failure>;

    /// How it stands with this engine.
    fn describe(&self) -> Part;

    /// Delivers a marker to a container that is run for it, and says what
    /// arrived by which channel; `None` where this engine cannot be asked so.
    fn verify(&self) -> Option<Result<Vec<String>, Failure>> {
        None
    }
}

#[cfg(test)]
mod shipped_tests;
