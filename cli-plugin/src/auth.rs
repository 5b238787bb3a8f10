//! Which login an agent gets, and why: decided by pure functions that keep a
//! trace of what they asked.

pub mod credential;
pub mod mode;
pub mod scope;

#[cfg(test)]
mod properties;
