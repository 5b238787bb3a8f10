//! The docker client: its flags, and starting it in our place.

pub mod program;
pub mod run_flags;
