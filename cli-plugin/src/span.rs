//! Spans of time in words, as a person says them: `3 h`, `212 days`.

use std::time::{Duration, SystemTime};

/// The length of a day and of what is shorter, in seconds.
const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 60 * MINUTE;
const MINUTE: u64 = 60;

/// A span in its largest unit, rounded down: `42 s`, `7 min`, `3 h`,
/// `212 days`. Up to two days it is told in hours.
pub fn in_words(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds < MINUTE => format!("{seconds} s"),
        seconds if seconds < HOUR => format!("{} min", seconds / MINUTE),
        seconds if seconds < 2 * DAY => format!("{} h", seconds / HOUR),
        seconds => format!("{} days", seconds / DAY),
    }
}

/// A moment as seen from `now`: `in 3 h`, `3 h ago`.
pub fn from_now(moment: SystemTime, now: SystemTime) -> String {
    match moment.duration_since(now) {
        Ok(ahead) => format!("in {}", in_words(ahead)),
        Err(past) => format!("{} ago", in_words(past.duration())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_largest_unit() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (2 * DAY - 1, "47 h"),
            (2 * DAY, "2 days"),
            (212 * DAY + HOUR, "212 days"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
        assert_eq!(in_words(Duration::from_millis(999)), "0 s");
    }

    #[test]
    fn a_moment_is_ahead_or_ago() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10 * HOUR);
        let three = Duration::from_secs(3 * HOUR);
        assert_eq!(from_now(now + three, now), "in 3 h");
        assert_eq!(from_now(now - three, now), "3 h ago");
    }
}
