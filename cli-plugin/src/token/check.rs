//! Whether the vendor accepts a token: asked through the vendor's own program,
//! and kept by the token's fingerprint, with the time.

mod answer;
mod ask;
mod background;
mod kept;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use answer::Said;
pub use ask::{LIMIT, ask};
pub use background::{Asking, VERB, answer_in_background, stay_behind};
pub use kept::{Checks, Claim};

/// How long an answer holds before a launch asks again.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// The same where the vendor could not be reached.
const FRESH_UNREACHABLE: SignedDuration = SignedDuration::from_hours(1);

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

impl Verdict {
    /// Whether it says something of the token.
    pub fn is_definite(self) -> bool {
        matches!(self, Self::Accepted | Self::Refused)
    }
}

/// A verdict that was given before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was said.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
    /// When it was asked since then without a definite answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Timestamp>,
}

impl Check {
    /// A verdict of now.
    pub fn new(verdict: Verdict, at: Timestamp) -> Self {
        Self {
            verdict,
            at,
            tried: None,
        }
    }

    /// What is known after one more answer: nothing definite is forgotten for
    /// an answer that says nothing.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        if self.verdict.is_definite() && !later.verdict.is_definite() {
            let tried = Some(later.at);
            return Self { tried, ..self };
        }
        later
    }

    /// Whether it is to be asked again. A time ahead of the clock is nothing
    /// to rely on.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let last = self.tried.unwrap_or(self.at);
        let unreached = self.tried.is_some() || self.verdict == Verdict::Unreachable;
        let fresh = if unreached { FRESH_UNREACHABLE } else { FRESH };
        let age = now.duration_since(last);
        age.is_negative() || age > fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    #[test]
    fn scenario_68_no_answer_is_no_reason_to_forget_one() {
        for definite in [Verdict::Accepted, Verdict::Refused] {
            let known = Check::new(definite, at(1));
            for vague in [Verdict::Unreachable, Verdict::Unknown] {
                let later = known.clone().followed_by(Check::new(vague, at(2)));
                assert_eq!((later.verdict, later.at), (definite, at(1)));
                assert_eq!(later.tried, Some(at(2)));
                let again = later.followed_by(Check::new(Verdict::Accepted, at(3)));
                assert_eq!(again, Check::new(Verdict::Accepted, at(3)));
            }
        }
        let vague = Check::new(Verdict::Unreachable, at(1));
        let later = vague.followed_by(Check::new(Verdict::Unknown, at(2)));
        assert_eq!(later, Check::new(Verdict::Unknown, at(2)));
    }

    #[test]
    fn scenario_68_an_answer_holds_for_a_day_and_none_for_an_hour() {
        let accepted = Check::new(Verdict::Accepted, at(100));
        assert!(!accepted.is_stale(at(124)));
        assert!(accepted.is_stale(at(125)));
        assert!(accepted.is_stale(at(99)), "the clock was put back");
        let unreachable = Check::new(Verdict::Unreachable, at(100));
        assert!(!unreachable.is_stale(at(101)));
        assert!(unreachable.is_stale(at(102)));
        let tried = accepted.followed_by(Check::new(Verdict::Unreachable, at(200)));
        assert!(!tried.is_stale(at(201)));
        assert!(tried.is_stale(at(202)));
    }
}
