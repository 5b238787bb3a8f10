//! The docker-jackin CLI plugin.
fn main() {}
