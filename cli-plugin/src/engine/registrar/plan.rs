//! What registering comes to: steps in the order that keeps an engine working.

use std::io::Write;

use super::change::FileChange;
use crate::failure::Failure;

/// Something to do that is no change of a file, with the screen to tell of it.
pub type Act<'a> = Box<dyn FnOnce(&mut dyn Write) -> Result<(), Failure> + 'a>;

/// One step.
pub enum Step<'a> {
    /// A file is changed.
    Change(FileChange<'a>),
    /// Something is done: an engine reloads.
    Act(Act<'a>),
    /// What has come true by now, for people.
    Say(String),
}

/// The steps, and what is said around them.
#[derive(Default)]
pub struct Plan<'a> {
    steps: Vec<Step<'a>>,
    /// How things stand already when there is nothing to do.
    pub standing: String,
    /// What is left to people, a line each; said when something was done.
    pub follow_ups: Vec<String>,
}

impl<'a> Plan<'a> {
    /// No steps yet.
    pub fn new(standing: impl Into<String>) -> Self {
        Self {
            standing: standing.into(),
            ..Self::default()
        }
    }

    /// One more step: a file.
    pub fn change(&mut self, change: FileChange<'a>) {
        self.steps.push(Step::Change(change));
    }

    /// A step before all others: a file.
    pub fn change_first(&mut self, change: FileChange<'a>) {
        self.steps.insert(0, Step::Change(change));
    }

    /// One more step: something that is done.
    pub fn act(&mut self, act: Act<'a>) {
        self.steps.push(Step::Act(act));
    }

    /// One more step: something that is said.
    pub fn say(&mut self, words: impl Into<String>) {
        self.steps.push(Step::Say(words.into()));
    }

    /// One more line of what is left to people.
    pub fn follow_up(&mut self, words: impl Into<String>) {
        self.follow_ups.push(words.into());
    }

    /// Whether all is as it should be already.
    pub fn is_nothing(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Change(change) => !change.is_needed(),
            Step::Act(_) => false,
            Step::Say(_) => true,
        })
    }

    /// The steps, to be taken.
    pub fn into_steps(self) -> Vec<Step<'a>> {
        self.steps
    }

    /// Every file's change from the first to the last step.
    pub fn changes(&self) -> Vec<FileChange<'static>> {
        let mut changes: Vec<FileChange<'static>> = Vec::new();
        for step in &self.steps {
            let Step::Change(change) = step else { continue };
            let known = changes
                .iter_mut()
                .find(|known| known.path() == change.path());
            match known {
                Some(known) => *known = known.followed_by(change),
                None => changes.push(change.shown()),
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn two_changes_of_a_file_are_shown_as_one() {
        let change = |before: &str, after: &str| {
            FileChange::new(Path::new("/f"), Some(before), Some(after.to_owned()))
        };
        let mut plan = Plan::new("");
        plan.change(change("a", "b"));
        plan.say("between");
        plan.change(change("b", "c"));
        let changes = plan.changes();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].after(), Some("c"));
        assert!(!plan.is_nothing());
    }

    #[test]
    fn a_plan_without_a_difference_is_nothing_to_do() {
        let mut plan = Plan::new("it is");
        plan.change(FileChange::new(
            Path::new("/f"),
            Some("a"),
            Some("a".into()),
        ));
        plan.say("words");
        assert!(plan.is_nothing());
        plan.act(Box::new(|_| Ok(())));
        assert!(!plan.is_nothing());
    }
}
