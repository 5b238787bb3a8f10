//! The engine's side of docker-jackin.
//!
//! It knows variables and files, never agents, and is small enough to be read
//! in an afternoon: everything here runs as root, before a container starts.

pub mod folder;
pub mod payload;
pub mod secret;
pub mod ticket;
