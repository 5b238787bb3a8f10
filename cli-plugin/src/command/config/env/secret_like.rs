//! Whether a variable is likely to carry a secret, by its name or its value.
//! A guess, made where it can be overruled.

use crate::agent::Agent;

/// Words in the name of a variable that carries a secret.
const WORDS: [&str; 13] = [
    "APIKEY",
    "AUTH",
    "CREDENTIAL",
    "CREDENTIALS",
    "KEY",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PAT",
    "PRIVATE",
    "SECRET",
    "TOKEN",
];

/// How secrets of well-known services begin.
const BEGINNINGS: [&str; 16] = [
    "-----BEGIN",
    "AIza",
    "AKIA",
    "ASIA",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "hf_",
    "npm_",
    "sk-",
    "sgp_",
    "xox",
];

/// Why the variable is taken for a secret, after "since"; `None` when it is
/// not. Nothing of the value is in it.
pub(super) fn reason(name: &str, value: &str) -> Option<String> {
    if let Some(agent) = Agent::of_variable(name) {
        return Some(format!("{name} carries a credential of {agent}"));
    }
    let words = name.split('_').map(str::to_ascii_uppercase);
    if let Some(word) = words
        .into_iter()
        .find(|word| WORDS.contains(&word.as_str()))
    {
        return Some(format!("{word} stands in its name"));
    }
    if BEGINNINGS
        .iter()
        .any(|beginning| value.starts_with(beginning))
    {
        return Some("its value begins as a secret does".to_owned());
    }
    if has_password(value) {
        return Some("its value is an address with a password".to_owned());
    }
    None
}

/// Whether an address, such as that of a database, names a password.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.and_then(|user| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_secrets_are_noticed() {
        for (name, value) in [
            ("ANTHROPIC_API_KEY", "x"),
            ("OPENCODE_AUTH_CONTENT", "x"),
            ("GITHUB_TOKEN", "x"),
            ("db_password", "x"),
            ("GH_PAT", "x"),
            ("X", "ghp_0123"),
            ("X", "sk-ant-1"),
            ("X", "-----BEGIN OPENSSH PRIVATE KEY-----"),
            ("DATABASE_URL", "postgres://me:canary@db/app"),
        ] {
            let reason = reason(name, value);
            assert!(reason.is_some(), "{name} {value}");
            assert!(!reason.unwrap().contains("canary"));
        }
    }

    #[test]
    fn what_is_no_secret_is_let_through() {
        for (name, value) in [
            ("GIT_AUTHOR_NAME", "Me Myself"),
            ("KEYBOARD", "us"),
            ("PATH", "/usr/bin:/bin"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("REPOSITORY", "ssh://git@example.org/a.git"),
            ("TZ", "Europe/Berlin"),
        ] {
            assert_eq!(reason(name, value), None, "{name} {value}");
        }
    }
}
