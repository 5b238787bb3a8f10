//! A later start at which something cannot be had: each agent, and each of the
//! operator's variables, keeps what it had, and nothing else does.
//!
//! One source that fails must not keep another agent's login, which the user
//! may have taken back since. So an agent whose mode has changed gets nothing.

use jackin_oci_hook::payload::{Payload, Variable, VariableName};

use super::login::{self, Login, Outlook};
use super::{Circumstances, session};
use crate::auth::credential::Need;
use crate::auth::mode::ChosenMode;
use crate::failure::Failure;
use crate::source::Shell;

/// What an agent is given in place of what could not be had.
///
/// # Errors
/// It is a launch, which then does not take place.
pub(super) fn login(
    circumstances: &Circumstances<'_>,
    chosen: &ChosenMode,
    failure: Failure,
) -> Result<Login, Failure> {
    let Shell::Gone(payload) = circumstances.shell else {
        return Err(failure);
    };
    let kept = circumstances.keeps(chosen.auth_mode);
    let last = kept.then(|| last(circumstances, chosen, payload)).flatten();
    let agent = chosen.auth_mode.agent();
    let starts = if last.is_some() {
        "with the login it had"
    } else {
        "without a login"
    };
    let mut login = last.unwrap_or_else(|| {
        let text = format!("nothing could be had again{}", login::from(chosen));
        Login::new(agent, Payload::default(), text, Outlook::Doubtful)
    });
    login.warnings.push(format!(
        "{}; {agent} starts {starts}, and `docker jackin doctor` says what is wrong",
        failure.message
    ));
    Ok(login)
}

fn last(
    circumstances: &Circumstances<'_>,
    chosen: &ChosenMode,
    payload: &Payload,
) -> Option<Login> {
    match Need::of(circumstances.config, circumstances.cell, chosen.auth_mode) {
        Some(need) => login::last(circumstances, chosen, need, payload),
        None => session::last(circumstances, chosen),
    }
}

/// The value that one of the operator's variables had; `None` when it had none.
///
/// The reason stays out of the warning: it may hold a program's own words, and
/// the engine's log lies on a disk.
///
/// # Errors
/// It is a launch, which then does not take place.
pub(super) fn variable(
    circumstances: &Circumstances<'_>,
    name: &VariableName,
    failure: Failure,
) -> Result<(Option<Variable>, String), Failure> {
    let Shell::Gone(payload) = circumstances.shell else {
        return Err(failure);
    };
    let mut variables = payload.env.iter();
    let last = variables.find(|variable| variable.name == *name);
    let warning = format!(
        "no value for {name} could be had again, and it stays as it was; \
         `docker jackin doctor --resolve` says why"
    );
    Ok((last.cloned(), warning))
}
