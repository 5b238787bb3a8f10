//! Minting: `claude setup-token`, driven in a pseudo-terminal.

use std::time::Duration;

use super::ClaudeToken;
use super::claude::Claude;
use crate::failure::{Failure, Kind};
use crate::host::Host;

/// How long the user may take to give the consent.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Refuses where there is no terminal to give the consent on.
///
/// # Errors
/// Standard input or standard error is no terminal.
pub fn require_terminal() -> Result<(), Failure> {
    Err(Failure::new(Kind::Internal, "not built yet"))
}

/// Lets `claude` mint a token, while the user sees its screen on standard error
/// and types into it; gives the token, which the screen never shows.
///
/// # Errors
/// No token was captured whole: cancelled, timed out, `claude` ended without
/// one, or what it showed is ambiguous. The terminal is as it was.
pub fn mint(_claude: &Claude, _host: &Host, _limit: Duration) -> Result<ClaudeToken, Failure> {
    Err(Failure::new(Kind::Internal, "not built yet"))
}
