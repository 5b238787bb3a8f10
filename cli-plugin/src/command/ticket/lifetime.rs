//! How long a ticket lives, as it is written on the command line.

use std::time::Duration;

use jackin_oci_hook::ticket::MAX_LIFETIME;

/// Reads `90s`, `15m` or `12h`.
///
/// # Errors
/// It is none of these, or longer than a ticket may live.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text).filter(|seconds| (1..=MAX_LIFETIME).contains(seconds));
    let seconds = seconds.ok_or("a number with s, m or h behind it, from 1s to 24h")?;
    Ok(Duration::from_secs(seconds))
}

fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        _ => return None,
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits)?;
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_and_a_unit() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("15m", 900), ("24h", 86_400)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_no_ticket_lives_is_refused() {
        for text in [
            "",
            "s",
            "0s",
            "15",
            "+1s",
            "-1s",
            "1.5h",
            "25h",
            "86401s",
            "1d",
            "1h30m",
            "é",
            "99999999999999999999h",
            "9999999999999999999h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
