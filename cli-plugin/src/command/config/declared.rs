//! Where the configuration declares the credential of a mode.

use crate::auth::credential::{Need, Search};
use crate::auth::mode::{AuthMode, ChosenMode, Mode};
use crate::auth::scope::Cell;
use crate::config::Config;

/// The key of an agent's block that a mode takes its credential from; `None`
/// for a mode that takes none.
pub(super) fn slot_of(auth_mode: AuthMode) -> Option<&'static str> {
    match auth_mode.mode() {
        Mode::ApiKey => Some("api_key"),
        Mode::OauthToken => Some("oauth_token"),
        Mode::Sync | Mode::Ignore => None,
    }
}

/// The search for the credential; `None` for a mode that takes none.
pub(super) fn search<'a>(
    config: &'a Config,
    cell: Cell<'a>,
    chosen: &'a ChosenMode,
) -> Option<Search<'a>> {
    let need = Need::of(config, cell, chosen.auth_mode)?;
    Some(Search::new(config, cell, chosen, need))
}
