//! Docker's CLI plugin protocol: what docker asks of us, and in which words.

pub mod global_flags;
