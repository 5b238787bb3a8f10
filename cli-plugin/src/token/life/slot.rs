//! The slot that a scope's token is wired in.

use crate::agent::Agent;
use crate::config::edit::{Draft, table_of, to_toml};
use crate::config::{Config, Written};
use crate::failure::{Failure, Kind};
use crate::source::Source;
use crate::token::record::Wired;
use crate::token::{Fingerprint, TokenScope};

/// What tells a source from another; what is none is like all that is none.
pub(super) fn identity(written: &Written) -> String {
    Source::parse(written).map_or_else(|_| "unreadable value".to_owned(), |one| one.identity())
}

/// What stands in exactly this scope's slot.
pub(super) fn slot_of<'a>(config: &'a Config, scope: &TokenScope) -> Option<&'a Written> {
    let block = scope.block(config)?;
    Some(&block.oauth_token.as_ref()?.written)
}

/// The same, by what tells it from another.
pub(super) fn slot_identity(config: &Config, scope: &TokenScope) -> Option<String> {
    slot_of(config, scope).map(identity)
}

/// Whether this token is what stands in the scope's slot.
pub(super) fn is_in_slot(config: &Config, scope: &TokenScope, wired: &Wired) -> bool {
    let Some(written) = slot_of(config, scope) else {
        return false;
    };
    match Source::parse(written) {
        // All plain values are alike by their source.
        Ok(Source::Plain(value)) => Fingerprint::of(&value) == wired.fingerprint,
        _ => identity(written) == wired.source,
    }
}

/// Refuses a scope that has a token, or something that stands for one.
///
/// # Errors
/// It has.
pub(super) fn require_unwired(config: &Config, scope: &TokenScope) -> Result<(), Failure> {
    let Some(written) = slot_of(config, scope) else {
        return Ok(());
    };
    let source = Source::shown(written);
    let words = scope.words();
    let message = format!("{scope} has a token already: {source}");
    Err(Failure::new(Kind::Usage, message)
        .hint(format!(
            "put a new one in its place: docker jackin workspace claude-token rotate {words}"
        ))
        .hint(format!(
            "or take it out first: docker jackin workspace claude-token revoke {words}"
        )))
}

/// Refuses a scope whose slot was changed since it was looked at: the user may
/// have been in the browser for minutes.
///
/// # Errors
/// It was, or the scope is gone.
pub(super) fn require_as_before(
    config: &Config,
    scope: &TokenScope,
    before: Option<&str>,
) -> Result<(), Failure> {
    TokenScope::known(config, &scope.workspace, scope.role.as_deref())?;
    if slot_identity(config, scope).as_deref() == before {
        return Ok(());
    }
    let message = format!("the token of {scope} was changed by somebody else meanwhile");
    Err(Failure::new(Kind::Configuration, message).hint("see what it is now, and try again"))
}

/// Wires a token: its slot, and the mode that takes it.
pub(super) fn wire(
    draft: &mut Draft,
    scope: &TokenScope,
    written: &Written,
) -> Result<(), Failure> {
    let table = table_of(&scope.scope(), Agent::Claude.word());
    draft.set(&table, "auth_forward", "oauth_token".into())?;
    // Its old spelling is the same setting.
    draft.remove(&table, "token")?;
    draft.set(&table, "oauth_token", to_toml(written))
}

/// Unwires whatever there is, and says that no login is wanted: a wider
/// scope's would take its place else.
pub(super) fn unwire(draft: &mut Draft, scope: &TokenScope) -> Result<(), Failure> {
    let table = table_of(&scope.scope(), Agent::Claude.word());
    draft.remove(&table, "token")?;
    draft.remove(&table, "oauth_token")?;
    draft.set(&table, "auth_forward", "ignore".into())
}
