//! `docker jackin workspace claude-token revoke`.

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::machine::Machine;
use super::report::date;
use crate::agent::Agent;
use crate::agent::claude::OAUTH_TOKEN;
use crate::auth::mode::AuthMode;
use crate::auth::scope::{Cell, effective_variables};
use crate::command::screen::say;
use crate::config::{Config, ConfigPlace};
use crate::failure::Failure;
use crate::token::TokenScope;
use crate::token::life::{Fate, Item, Life, REVOKED_AT, Revoked};

/// Unwire a workspace's Claude token, and give it no Claude login at all
///
/// The token itself holds until it ends or is revoked in the account's
/// settings, which no program can do.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The workspace.
    #[arg(value_name = "WORKSPACE")]
    workspace: String,
    /// The role in it, for its own token.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Remove what we made in the store, too.
    #[arg(long, alias = "delete-op-item")]
    delete: bool,
}

/// Carries it out.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let config = place.load()?;
    let scope = TokenScope::known(&config, &arguments.workspace, arguments.role.as_deref())?;
    let machine = Machine::new(&place.host, Duration::ZERO);
    let revoked = Life::new(place, &machine).revoke(&scope, arguments.delete)?;
    let notes = notes(&config, &scope);
    say(&Report(&revoked, &notes));
    let stays = |item: &Item| matches!(item.fate, Some(Fate::Stays(_)));
    Ok(if revoked.items.iter().any(stays) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What else there is of the same kind.
fn notes(config: &Config, scope: &TokenScope) -> Vec<String> {
    let mut notes = Vec::new();
    let cell = Cell {
        workspace: Some(&scope.workspace),
        role: scope.role.as_deref(),
    };
    let variables = effective_variables(config, cell);
    if let Some(variable) = variables
        .iter()
        .find(|one| one.name.as_str() == OAUTH_TOKEN)
    {
        let table = variable.scope.table("env");
        notes.push(format!(
            "{OAUTH_TOKEN} in {table} stays, and is not delivered"
        ));
    }
    let roles = config
        .workspaces
        .get(&scope.workspace)
        .map(|one| &one.roles);
    for role in roles.into_iter().flat_map(BTreeMap::keys) {
        let own = TokenScope {
            workspace: scope.workspace.clone(),
            role: Some(role.clone()),
        };
        let has_one = own
            .block(config)
            .is_some_and(|block| block.oauth_token.is_some());
        if scope.role.is_none() && has_one {
            let words = own.words();
            notes.push(format!(
                "role {role} keeps its own token: docker jackin workspace claude-token revoke {words}"
            ));
        }
    }
    notes
}

struct Report<'a>(&'a Revoked, &'a [String]);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revoked = self.0;
        let scope = &revoked.scope;
        writeln!(f, "{scope}: no Claude login from now on")?;
        let table = scope.scope().table(Agent::Claude.word());
        let before = match revoked.mode.map(AuthMode::word) {
            None => "not set before".to_owned(),
            Some("ignore") => "as before".to_owned(),
            Some(mode) => format!("before: {mode}"),
        };
        writeln!(
            f,
            "  configured  auth_forward = \"ignore\" in {table} ({before})"
        )?;
        match &revoked.source {
            Some(source) => writeln!(f, "  token       {source} is taken out of it")?,
            None => writeln!(f, "  token       there was none of its own")?,
        }
        for item in &revoked.items {
            write_item(f, item, scope)?;
        }
        for note in self.1 {
            writeln!(f, "  {note}")?;
        }
        if revoked.source.is_none() {
            return Ok(());
        }
        writeln!(f, "  containers that run keep what they were given")?;
        let expires = revoked.token.as_ref().and_then(|token| token.expires);
        let until = expires.map_or_else(|| "it ends".to_owned(), date);
        writeln!(
            f,
            "the token itself holds until {until}, unless you revoke it: {REVOKED_AT}"
        )
    }
}

fn write_item(f: &mut fmt::Formatter<'_>, item: &Item, scope: &TokenScope) -> fmt::Result {
    let kept = &item.kept;
    match &item.fate {
        Some(Fate::Removed) => return writeln!(f, "  store       {kept} is removed"),
        Some(Fate::InUse(by)) => return writeln!(f, "  store       {kept} stays: {by} uses it"),
        Some(Fate::Stays(why)) => {
            writeln!(
                f,
                "  store       {kept} could not be removed: {}",
                why.message
            )?;
        }
        None => writeln!(f, "  store       {kept} stays")?,
    }
    if item.fate.is_none() {
        let words = scope.words();
        writeln!(
            f,
            "              remove it: docker jackin workspace claude-token revoke {words} --delete"
        )?;
    }
    match kept.removal_command() {
        Some(command) => writeln!(f, "              or yourself: {command}"),
        None => Ok(()),
    }
}
