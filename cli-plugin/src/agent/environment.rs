//! Variables as a payload has them, from what the agents' tables say.

use jackin_oci_hook::payload::{Variable, VariableName, VariableValue};
use jackin_oci_hook::secret::Secret;

use super::login::NoVariable;

/// These names, as they are taken away.
pub(super) fn names(names: &[&str]) -> Vec<VariableName> {
    let named = names.iter().map(|name| VariableName::try_from(*name));
    named.filter_map(Result::ok).collect()
}

/// A credential's variable. White space around the value would be part of an
/// HTTP header, so it goes.
///
/// # Errors
/// The value holds a NUL.
pub(super) fn variable(name: &'static str, value: &str) -> Result<Variable, NoVariable> {
    let secret = Secret::new(value.trim().to_owned());
    Ok(Variable::new(
        name.try_into().map_err(|_| NoVariable(name))?,
        VariableValue::try_from(secret).map_err(|_| NoVariable(name))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_trimmed_and_one_that_ends_early_is_refused() {
        let variable = variable("KEY", " canary \n").unwrap();
        assert_eq!(variable.name.as_str(), "KEY");
        assert_eq!(variable.value.expose(), "canary");
        let error = super::variable("KEY", "canary\0").unwrap_err().to_string();
        assert_eq!(error, "the value of KEY holds a NUL, which no variable can");
    }
}
