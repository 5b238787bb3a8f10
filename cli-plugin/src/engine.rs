//! Engines: where they are, what they say, and how they learn of our runtime.

pub mod client;
pub mod containers;
pub mod context;
pub mod daemon;
pub mod daemon_json;
pub mod endpoint;
pub mod error;
pub mod here;
pub mod installation;
pub mod marker;
pub mod owner;
mod refused_exec;
pub mod registered;
pub mod registrar;
pub mod registration;
pub mod settings;
pub mod tmpfs;
pub mod trial;
pub mod whole_file;

pub use client::{Engine, connect};
pub use context::{Surroundings, Target, resolve};
pub use endpoint::Endpoint;
pub use error::EngineError;
