//! Whether the vendor accepts a token: asked through the vendor's own program,
//! and kept by the token's fingerprint, with the time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the vendor says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It takes it.
    Accepted,
    /// It refuses it.
    Refused,
    /// It could not be reached, or had trouble of its own.
    Unreachable,
    /// Its program did not say.
    Unknown,
}

/// A verdict that was given before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was said.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
}
