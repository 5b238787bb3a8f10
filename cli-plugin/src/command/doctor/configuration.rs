//! The configuration, by its strict reader.

use super::Patient;
use super::report::Finding;
use crate::config::{self, Problems};
use crate::failure::Failure;

/// Looks at it.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    match &patient.config {
        Ok(config) => {
            let file = config.file.display();
            let there = if config.file.exists() {
                Finding::ok(format!("{file} is in order"))
            } else {
                Finding::ok(format!("{file} is not there: every default holds"))
            };
            let warnings = config.warnings.iter();
            let warnings = warnings.map(|warning| {
                Finding::warning(warning, "see all there is: docker jackin config check")
            });
            std::iter::once(there).chain(warnings).collect()
        }
        Err(_) => problems(patient),
    }
}

/// Everything that is wrong with it. It is read again: an error is not shared.
fn problems(patient: &Patient) -> Vec<Finding> {
    let file = config::path_of(&patient.flags, &patient.host);
    match config::check(&file, &patient.host) {
        Ok(_) => Vec::new(),
        Err(Problems(problems)) => {
            let problems = problems.into_iter();
            problems
                .map(|problem| Failure::from(problem).into())
                .collect()
        }
    }
}
