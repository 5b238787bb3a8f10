//! Which login an agent gets, and why: decided by pure functions that keep a
//! trace of what they asked.

pub mod choice;
pub mod credential;
pub mod mode;
pub mod refresh;
pub mod scope;

#[cfg(test)]
mod properties;
