//! Names that a command takes from the user, looked up in the configuration.

use super::{Config, nearest};
use crate::failure::{Failure, Kind};

impl Config {
    /// A workspace by its name.
    ///
    /// # Errors
    /// There is none; what was probably meant is in the hint.
    pub fn known_workspace(&self, name: &str) -> Result<&str, Failure> {
        let known = self.workspaces.keys().map(String::as_str);
        known.clone().find(|one| *one == name).ok_or_else(|| {
            let add = "docker jackin workspace add NAME";
            unknown("workspace", name, &known.collect::<Vec<_>>(), add)
        })
    }

    /// A role by its name.
    ///
    /// # Errors
    /// There is none; what was probably meant is in the hint.
    pub fn known_role(&self, name: &str) -> Result<&str, Failure> {
        let known = self.roles.keys().map(String::as_str);
        known.clone().find(|one| *one == name).ok_or_else(|| {
            let add = "docker jackin role add NAME --image IMAGE";
            unknown("role", name, &known.collect::<Vec<_>>(), add)
        })
    }
}

fn unknown(kind: &str, name: &str, known: &[&str], add: &str) -> Failure {
    let failure = Failure::new(Kind::Usage, format!("unknown {kind} {name:?}"));
    match nearest(name, known.iter().copied()) {
        Some(meant) => failure.hint(format!("did you mean {meant:?}?")),
        None if known.is_empty() => failure.hint(format!("there is none yet; add one: {add}")),
        None => failure.hint(format!("there are: {}", known.join(", "))),
    }
}
