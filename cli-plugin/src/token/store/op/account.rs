//! Which of the user's accounts is asked. The list is local: nobody is
//! prompted for it.

use std::time::Duration;

use serde::Deserialize;

use super::call::{Call, Op};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::OpTrouble;

/// An account, as `op account list` has it.
#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    url: String,
    #[serde(default)]
    email: String,
    #[serde(rename = "user_uuid")]
    user: String,
    #[serde(rename = "account_uuid")]
    id: String,
    /// There for an account that was added by hand, not through the app.
    #[serde(default)]
    shorthand: Option<String>,
}

impl Account {
    /// Whether it may be meant. `op` itself takes all of these but the e-mail
    /// address, which tells apart what the others do not.
    fn is(&self, wanted: &str) -> bool {
        let address = |text: &str| {
            let text = text.strip_prefix("https://").unwrap_or(text);
            text.trim_end_matches('/').to_ascii_lowercase()
        };
        let texts = [&self.user, &self.id, &self.email];
        texts
            .into_iter()
            .chain(&self.shorthand)
            .any(|text| text == wanted)
            || address(&self.url) == address(wanted)
    }

    fn shown(&self) -> String {
        format!("{} ({})", self.url, self.email)
    }
}

/// Lets `op` ask in the account that is wanted, or in the only one there is;
/// says whether it is one of the app's.
pub(super) fn choose(
    op: &mut Op,
    wanted: Option<&str>,
    host: &Host,
    limit: Duration,
) -> Result<bool, Failure> {
    let from_shell = host.text_variable("OP_ACCOUNT");
    let from_shell = from_shell.as_deref().filter(|account| !account.is_empty());
    let wanted = wanted.or(from_shell);
    let accounts = all(op, limit)?;
    let meant = accounts
        .iter()
        .filter(|account| wanted.is_none_or(|wanted| account.is(wanted)));
    let account = match meant.collect::<Vec<_>>()[..] {
        [] => return Err(none(wanted)),
        [account] => account,
        ref several => return Err(ambiguous(several, wanted)),
    };
    // Two users of one account are told apart by themselves alone.
    let same = accounts.iter().filter(|other| other.id == account.id);
    let id = if same.count() > 1 {
        &account.user
    } else {
        &account.id
    };
    op.ask_in(id, &account.url);
    Ok(account.shorthand.is_none())
}

fn all(op: &Op, limit: Duration) -> Result<Vec<Account>, Failure> {
    let mut call = Call::new(["account", "list", "--format=json"]);
    call.limit = limit;
    let answer = op.ask(&call, "list the accounts of 1Password")?;
    // Where there is none, some versions say so in words.
    Ok(serde_json::from_slice(&answer.output).unwrap_or_default())
}

fn none(wanted: Option<&str>) -> Failure {
    let trouble = match wanted {
        None => OpTrouble::NotSignedIn,
        Some(_) => OpTrouble::NoAccount,
    };
    super::call::failure("choose an account of 1Password", &trouble.into())
}

fn ambiguous(accounts: &[&Account], wanted: Option<&str>) -> Failure {
    let message = match wanted {
        None => "1Password has several accounts on this machine, and none was named".to_owned(),
        Some(wanted) => format!("several accounts of 1Password are meant by {wanted}"),
    };
    let mut failure = Failure::new(Kind::Configuration, message);
    for account in accounts {
        failure = failure.hint(format!("--account={}: {}", account.user, account.shown()));
    }
    failure
}
