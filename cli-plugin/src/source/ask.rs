//! What the sources that ask a program have in common.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use secrecy::SecretString;

use super::child::{Answer, NoAnswer, Question};
use super::interrupt::Watch;
use super::keyring::KeyringTrouble;
use super::op::OpTrouble;
use crate::host::Host;

/// How long programs may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience(pub(super) Duration);

impl Patience {
    /// A person may have to find the prompt, touch a sensor, or type a
    /// passphrase; who has not within a minute is not there.
    pub(super) const WITH_A_USER: Self = Self(Duration::from_secs(60));

    /// When a container starts again nobody is there. The engine's side waits
    /// 10 s for the whole of it, and host logins are worth more than that.
    pub(super) const ALONE: Self = Self(Duration::from_secs(5));
}

/// Why a program gives no value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// There is no such program.
    #[error("`{program}` is not in PATH")]
    NotInstalled {
        /// Its name.
        program: String,
    },
    /// It gave no answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// It failed.
    #[error("it failed ({status}){}", said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// What may be shown of its complaint.
        said: Option<String>,
    },
    /// What it printed cannot be a value.
    #[error("it printed no UTF-8 text without NUL")]
    NoText,
    /// 1Password gave no value.
    #[error(transparent)]
    Op(#[from] OpTrouble),
    /// A keyring gave no value.
    #[error(transparent)]
    Keyring(#[from] KeyringTrouble),
    /// The helper keeps nothing under that name.
    #[error("the helper keeps nothing for this server")]
    NotKept,
    /// The helper's answer is not what helpers answer.
    #[error("the helper's answer holds no `Secret`")]
    NoCredential,
}

impl Trouble {
    /// What to do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Op(trouble) => trouble.hint().to_owned(),
            Self::Keyring(trouble) => trouble.hint().to_owned(),
            Self::NotInstalled { program } => {
                format!("install `{program}`, or add its folder to PATH as an absolute path")
            }
            Self::NotKept => {
                "store it first: give the helper's verb `store` {\"ServerURL\": …, \"Username\": …, \"Secret\": …} on stdin".to_owned()
            }
            Self::NoAnswer(NoAnswer::TimeLimit { .. }) => {
                "answer its prompt in time, or unlock what it reads from first".to_owned()
            }
            Self::NoAnswer(NoAnswer::Terminal) => {
                "unlock what it reads from first, in a shell of your own".to_owned()
            }
            Self::NoAnswer(_) | Self::Failed { .. } | Self::NoText | Self::NoCredential => {
                return None;
            }
        })
    }
}

/// A program and what it is given.
pub(super) struct Program<'a> {
    pub(super) file: &'a Path,
    pub(super) arguments: Vec<&'a str>,
    pub(super) variables: Vec<(OsString, OsString)>,
    pub(super) input: Option<&'a [u8]>,
}

impl Program<'_> {
    /// Asks it.
    pub(super) fn ask(
        self,
        host: &Host,
        patience: Patience,
        watch: &Watch,
    ) -> Result<Answer, NoAnswer> {
        let question = Question {
            program: self.file,
            arguments: self.arguments,
            variables: self.variables,
            folder: host.folder_for_programs(),
            input: self.input,
            limit: patience.0,
        };
        question.ask(watch)
    }
}

/// The value in what was printed, without its trailing line breaks.
pub(super) fn text(output: &[u8]) -> Result<SecretString, Trouble> {
    let text = std::str::from_utf8(output).map_err(|_| Trouble::NoText)?;
    if text.contains('\0') {
        return Err(Trouble::NoText);
    }
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

/// A program that ended otherwise than well.
pub(super) fn failed(status: ExitStatus, said: Option<String>) -> Trouble {
    Trouble::Failed { status, said }
}
