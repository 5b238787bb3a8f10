//! Docker's CLI plugin protocol: what docker asks of us, and in which words.

pub mod arguments;
pub mod global_flags;
pub mod metadata;
