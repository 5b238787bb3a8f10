//! Live sync: one login, any number of containers.

mod codex;
mod engine;
mod life;
mod soak;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    let parts = [
        codex::trials(),
        engine::trials(),
        life::trials(),
        soak::trials(),
    ];
    parts.into_iter().flatten().collect()
}

/// Those that count time or processes.
pub(crate) fn trials_alone() -> Vec<Trial> {
    let parts = [
        engine::trials_alone(),
        life::trials_alone(),
        soak::trials_alone(),
    ];
    parts.into_iter().flatten().collect()
}
