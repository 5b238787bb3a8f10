//! What the tests of all stores have in common.

use super::*;

/// A label of these scopes.
pub(in crate::token::store) fn label(scopes: &[(&str, Option<&str>)]) -> Label {
    let scopes = scopes.iter().map(|(workspace, role)| TokenScope {
        workspace: (*workspace).to_owned(),
        role: role.map(str::to_owned),
    });
    Label {
        scopes: scopes.collect(),
        issued: "2026-11-23T12:00:00Z".parse().unwrap(),
        expires: "2027-11-23T12:00:00Z".parse().unwrap(),
        mint: "0123456789ab".to_owned(),
    }
}

/// A token of 108 characters.
pub(in crate::token::store) fn token() -> ClaudeToken {
    let text = format!("sk-ant-oat01-{}", "canary-".repeat(14));
    ClaudeToken::parse(&text[..108].into()).unwrap()
}
