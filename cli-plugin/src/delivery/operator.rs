//! The operator's variables, less those that an agent's mode does not grant.

use jackin_oci_hook::payload::{Variable, VariableName, VariableValue};
use jackin_oci_hook::secret::Secret;
use secrecy::ExposeSecret;

use super::Circumstances;
use crate::agent::Agent;
use crate::auth::scope::effective_variables;
use crate::config::Value;
use crate::failure::{Failure, Kind};
use crate::source::{Source, SourceError};

/// Every operator variable that is no agent's credential. A credential is the
/// business of its agent's mode: what the mode grants is delivered with the
/// login, and all else stays out.
pub(super) fn variables(circumstances: &Circumstances<'_>) -> Result<Vec<Variable>, Vec<Failure>> {
    let mut variables = Vec::new();
    let mut failures = Vec::new();
    for (name, value) in effective_variables(circumstances.config, circumstances.cell) {
        if let Some(agent) = Agent::of_variable(name.as_str()) {
            tracing::debug!(
                variable = name.as_str(),
                agent = agent.word(),
                "left to the mode"
            );
            continue;
        }
        if circumstances.given.contains(name.as_str()) {
            continue;
        }
        match read(circumstances, name, value) {
            Ok(variable) => variables.push(variable),
            Err(error) => failures.push(failure(circumstances, name, value, &error)),
        }
    }
    if failures.is_empty() {
        Ok(variables)
    } else {
        Err(failures)
    }
}

fn read(
    circumstances: &Circumstances<'_>,
    name: &VariableName,
    value: &Value,
) -> Result<Variable, SourceError> {
    let source = Source::parse(&value.text)?;
    let read = circumstances.reader.read(&source, name.as_str())?;
    let value = VariableValue::try_from(Secret::new(read.expose_secret().to_owned()));
    let place = source.to_string();
    Ok(Variable {
        name: name.clone(),
        value: value.map_err(|_| SourceError::NoText { place })?,
    })
}

fn failure(
    circumstances: &Circumstances<'_>,
    name: &VariableName,
    value: &Value,
    error: &SourceError,
) -> Failure {
    let file = circumstances.config.file.display();
    Failure::new(
        Kind::Configuration,
        format!("no value for {name} ({file}:{}): {error}", value.line),
    )
}
