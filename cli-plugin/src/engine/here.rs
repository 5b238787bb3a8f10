//! The engine that docker would ask from here.

use super::client::{Engine, connect};
use super::context::{Surroundings, resolve};
use super::endpoint::Endpoint;
use crate::failure::Failure;
use crate::host::Host;
use crate::plugin::global_flags::GlobalFlags;

/// Where the engine listens.
///
/// # Errors
/// The flags contradict each other, the context does not exist, or the engine
/// is not on this machine.
pub fn endpoint(flags: &GlobalFlags, host: &Host) -> Result<Endpoint, Failure> {
    let variable = |name: &str| host.text_variable(name);
    let around = Surroundings {
        flags,
        variable: &variable,
    };
    Ok(resolve(&around)?.local()?.clone())
}

/// The engine, which has answered the door.
///
/// # Errors
/// As [`endpoint`], or nothing answers.
pub fn reach(flags: &GlobalFlags, host: &Host) -> Result<Engine, Failure> {
    Ok(connect(&endpoint(flags, host)?)?)
}
