//! Placeholder until the verb lands.
fn main() {}
