//! What would outrank a token in its container.

use std::ffi::OsString;

use crate::agent::claude::{ABOVE_THE_TOKEN, OAUTH_TOKEN};
use crate::auth::scope::{Cell, effective_variables};
use crate::config::Config;
use crate::docker::given_flags::{GivenFlags, RUN};

/// Warnings about it: variables of the configuration, which are not delivered
/// beside the token, and those that a role gives to docker, which are.
pub(super) fn warnings(config: &Config, cell: Cell<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    for one in effective_variables(config, cell) {
        let name = one.name.as_str();
        if ABOVE_THE_TOKEN.contains(&name) {
            warnings.push(format!(
                "{name} of {} would outrank the token, and is not delivered beside it",
                one.scope.table("env")
            ));
        }
    }
    let roles = config.roles.iter();
    let roles = roles.filter(|(name, _)| cell.role.is_none_or(|role| role == *name));
    for (role, settings) in roles {
        for name in given_to_docker(&settings.run) {
            let does = match name.as_str() {
                OAUTH_TOKEN => "replaces",
                other if ABOVE_THE_TOKEN.contains(&other) => "outranks",
                _ => continue,
            };
            warnings.push(format!(
                "{name} in `run` of [roles.{role}] {does} the token in its containers"
            ));
        }
    }
    warnings
}

/// The variables that flags of `docker run` give; none where they are refused,
/// as `config check` says.
fn given_to_docker(flags: &[String]) -> Vec<String> {
    let flags = flags.iter().map(OsString::from).collect();
    let given = GivenFlags::parse(&RUN, flags).unwrap_or_default();
    let given = given.found.into_iter().filter(|flag| flag.name == "env");
    let named = given.filter_map(|flag| {
        let name = flag.value?;
        Some(name.split('=').next()?.to_owned())
    });
    named.collect()
}
