//! Variables as a payload has them, from what the agents' tables say.

use jackin_oci_hook::payload::{Variable, VariableName, VariableValue, Without};
use jackin_oci_hook::secret::Secret;

use super::login::NoVariable;

/// These names, as they are taken away.
pub(super) fn names(names: &[&str]) -> Vec<VariableName> {
    let named = names.iter().map(|name| VariableName::try_from(*name));
    named.filter_map(Result::ok).collect()
}

/// A credential's variable, and what stands for it where none can be set. White
/// space around the value would be part of an HTTP header, so it goes.
///
/// # Errors
/// The value holds a NUL.
pub(super) fn variable(
    name: &'static str,
    value: &str,
    without: Without,
) -> Result<Variable, NoVariable> {
    let secret = Secret::new(value.trim().to_owned());
    Ok(Variable {
        name: name.try_into().map_err(|_| NoVariable(name))?,
        value: VariableValue::try_from(secret).map_err(|_| NoVariable(name))?,
        without,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_trimmed_and_one_that_ends_early_is_refused() {
        let variable = variable("KEY", " canary \n", Without::Needless).unwrap();
        assert_eq!(variable.name.as_str(), "KEY");
        assert_eq!(variable.value.expose(), "canary");
        assert_eq!(variable.without, Without::Needless);
        let error = super::variable("KEY", "canary\0", Without::Nothing).unwrap_err();
        let error = error.to_string();
        assert_eq!(error, "the value of KEY holds a NUL, which no variable can");
    }
}
