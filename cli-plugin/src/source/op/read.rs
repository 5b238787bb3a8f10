//! Reading a reference with `op read`.
//!
//! The reference stands alone at the end of the arguments and begins with
//! `op://`, the account is one word with its flag: nothing that a user writes
//! there can be another flag. The value comes back on standard output alone.

use secrecy::SecretString;

use super::super::ask::{self, Trouble};
use super::super::child::Answer;
use super::super::interrupt::Watch;
use super::super::program;
use super::super::words;
use super::environment::environment;
use super::{OpTrouble, PROGRAM, Reference};
use crate::host::Host;

impl Reference {
    /// Asks `op` for the value.
    pub(in crate::source) fn read(
        &self,
        host: &Host,
        patience: ask::Patience,
        watch: &Watch,
    ) -> Result<SecretString, Trouble> {
        let program = program::find(PROGRAM, host).ok_or(OpTrouble::NotInstalled)?;
        let arguments = self.arguments();
        let answer = ask::Program {
            file: &program,
            arguments: arguments.iter().map(String::as_str).collect(),
            variables: environment(host, self.account()),
            input: None,
        }
        .ask(host, patience, watch)?;
        if answer.status.success() {
            return ask::text(&answer.output);
        }
        Err(why_not(&answer, &self.to_string()))
    }
}

/// Why `op`, which was given no secret, did not do it; `known` is what may be
/// repeated of its words.
pub(crate) fn why_not(answer: &Answer, known: &str) -> Trouble {
    if let Some(trouble) = OpTrouble::of(&answer.complaint) {
        return trouble.into();
    }
    let said = words::first_line(&answer.complaint, &answer.output, known);
    ask::failed(answer.status, said.as_deref().map(without_stamp))
}

impl Reference {
    fn arguments(&self) -> Vec<String> {
        let account = self.account.as_ref();
        let account = account.map(|account| format!("--account={account}"));
        let verb = ["read", "--no-newline"].map(str::to_owned).into_iter();
        let reference = self.text.clone();
        verb.chain(account).chain([reference]).collect()
    }
}

/// What `op` says, less the `[ERROR] 2026/01/02 03:04:05` that it begins with.
fn without_stamp(said: &str) -> String {
    let words = said.split(' ');
    let is_stamp = |word: &&str| {
        *word == "[ERROR]" || word.chars().all(|c| c.is_ascii_digit() || "/:".contains(c))
    };
    words.skip_while(is_stamp).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What people write, and what somebody writes who wants a flag in it.
    fn hostile() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-z]{1,3}",
            "-{0,2}[a-z=]{0,6}",
            Just(" --help".to_owned()),
            Just("?attribute=otp".to_owned()),
            "\\PC{0,4}",
            any::<char>().prop_map(String::from),
        ];
        let parts = prop::collection::vec(part, 0..6);
        parts.prop_map(|parts| parts.join("/"))
    }

    proptest! {
        #[test]
        fn scenario_22_whatever_is_accepted_is_no_flag(
            path in hostile(), account in prop::option::of(hostile())
        ) {
            let text = format!("op://{path}");
            if let Ok(reference) = Reference::parse(&text, account.as_deref()) {
                let arguments = reference.arguments();
                prop_assert_eq!(&arguments[..2], &["read", "--no-newline"]);
                prop_assert_eq!(arguments.last(), Some(&text));
                prop_assert_eq!(arguments.len(), 3 + usize::from(account.is_some()));
                if let Some(account) = account {
                    prop_assert!(!account.is_empty() && !account.starts_with('-'));
                    prop_assert_eq!(&arguments[2], &format!("--account={account}"));
                }
                let all = arguments.concat();
                prop_assert!(!all.contains(char::is_control), "{all:?}");
                let flag = |part: &str| part.trim_start().starts_with('-');
                prop_assert!(!path.split('/').any(flag), "{path}");
            }
        }
    }

    #[test]
    fn what_op_says_is_shown_without_its_stamp() {
        assert_eq!(
            without_stamp("[ERROR] 2026/01/02 03:04:05 no such 1/2"),
            "no such 1/2"
        );
        assert_eq!(without_stamp("dial tcp"), "dial tcp");
        assert_eq!(without_stamp(""), "");
    }
}
