//! The user side of docker-jackin: it resolves what a container is given, and
//! hands it to the engine's side as a ticket. It never needs privilege.

pub mod agent;
pub mod auth;
pub mod command;
pub mod config;
pub mod delivery;
pub mod docker;
pub mod engine;
pub mod failure;
pub mod handoff;
pub mod host;
pub mod jackin;
pub mod launch;
pub mod live;
pub mod mounted;
pub mod plugin;
pub mod progress;
pub mod prompt;
pub mod request;
pub mod source;
pub mod span;
pub mod staged_file;
pub mod terminal;
pub mod token;
