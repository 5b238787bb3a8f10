//! The user side of docker-jackin: it resolves what a container is given, and
//! hands it to the engine's side as a ticket. It never needs privilege.

pub mod command;
pub mod engine;
pub mod failure;
pub mod plugin;
