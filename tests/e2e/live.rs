//! Live sync: one login, any number of containers.

mod codex;
mod engine;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    let parts: [Vec<Trial>; 2] = [codex::trials(), engine::trials()];
    parts.into_iter().flatten().collect()
}

/// Those that count time or processes.
pub(crate) fn trials_alone() -> Vec<Trial> {
    let parts: [Vec<Trial>; 1] = [engine::trials_alone()];
    parts.into_iter().flatten().collect()
}
