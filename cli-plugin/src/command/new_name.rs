//! The name of something that is added to the configuration.

use crate::failure::{Failure, Kind};

/// Refuses a name that a label, a flag or a table's header would need quotes
/// for, or that could be taken for a flag.
///
/// # Errors
/// It is no such name.
pub(super) fn require_name(kind: &str, name: &str) -> Result<(), Failure> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if starts_well && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!("{name:?} cannot be the name of a {kind}");
    Err(Failure::new(Kind::Usage, message)
        .hint("a name has letters, digits, `_`, `.` and `-`, and begins with a letter or digit"))
}

/// Refuses a name that is taken.
///
/// # Errors
/// It is taken.
pub(super) fn require_free(kind: &str, name: &str, taken: bool) -> Result<(), Failure> {
    if !taken {
        return Ok(());
    }
    let message = format!("there is a {kind} {name:?} already");
    Err(Failure::new(Kind::Usage, message)
        .hint(format!("see it: docker jackin {kind} show {name}"))
        .hint(format!("or begin anew: docker jackin {kind} remove {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes_anywhere() {
        for name in ["web", "my-app", "a.b_c", "0"] {
            assert!(require_name("role", name).is_ok(), "{name}");
        }
        for name in ["", "-x", ".x", "a b", "a/b", "é", "a\"b"] {
            assert!(require_name("role", name).is_err(), "{name}");
        }
    }
}
