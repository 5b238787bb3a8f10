//! When a login is to be renewed. Times are in milliseconds since 1970, by a
//! clock that may be put forward and back.

use std::time::Duration;

use super::{Published, Renewal};

/// The longest time between two attempts at the same login.
const LONGEST: u64 = 30 * 60 * SECOND;

const SECOND: u64 = 1000;

/// When a login is due that was first seen `since` then and ends: a fourth of
/// that time before its end, or as long as its agent has it at most.
pub fn due(since: u64, ends: u64, ahead: Duration) -> u64 {
    let ahead = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
    ends - ahead.min(ends.saturating_sub(since) / 4)
}

/// How long is waited after so many attempts at a login that was to last so
/// long.
pub fn pause(attempts: u32, lifetime: u64) -> u64 {
    let first = (lifetime / 8).clamp(SECOND, 60 * SECOND);
    let doubled = attempts.saturating_sub(1).min(20);
    (first << doubled).min(LONGEST)
}

/// When the vendor's program is to be asked for what is published; `None` when
/// that does not end. `ahead` is the longest time before its end.
pub fn next(
    published: &Published,
    renewal: Option<&Renewal>,
    ahead: Duration,
    now: u64,
) -> Option<u64> {
    let ends = published.expires?;
    let due = due(published.since, ends, ahead);
    let of_this = renewal.filter(|renewal| renewal.fingerprint == published.fingerprint);
    Some(match of_this {
        None => due,
        // The clock has been put back: how long ago that was is not known.
        Some(renewal) if renewal.last > now => due.max(now),
        Some(renewal) => {
            let lifetime = ends.saturating_sub(published.since);
            due.max(renewal.last + pause(renewal.attempts, lifetime))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AHEAD: Duration = Duration::from_secs(180);
    const HOUR: u64 = 3600 * SECOND;

    fn published(since: u64, ends: u64) -> Published {
        Published {
            fingerprint: "f".into(),
            expires: Some(ends),
            account: None,
            since,
        }
    }

    fn asked(attempts: u32, last: u64) -> Renewal {
        Renewal {
            fingerprint: "f".into(),
            attempts,
            last,
            next: None,
            failed: None,
        }
    }

    #[test]
    fn a_login_of_hours_is_renewed_its_agents_time_before_its_end() {
        let at = 1000 * HOUR;
        assert_eq!(due(at, at + 8 * HOUR, AHEAD), at + 8 * HOUR - 180 * SECOND);
        assert_eq!(due(at, at + 8 * SECOND, AHEAD), at + 6 * SECOND);
        assert_eq!(
            due(at, at - HOUR, AHEAD),
            at - HOUR,
            "it had ended when it was seen"
        );
        let login = published(at, at + 8 * HOUR);
        assert_eq!(
            next(&login, None, AHEAD, at),
            Some(at + 8 * HOUR - 180 * SECOND)
        );
        let endless = Published {
            expires: None,
            ..login
        };
        assert_eq!(next(&endless, None, AHEAD, at), None);
    }

    #[test]
    fn one_that_is_not_renewed_is_asked_for_less_and_less_often() {
        let pauses: Vec<_> = (1..9).map(|n| pause(n, 8 * HOUR) / SECOND).collect();
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1800, 1800, 1800]);
        assert_eq!(pause(1, 8 * SECOND), SECOND);
        assert_eq!(pause(1, 80 * SECOND), 10 * SECOND);
        let login = published(0, 8 * HOUR);
        let due = due(0, 8 * HOUR, AHEAD);
        let again = next(&login, Some(&asked(1, due)), AHEAD, due);
        assert_eq!(again, Some(due + 60 * SECOND));
    }

    #[test]
    fn what_was_asked_for_another_login_is_no_reason_to_wait() {
        let login = published(0, HOUR);
        let other = Renewal {
            fingerprint: "other".into(),
            ..asked(30, HOUR - 170 * SECOND)
        };
        assert_eq!(
            next(&login, Some(&other), AHEAD, 0),
            Some(due(0, HOUR, AHEAD))
        );
    }

    proptest! {
        #[test]
        fn it_is_due_within_its_agents_time_of_its_end_and_never_before_it_was_seen(
            since: u32, lifetime: u32
        ) {
            let (since, ends) = (u64::from(since), u64::from(since) + u64::from(lifetime));
            let due = due(since, ends, AHEAD);
            prop_assert!(due <= ends && ends - due <= 180 * SECOND);
            prop_assert!(due >= since);
        }

        #[test]
        fn wherever_the_clock_is_put_the_next_attempt_is_due_or_half_an_hour_off(
            since: u32, ends: u32, last: u32, attempts in 1_u32..u32::MAX, now: u32
        ) {
            let login = published(since.into(), ends.into());
            let due = due(since.into(), ends.into(), AHEAD);
            let next = next(&login, Some(&asked(attempts, last.into())), AHEAD, now.into()).unwrap();
            prop_assert!(next >= due, "not before it is due");
            prop_assert!(next <= due.max(u64::from(now) + LONGEST));
        }

        #[test]
        fn a_day_without_an_answer_has_few_attempts(lifetime in 1_u64..24 * HOUR) {
            let login = published(0, lifetime);
            let (mut now, mut attempts) = (due(0, lifetime, AHEAD), 0);
            let end = now + 24 * HOUR;
            while now < end {
                attempts += 1;
                now = next(&login, Some(&asked(attempts, now)), AHEAD, now).unwrap();
            }
            prop_assert!(attempts <= 48 + 12, "{attempts}");
        }
    }
}
