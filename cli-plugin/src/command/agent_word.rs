//! An agent's name on the command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::agent::Agent;

/// Reads an agent's name; another word is refused with those there are.
pub(super) fn agent_word() -> impl TypedValueParser<Value = Agent> {
    let words = PossibleValuesParser::new(Agent::ALL.map(Agent::word));
    words.try_map(|word| Agent::from_word(&word).ok_or("no such agent"))
}
