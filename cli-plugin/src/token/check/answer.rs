//! What `claude doctor` says of the token it was given.
//!
//! Among much else it asks the vendor for the organization's policy, with the
//! token and without a model, and one of its lines says how that went. Its exit
//! code is 0 whatever came of it. Measured with 2.1.330.

use anstream::adapter::strip_str;

use super::Verdict;

/// How the line begins.
const LINE: &str = "Organization policy:";

/// A verdict, and in words of our own what it stands on: nothing is repeated
/// of what a program printed that was given a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The verdict.
    pub verdict: Verdict,
    /// What it stands on.
    pub why: &'static str,
}

/// What the line holds, and what that means; the first that fits counts.
///
/// A 403 comes from something that knows who asked: the vendor where a token's
/// scope is too narrow, which a genuine one's may be for this question, or a
/// proxy. It tells neither that the token is good nor that it is not; so does a
/// 404, which a proxy gives as well.
const MEANINGS: [(&str, Verdict, &str); 11] = [
    ("HTTP 401", Verdict::Refused, "the vendor answered HTTP 401"),
    (
        "HTTP 403",
        Verdict::Unknown,
        "the vendor, or a proxy before it, answered HTTP 403, which a good token may get, too",
    ),
    (
        "got a 404",
        Verdict::Unknown,
        "the vendor, or a proxy before it, answered HTTP 404, which says nothing of the token",
    ),
    (
        "HTTP 429",
        Verdict::Unreachable,
        "the vendor limits requests just now (HTTP 429)",
    ),
    (
        "HTTP 5",
        Verdict::Unreachable,
        "the vendor had trouble of its own (HTTP 5xx)",
    ),
    (
        "Couldn't reach",
        Verdict::Unreachable,
        "the vendor could not be reached",
    ),
    (
        "Couldn't complete",
        Verdict::Unreachable,
        "the request to the vendor could not be completed",
    ),
    (
        "took too long",
        Verdict::Unreachable,
        "the vendor took too long to answer",
    ),
    (
        "still retrying",
        Verdict::Unreachable,
        "the vendor gave no answer in time",
    ),
    (
        "not fetched",
        Verdict::Unknown,
        "`claude` did not ask with this token",
    ),
    ("Loaded from", Verdict::Accepted, "the vendor answered"),
];

impl Said {
    /// Without an answer.
    pub(super) fn unreachable(why: &'static str) -> Self {
        let verdict = Verdict::Unreachable;
        Self { verdict, why }
    }

    /// Without an answer, and for no reason of the vendor's.
    pub(super) fn unknown(why: &'static str) -> Self {
        let verdict = Verdict::Unknown;
        Self { verdict, why }
    }

    /// What was printed, as a verdict.
    pub(super) fn in_output(output: &[u8]) -> Self {
        let text = String::from_utf8_lossy(output);
        let text = strip_str(&text).to_string();
        let mut lines = text.lines();
        let Some(line) = lines.find_map(|line| line.trim().strip_prefix(LINE)) else {
            return Self::unknown("`claude doctor` does not say; a newer Claude Code does");
        };
        let mut meanings = MEANINGS.iter();
        let meant = meanings.find(|(words, ..)| line.contains(words));
        meant.map_or(
            Self::unknown("`claude doctor` says something that is not known here"),
            |(_, verdict, why)| Self {
                verdict: *verdict,
                why,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn scenario_68_a_refused_token_is_told_from_an_unreachable_vendor() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/claude-doctor");
        let mut seen = 0;
        for (name, verdict) in [
            ("200", Verdict::Accepted),
            ("401", Verdict::Refused),
            ("403", Verdict::Unknown),
            ("404", Verdict::Unknown),
            ("429", Verdict::Unreachable),
            ("500", Verdict::Unreachable),
            ("closed", Verdict::Unreachable),
            ("hanging", Verdict::Unreachable),
            ("refused-connection", Verdict::Unreachable),
            ("unreachable", Verdict::Unreachable),
            ("no-network", Verdict::Unreachable),
            ("no-token", Verdict::Unknown),
        ] {
            let text = fs::read(folder.join(format!("{name}.txt"))).unwrap();
            assert_eq!(Said::in_output(&text).verdict, verdict, "{name}");
            seen += 1;
        }
        assert_eq!(fs::read_dir(folder).unwrap().count(), seen);
    }

    #[test]
    fn scenario_68_what_is_not_understood_refuses_nothing() {
        for text in [
            "",
            "Claude Code doctor\nsomething HTTP 401\n",
            "Organization policy: never heard of\n",
            "Organization policy:",
            "\u{fffd}\0",
        ] {
            let said = Said::in_output(text.as_bytes());
            assert_eq!(said.verdict, Verdict::Unknown, "{text:?}");
        }
        let coloured = "\u{1b}[1mOrganization policy:\u{1b}[22m Loaded from api.anthropic.com\r\n";
        let said = Said::in_output(coloured.as_bytes());
        assert_eq!(said.verdict, Verdict::Accepted);
    }
}
