//! Engines: where they are, what they say, and how they learn of our runtime.

pub mod client;
pub mod context;
pub mod daemon_json;
pub mod error;

pub use client::{Engine, connect};
pub use context::{Endpoint, Surroundings, Target, resolve};
pub use error::EngineError;
