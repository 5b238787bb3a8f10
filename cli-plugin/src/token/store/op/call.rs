//! Calling `op`: in one account, with a time limit, and with a line on the
//! terminal as long as its app may be waiting for an approval.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::progress::Progress;
use crate::source::{
    Answer, NoAnswer, OP, OpAmbient, OpTrouble, Question, Trouble, Watch, find_program, op_ambient,
    op_environment, why_op_does_not,
};

/// Where nobody is to be kept waiting.
pub(super) const AT_ONCE: Duration = Duration::from_secs(3);

/// Where the app may ask for an approval.
pub(super) const WITH_A_USER: Duration = Duration::from_secs(60);

/// The oldest `op` that is asked to write: older ones do not know `--reveal`.
const OLDEST: (u32, u32) = (2, 30);

/// An `op`, and whom it asks.
pub(super) struct Op {
    program: PathBuf,
    variables: Vec<(OsString, OsString)>,
    folder: PathBuf,
    account: Option<(String, String)>,
    service: bool,
}

/// What is asked, and what is said while it takes long.
pub(super) struct Call<'a> {
    pub(super) arguments: Vec<&'a str>,
    pub(super) input: Option<&'a [u8]>,
    pub(super) limit: Duration,
}

impl<'a> Call<'a> {
    /// A call that may prompt and is given nothing to read.
    pub(super) fn new(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            arguments: arguments.into_iter().collect(),
            input: None,
            limit: WITH_A_USER,
        }
    }
}

impl Op {
    /// The `op` in `PATH`, to be asked in an account of the user's if one is
    /// named, and else in what is there.
    pub(super) fn find(host: &Host, account: Option<&str>) -> Result<Self, Failure> {
        let not_there = || failure("find 1Password", &OpTrouble::NotInstalled.into());
        let mut variables = op_environment(host, account);
        // What its daemon remembers may be older than a write of ours.
        variables.retain(|(name, _)| name != "OP_CACHE");
        variables.push(("OP_CACHE".into(), "false".into()));
        Ok(Self {
            program: find_program(OP, host).ok_or_else(not_there)?,
            variables,
            folder: host.folder_for_programs().to_owned(),
            account: None,
            service: account.is_none() && op_ambient(host) == OpAmbient::Service,
        })
    }

    /// Whether a service account is asked.
    pub(super) fn is_service(&self) -> bool {
        self.service
    }

    /// From now on asks the account with this ID, shown as this.
    pub(super) fn ask_in(&mut self, id: &str, shown: &str) {
        self.account = Some((id.to_owned(), shown.to_owned()));
    }

    /// The account's ID; `None` for a service account.
    pub(super) fn account(&self) -> Option<&str> {
        self.account.as_ref().map(|(id, _)| id.as_str())
    }

    /// Whose vaults are seen, for people.
    pub(super) fn shown(&self) -> &str {
        match &self.account {
            Some((_, shown)) => shown,
            None => "the service account",
        }
    }

