//! Carrying plans out, or showing what they would do.

use std::io::Write;

use super::plan::{Plan, Step};
use crate::failure::Failure;

/// Shows every file's change as a patch, and changes nothing.
pub fn show(plan: &Plan<'_>, screen: &mut dyn Write) {
    for change in plan.changes() {
        let _ = write!(screen, "{}", change.patch());
    }
    if plan.is_nothing() {
        let _ = writeln!(screen, "nothing to do: {}", plan.standing);
    }
}

/// Takes the steps in their order and stops at the first that fails; whether
/// there was anything to do.
///
/// # Errors
/// What a step fails with. Those before it stay: each leaves a working engine.
pub fn apply(plan: Plan<'_>, screen: &mut dyn Write) -> Result<bool, Failure> {
    if plan.is_nothing() {
        let _ = writeln!(screen, "nothing to do: {}", plan.standing);
        return Ok(false);
    }
    let follow_ups = plan.follow_ups.clone();
    for step in plan.into_steps() {
        match step {
            Step::Change(change) => change.apply()?,
            Step::Act(act) => act(screen)?,
            Step::Say(words) => {
                let _ = writeln!(screen, "{words}");
            }
        }
    }
    for line in follow_ups {
        let _ = writeln!(screen, "{line}");
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::registrar::change::FileChange;
    use crate::failure::Kind;

    #[test]
    fn the_steps_before_a_failure_stay_and_those_after_it_are_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (first, last) = (folder.path().join("1"), folder.path().join("2"));
        let mut plan = Plan::new("");
        plan.change(FileChange::new(&first, None, Some("1".into())));
        plan.act(Box::new(|_| Err(Failure::new(Kind::Engine, "no"))));
        plan.change(FileChange::new(&last, None, Some("2".into())));
        assert!(apply(plan, &mut Vec::new()).is_err());
        assert!(first.exists() && !last.exists());
    }

    #[test]
    fn nothing_to_do_is_said_and_nothing_else() {
        let mut plan = Plan::new("it is there");
        plan.say("registered");
        plan.follow_up("do this");
        let mut screen = Vec::new();
        assert!(!apply(plan, &mut screen).unwrap());
        assert_eq!(screen, b"nothing to do: it is there\n");
    }
}
