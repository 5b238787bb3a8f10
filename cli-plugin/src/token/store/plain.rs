//! The configuration itself, where the token stands in the clear.

use super::{Kept, Label, Store};
use crate::failure::Failure;
use crate::token::ClaudeToken;
use crate::token::record::Made;

/// The configuration. Whoever wires the token writes it.
pub(super) struct Plain;

impl Store for Plain {
    fn shown(&self) -> String {
        "the configuration, in the clear".to_owned()
    }

    fn made(&self) -> Made {
        Made::Ours
    }

    fn announce(&self, _label: &Label) -> Kept {
        Kept::Plain
    }

    fn put(&self, _label: &Label, _token: &ClaudeToken) -> Result<Kept, Failure> {
        Ok(Kept::Plain)
    }
}
