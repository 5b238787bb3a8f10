//! Every agent in every mode, with its real program.

mod changes;
mod logins;
mod modes;
mod places;
pub(crate) mod program;
pub(crate) mod stage;
mod together;
mod trust;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    [
        modes::trials(),
        together::trials(),
        changes::trials(),
        logins::trials(),
        places::trials(),
        trust::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
