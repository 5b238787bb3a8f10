//! Claude's long-lived token at a launch: when it ends, and whether the vendor
//! still takes it. A launch is never kept waiting for longer than a second.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::config::Config;
use crate::delivery::{AuthLine, Prepared, Rehearsed, tell_end};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::span;
use crate::token::ClaudeToken;
use crate::token::check::{Asking, Check, Verdict};
use crate::token::known::{Delivered, Known, doctor_command, mending_command, set_aside};

/// Until when before its end what mends a token is named, in days.
const WORTH_A_HINT: i64 = 7;

/// What is watched of a token while a launch goes on.
#[derive(Debug)]
pub(in crate::command) struct TokenWatch {
    asking: Option<Asking>,
    known: Option<Check>,
    refused: Failure,
}

/// Looks at the token of a launch: says on its line when it ends, and begins to
/// ask about it where no answer is known that still holds. `None` without a
/// token.
pub(in crate::command) fn watch(
    config: &Config,
    host: &Host,
    prepared: &mut Prepared,
    now: SystemTime,
) -> Option<TokenWatch> {
    let token = prepared.token.take()?;
    let known = Known::of(config, &token);
    let warning = tell(config, &known, &token, &mut prepared.lines, now);
    prepared.warnings.extend(warning);
    prepared.warnings.extend(put_aside(config, &known));
    let moment = Timestamp::try_from(now).ok()?;
    let refused = refused(config, &token);
    let asks = match &known.check {
        Some(check) => check.verdict == Verdict::Refused || check.is_stale(moment),
        None => true,
    };
    // What is no token is nothing that the vendor could be asked about.
    let token = token
        .value
        .and_then(|value| ClaudeToken::parse(&value).ok());
    let token = token.filter(|_| asks);
    Some(TokenWatch {
        asking: token.and_then(|token| Asking::begin(&config.file, &token, host)),
        known: known.check,
        refused,
    })
}

/// The same for a launch that is only rehearsed: nobody is asked, and nothing
/// is changed.
pub(in crate::command) fn look(config: &Config, rehearsed: &mut Rehearsed, now: SystemTime) {
    let Some(token) = rehearsed.token.take() else {
        return;
    };
    let known = Known::of(config, &token);
    let warning = tell(config, &known, &token, &mut rehearsed.lines, now);
    rehearsed.warnings.extend(warning);
    let broken = known.broken.as_ref().map(ToString::to_string);
    rehearsed.warnings.extend(broken);
    let last = known
        .check
        .filter(|check| check.verdict == Verdict::Refused);
    rehearsed.warnings.extend(last.map(|check| {
        format!(
            "the vendor refused Claude's token of {} {}; a launch asks once more, and stops if it \
             still does",
            token.scope,
            span::from_now(check.at.into(), now)
        )
    }));
}

impl TokenWatch {
    /// Stops the launch of a token that the vendor refuses: by an answer that
    /// comes in time, else by the last one.
    ///
    /// # Errors
    /// It is refused.
    pub(in crate::command) fn conclude(self) -> Result<(), Failure> {
        let said = self.asking.and_then(Asking::wait);
        let mut said = said.into_iter().chain(self.known).map(|one| one.verdict);
        match said.find(|verdict| verdict.is_definite()) {
            Some(Verdict::Refused) => Err(self.refused),
            _ => Ok(()),
        }
    }

    /// The same for what is issued for later: only what is known to be refused
    /// is waited for.
    ///
    /// # Errors
    /// It is refused.
    pub(in crate::command) fn conclude_for_later(self) -> Result<(), Failure> {
        let known = self.known.as_ref().map(|check| check.verdict);
        if known == Some(Verdict::Refused) {
            self.conclude()
        } else {
            Ok(())
        }
    }
}

/// Says when the token ends, and what to do where that is near.
fn tell(
    config: &Config,
    known: &Known,
    token: &Delivered,
    lines: &mut [AuthLine],
    now: SystemTime,
) -> Option<String> {
    let ends = known.ends()?;
    let moment = Timestamp::try_from(now).ok()?;
    let days = ends.duration_since(moment).as_hours() / 24;
    let ends = SystemTime::from(ends);
    tell_end(lines, ends, now);
    let verb = if ends < now { "expired" } else { "expires" };
    (days <= WORTH_A_HINT).then(|| {
        format!(
            "Claude's token of {} {verb} {}; replace it: {}",
            token.scope,
            span::from_now(ends, now),
            mending_command(config, &token.scope)
        )
    })
}

/// Warns of a record that cannot be read, and sees to it that this is once.
fn put_aside(config: &Config, known: &Known) -> Option<String> {
    let (scope, broken) = (known.scope.as_ref()?, known.broken.as_ref()?);
    let aside = set_aside(config, scope).map_or(String::new(), |aside| {
        format!(", and put aside as {}", aside.display())
    });
    Some(format!(
        "{broken}; so it is not known when Claude's token of {scope} expires{aside}"
    ))
}

fn refused(config: &Config, token: &Delivered) -> Failure {
    let scope = &token.scope;
    let message = format!("the vendor refuses Claude's token of {scope}");
    let mending = mending_command(config, scope);
    Failure::new(Kind::Configuration, message)
        .hint(format!("replace it:     {mending}"))
        .hint(format!("ask once more:  {}", doctor_command(scope)))
}
