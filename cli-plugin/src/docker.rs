//! The docker client: its flags, and starting it in our place.

pub mod program;
pub mod relay;
pub mod run_flags;
