//! The operator's variables, less those that an agent's mode does not grant.

use jackin_oci_hook::payload::{Variable, VariableName, VariableValue};
use jackin_oci_hook::secret::Secret;
use secrecy::{ExposeSecret, SecretString};

use super::Circumstances;
use crate::agent::Agent;
use crate::auth::scope::{Effective, effective_variables};
use crate::config::Value;
use crate::failure::{Failure, Kind};
use crate::source::{Shell, Source, SourceError};

/// The operator variables that are to be read.
///
/// Those are all that are no agent's credential. A credential is the business
/// of its agent's mode: what the mode grants is delivered with the login, and
/// all else stays out.
pub(super) fn wanted<'a>(circumstances: &Circumstances<'a>) -> Vec<(&'a VariableName, &'a Value)> {
    let all = effective_variables(circumstances.config, circumstances.cell).into_iter();
    all.filter_map(|Effective { name, value, scope }| {
        let source = Source::shown(&value.written);
        if let Some(agent) = Agent::of_variable(name.as_str()) {
            tracing::debug!(%name, %scope, source, agent = agent.word(), "left to the mode");
            return None;
        }
        if circumstances.given.contains(name.as_str()) {
            tracing::debug!(%name, %scope, source, "left to the docker flag");
            return None;
        }
        tracing::debug!(%name, %scope, source, "chose the source");
        Some((name, value))
    })
    .collect()
}

/// The variable, from what was read.
pub(super) fn variable(
    circumstances: &Circumstances<'_>,
    name: &VariableName,
    value: &Value,
    read: Result<SecretString, SourceError>,
) -> Result<Variable, Failure> {
    let made = read.and_then(|read| {
        let secret = Secret::new(read.expose_secret().to_owned());
        VariableValue::try_from(secret).map_err(|_| SourceError::NoText {
            place: Source::shown(&value.written),
        })
    });
    match made {
        Ok(value) => Ok(Variable::new(name.clone(), value)),
        Err(error) => {
            let file = circumstances.config.file.display();
            let line = value.line;
            let why = match (circumstances.shell, &error) {
                // It goes to the engine's log, which lies on a disk, and so the
                // words of a program that failed do not.
                (Shell::Absent, SourceError::Asked { .. }) => {
                    "`docker jackin doctor --resolve` says why".to_owned()
                }
                _ => error.to_string(),
            };
            let message = format!("no value for {name} ({file}:{line}): {why}");
            let failure = Failure::new(Kind::Configuration, message);
            Err(match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    }
}