    /// Refuses one that is too old to be given a secret.
    pub(super) fn require_version(&self) -> Result<(), Failure> {
        let mut call = Call::new(["--version"]);
        call.limit = Duration::from_secs(15);
        let what = "ask 1Password's `op` for its version";
        let answer = self.run(&call, &[]);
        let answer = answer.map_err(|error| failure(what, &error.into()))?;
        let said = String::from_utf8_lossy(&answer.output).into_owned();
        let mut parts = said.trim().split('.').map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) if (major, minor) < OLDEST => {
                let message = format!(
                    "1Password's `op` is of version {major}.{minor}, and {}.{} or later is wanted",
                    OLDEST.0, OLDEST.1
                );
                Err(Failure::new(Kind::Configuration, message)
                    .hint("update it: https://developer.1password.com/docs/cli/get-started"))
            }
            // A version that is written in another way is a later one.
            _ => Ok(()),
        }
    }

    /// Refuses where nobody is signed in, as far as `op` knows.
    pub(super) fn is_signed_in(&self) -> Result<(), Failure> {
        let mut call = Call::new(["whoami", "--format=json"]);
        call.limit = AT_ONCE;
        let what = "see whether 1Password is signed in";
        self.ask(&call, what).map(drop)
    }

    /// Asks for JSON of this form.
    pub(super) fn json<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        what: &str,
    ) -> Result<T, Failure> {
        let answer = self.ask(call, what)?;
        serde_json::from_slice(&answer.output).map_err(|_| unreadable(what))
    }

    /// Asks, and takes a failure for one; `what` it was to do is in the error.
    pub(super) fn ask(&self, call: &Call<'_>, what: &str) -> Result<Answer, Failure> {
        self.attempt(call)
            .map_err(|trouble| failure(what, &trouble))
    }

    /// The same with the trouble told apart.
    pub(super) fn attempt(&self, call: &Call<'_>) -> Result<Answer, Trouble> {
        let answer = self.run_in_account(call)?;
        if answer.status.success() {
            return Ok(answer);
        }
        // What was given a secret may quote it.
        if call.input.is_some() {
            let known = OpTrouble::of(&answer.complaint).map(Trouble::from);
            let (status, said) = (answer.status, None);
            return Err(known.unwrap_or(Trouble::Failed { status, said }));
        }
        Err(why_op_does_not(&answer, &call.arguments.join(" ")))
    }

    /// Asks in the account, and gives whatever it answers.
    pub(super) fn run_in_account(&self, call: &Call<'_>) -> Result<Answer, NoAnswer> {
        let account = self.account().map(|id| format!("--account={id}"));
        self.run(call, account.as_deref().as_slice())
    }

    fn run(&self, call: &Call<'_>, more: &[&str]) -> Result<Answer, NoAnswer> {
        let watch = Watch::begin();
        let waiting = Progress::begin("waiting for 1Password (op): approve it in the app");
        let answer = Question {
            program: Path::new(&self.program),
            arguments: [&call.arguments, more].concat(),
            variables: self.variables.clone(),
            folder: &self.folder,
            input: call.input,
            limit: call.limit,
        }
        .ask(&watch);
        // The line on the terminal goes first: an interruption ends us then.
        drop(waiting);
        drop(watch);
        answer
    }
}

/// A failure of a call, with what to do next.
pub(super) fn failure(what: &str, trouble: &Trouble) -> Failure {
    let failure = Failure::new(Kind::Configuration, format!("failed to {what}: {trouble}"));
    let hint = match trouble {
        Trouble::Op(OpTrouble::NoVault) => {
            "`op vault list` shows the vaults; `--account` names another account".to_owned()
        }
        Trouble::Op(OpTrouble::NoAccount) => {
            "`op account list` shows the accounts; name one with `--account`".to_owned()
        }
        Trouble::Op(OpTrouble::VaultWanted) => "name the vault with `--vault`".to_owned(),
        Trouble::Op(OpTrouble::Forbidden) => {
            "let the account write to the vault, or name another with `--vault`".to_owned()
        }
        Trouble::NoAnswer(NoAnswer::TimeLimit { .. }) => {
            "unlock 1Password's app, and approve the request when it asks".to_owned()
        }
        Trouble::Failed { said: None, .. } => {
            "it is not repeated here what `op` said, since that may hold the token; see whether `op vault list` works".to_owned()
        }
        other => match other.hint() {
            Some(hint) => hint,
            None => return failure,
        },
    };
    failure.hint(hint)
}

/// The failure of an answer that does not say what was asked for.
pub(super) fn unreadable(what: &str) -> Failure {
    let message = format!("failed to {what}: the answer of `op` is not what it was asked for");
    Failure::new(Kind::Configuration, message).hint("update `op`: 2.30 or later is wanted")
}

/// A part of JSON as it was written.
pub(super) type Raw<'a> = &'a RawValue;
