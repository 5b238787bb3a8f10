//! Appending a seed to a text file of the container's user.

use crate::rootfs::Rootfs;
use crate::spot::Spot;
use crate::trouble::Trouble;

/// Appends a text to the file at a place, as the container's user, unless the
/// file has the string `unless`, or all of the text, in it.
pub fn append(rootfs: &Rootfs, spot: &Spot, text: &str, unless: &str) -> Result<(), Trouble> {
    spot.edit(rootfs, |existing| Ok(appended(existing, text, unless)))
}

/// What the file is to hold; `None` when nothing changes. The text itself
/// counts too, so that no number of restarts makes the file grow.
fn appended(existing: &str, text: &str, unless: &str) -> Option<String> {
    if existing.contains(unless) || existing.contains(text.trim_end()) {
        return None;
    }
    let separator = if existing.is_empty() || existing.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    Some([existing, separator, text].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[features]\ndaemon_auto_start = false\n";

    fn after(existing: &str) -> Option<String> {
        appended(existing, TEXT, "daemon_auto_start")
    }

    #[test]
    fn a_text_goes_to_the_end_on_a_line_of_its_own() {
        assert_eq!(after("").unwrap(), TEXT);
        assert_eq!(after("a = 1\n").unwrap(), format!("a = 1\n{TEXT}"));
        assert_eq!(after("a = 1").unwrap(), format!("a = 1\n{TEXT}"));
        assert_eq!(after("a = 1\r\n").unwrap(), format!("a = 1\r\n{TEXT}"));
    }

    #[test]
    fn what_the_user_decided_stays_and_nothing_is_appended_twice() {
        assert_eq!(after("features.daemon_auto_start = true"), None);
        let once = appended("a = 1", "b = 2\n", "never there").unwrap();
        assert_eq!(appended(&once, "b = 2\n", "never there"), None);
        assert_eq!(appended("a = 1", "", "never there"), None);
    }
}
