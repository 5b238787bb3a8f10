//! The docker client: its flags, and starting it in our place.

pub mod given_flags;
pub mod program;
pub mod relay;
