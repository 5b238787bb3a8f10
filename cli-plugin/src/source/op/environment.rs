//! What `op` sees of the user's environment.

use std::ffi::OsString;

use super::super::program;
use crate::host::Host;

/// Variables by which `op` finds its session, the app, the screen and the
/// network. The rest of the shell, with all other secrets in it, is not its
/// business.
const VARIABLES: [&str; 22] = [
    "USER",
    "LOGNAME",
    "LANG",
    "TMPDIR",
    "TZ",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "WSLENV",
];

/// The same by their beginnings.
const FAMILIES: [&str; 3] = ["OP_", "XDG_", "LC_"];

/// What changes the form of what it prints.
/// <https://developer.1password.com/docs/cli/environment-variables>
const UNWANTED: [&str; 2] = ["OP_FORMAT", "OP_DEBUG"];

/// A service account's token.
const SERVICE: &str = "OP_SERVICE_ACCOUNT_TOKEN";

/// A Connect server, and the token for it.
const CONNECT: [&str; 2] = ["OP_CONNECT_HOST", "OP_CONNECT_TOKEN"];

/// What `op` sees when it is asked in an account of the user's, or in whatever
/// account is there. A service account or a Connect server would be asked
/// before any account that is named, without a word.
pub(crate) fn environment(host: &Host, account: Option<&str>) -> Vec<(OsString, OsString)> {
    let elsewhere = |name: &str| name == SERVICE || CONNECT.contains(&name);
    program::environment(host, |name| {
        is_for_op(name) && !(account.is_some() && elsewhere(name))
    })
}

/// Whose vaults `op` sees when no account is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ambient {
    /// Those of a user's account.
    User,
    /// Those that a service account may see.
    Service,
    /// Those that a Connect server has.
    Connect,
}

/// Whose vaults `op` sees in this environment.
pub(crate) fn ambient(host: &Host) -> Ambient {
    let is_set = |name: &str| {
        host.variable_os(name)
            .is_some_and(|value| !value.is_empty())
    };
    if CONNECT.into_iter().all(is_set) {
        Ambient::Connect
    } else if is_set(SERVICE) {
        Ambient::Service
    } else {
        Ambient::User
    }
}

fn is_for_op(name: &str) -> bool {
    let of_family = FAMILIES.iter().any(|family| name.starts_with(family));
    (of_family || VARIABLES.contains(&name)) && !UNWANTED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(variables: &[&str]) -> Host {
        let variables = variables
            .iter()
            .map(|name| ((*name).to_owned(), "x".to_owned()));
        Host::new("/home/me", "/", variables)
    }

    #[test]
    fn scenario_15_who_names_an_account_is_not_given_another_s_vaults() {
        let all = [
            "OP_ACCOUNT",
            "OP_FORMAT",
            SERVICE,
            CONNECT[0],
            CONNECT[1],
            "AWS_TOKEN",
        ];
        let seen = |account: Option<&str>| {
            let variables = environment(&host(&all), account).into_iter();
            let mut names: Vec<_> = variables.map(|(name, _)| name).collect();
            names.sort();
            names
        };
        assert_eq!(seen(Some("work")), ["HOME", "OP_ACCOUNT", "PATH"]);
        let whole = [
            "HOME",
            "OP_ACCOUNT",
            CONNECT[0],
            CONNECT[1],
            SERVICE,
            "PATH",
        ];
        assert_eq!(seen(None), whole);
    }

    #[test]
    fn a_connect_server_goes_before_a_service_account_and_that_before_a_user() {
        assert_eq!(
            ambient(&host(&[CONNECT[0], CONNECT[1], SERVICE])),
            Ambient::Connect
        );
        assert_eq!(ambient(&host(&[CONNECT[0], SERVICE])), Ambient::Service);
        assert_eq!(ambient(&host(&["OP_ACCOUNT"])), Ambient::User);
    }
}
