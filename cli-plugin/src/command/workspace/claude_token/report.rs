//! What is said about a token that was wired.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::agent::Agent;
use crate::agent::claude::OAUTH_TOKEN;
use crate::auth::scope::{Cell, effective_variables};
use crate::config::Config;
use crate::token::TokenScope;
use crate::token::life::Done;

/// A token that was wired, for people and for programs.
#[derive(Debug, Serialize)]
pub(super) struct DoneReport {
    workspace: String,
    role: Option<String>,
    store: Option<String>,
    why: Option<String>,
    source: String,
    fingerprint: String,
    issued: Option<Timestamp>,
    expires: Option<Timestamp>,
    notes: Vec<String>,
    #[serde(skip)]
    scope: TokenScope,
    #[serde(skip)]
    verb: &'static str,
}

impl DoneReport {
    /// What came of a verb in a scope.
    pub(super) fn new(
        config: &Config,
        scope: &TokenScope,
        done: &Done,
        verb: &'static str,
    ) -> Self {
        Self {
            workspace: scope.workspace.clone(),
            role: scope.role.clone(),
            store: done.store.clone(),
            why: done.why.clone(),
            source: done.source.clone(),
            fingerprint: done.fingerprint.to_string(),
            issued: done.issued,
            expires: done.expires,
            notes: notes(config, scope),
            scope: scope.clone(),
            verb,
        }
    }

    /// The same with one more thing that is worth to know.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// What beside the token itself is worth to know.
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
            "{OAUTH_TOKEN} in {table} counts no more: the token does"
        ));
    }
    if scope.role.is_none()
        && let Some(workspace) = config.workspaces.get(&scope.workspace)
    {
        for (role, cell) in &workspace.roles {
            let block = cell.agents.get(&Agent::Claude);
            let own = block.filter(|one| one.oauth_token.is_some() || one.auth_forward.is_some());
            if let Some(own) = own {
                let mode = own.auth_forward.map_or("oauth_token", |mode| mode.word());
                notes.push(format!("not for role {role}, which has its own: {mode}"));
            }
        }
    }
    notes
}

impl fmt::Display for DoneReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.scope, self.verb)?;
        if let Some(store) = &self.store {
            let why = self.why.as_ref().map(|why| format!(" ({why})"));
            writeln!(f, "  store        {store}{}", why.unwrap_or_default())?;
        }
        writeln!(f, "  source       {}", self.source)?;
        writeln!(f, "  fingerprint  sha256 {}…", self.fingerprint)?;
        if let Some(issued) = self.issued {
            writeln!(f, "  issued       {}", date(issued))?;
        }
        match self.expires {
            Some(expires) => writeln!(f, "  expires      {}", date(expires))?,
            None => writeln!(f, "  expires      not known: it was not minted here")?,
        }
        let table = self.scope.scope().table(Agent::Claude.word());
        writeln!(
            f,
            "  configured   auth_forward = \"oauth_token\" in {table}"
        )?;
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        let workspace = shell_words::quote(&self.scope.workspace);
        let role = self.scope.role.as_deref().unwrap_or("ROLE");
        let role = shell_words::quote(role);
        writeln!(f, "next: docker jackin run --workspace {workspace} {role}")
    }
}

/// A date, as people read it.
pub(super) fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}
