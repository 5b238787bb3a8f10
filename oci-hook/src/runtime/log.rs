//! Telling the engine what went wrong, in the low-level runtime's own way.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::arguments::Arguments;

const PREFIX: &str = "docker-jackin: ";

/// What conmon tells a runtime it calls, for `create` and for `exec`.
const CONMONS: [&str; 2] = ["_OCI_SYNCPIPE", "_OCI_ATTACHPIPE"];

/// Where messages go: the file of `--log`, since Docker shows an error to its
/// user only from there, else standard error.
///
/// Podman takes that file for the one error of a failed call. It is never
/// emptied, and where it holds two lines, Podman shows what conmon copied from
/// standard error instead (Podman 4.3 and 5.4). So under conmon a warning is
/// kept out of it, and an error goes to both, as those of runc and crun do.
#[derive(Debug)]
pub struct Log {
    path: Option<PathBuf>,
    json: bool,
    under_conmon: bool,
}

impl Log {
    /// The log that a call names.
    pub fn of(arguments: &Arguments) -> Self {
        Self {
            path: arguments.global("log").map(PathBuf::from),
            json: arguments
                .global("log-format")
                .is_some_and(|format| format == "json"),
            under_conmon: CONMONS.iter().any(|name| std::env::var_os(name).is_some()),
        }
    }

    /// Standard error, from where runc takes a hook's words.
    pub fn standard_error() -> Self {
        Self {
            path: None,
            json: false,
            under_conmon: false,
        }
    }

    /// Says why the call failed.
    pub fn error(&self, error: &impl fmt::Display) {
        let written = self.line("error", error);
        if self.under_conmon || !written {
            say(error);
        }
    }

    /// Says what is not as it should be, though the call goes on.
    pub fn warn(&self, message: &impl fmt::Display) {
        if self.under_conmon || !self.line("warning", message) {
            say(message);
        }
    }

    /// Adds a line to the log; says whether there is one that could be written.
    fn line(&self, level: &str, message: &impl fmt::Display) -> bool {
        let Some(path) = &self.path else {
            return false;
        };
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let message = format!("{PREFIX}{}", harmless(message));
        let line = if self.json {
            let fields =
                serde_json::json!({"level": level, "msg": message, "time": rfc3339(seconds)});
            fields.to_string()
        } else {
            format!("time={:?} level={level} msg={message:?}", rfc3339(seconds))
        };
        let file = OpenOptions::new().append(true).create(true).open(path);
        match file {
            Ok(mut file) => {
                let _ = writeln!(file, "{line}");
                true
            }
            Err(_) => false,
        }
    }
}

/// Says something on standard error.
fn say(message: &impl fmt::Display) {
    eprintln!("{PREFIX}{}", harmless(message));
}

/// A message as one line that no terminal takes for a command, root's own or one
/// that an engine shows it on: it may quote what a ticket's owner or a container
/// calls its files.
pub fn harmless(message: &impl fmt::Display) -> String {
    let message = message.to_string();
    let plain = message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c });
    plain.collect()
}

/// Seconds since 1970 as RFC 3339 in UTC, by Howard Hinnant's
/// `civil_from_days`.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_commands_no_terminal_and_is_one_line() {
        let message = harmless(&"no place \x1b]0;x\x07\u{9b}31m\nfor it");
        assert_eq!(message, "no place  ]0;x  31m for it");
    }

    #[test]
    fn times_are_told_as_the_runtimes_tell_them() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(rfc3339(1_767_225_599), "2025-12-31T23:59:59Z");
    }

    #[test]
    fn an_error_is_one_line_that_containerd_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let log = Log {
            path: Some(path.clone()),
            json: true,
            under_conmon: false,
        };
        log.error(&"first\nsecond");
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "error");
        assert_eq!(line["msg"], "docker-jackin: first second");
    }

    #[test]
    fn under_conmon_a_warning_leaves_the_one_line_of_the_log_to_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oci-log");
        let mut log = Log {
            path: Some(path.clone()),
            json: true,
            under_conmon: true,
        };
        log.warn(&"a warning");
        log.error(&"an error");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("an error"), "{text}");
        log.under_conmon = false;
        log.warn(&"a warning");
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 2);
    }
}
