//! Minting: `claude setup-token`, driven in a pseudo-terminal.
//!
//! claude writes on a screen of its own, which is kept as a model. The user's
//! terminal is drawn from the model, without the token. So nothing that claude
//! writes reaches the terminal as it is, however it is cut and wrapped.

mod capture;
mod child;
mod lines;
mod model;
mod notes;
mod picture;
mod session;
mod terminal;
mod trail;
mod veil;
mod words;

use std::io::IsTerminal;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use super::ClaudeToken;
use super::claude::Claude;
use super::home::Home;
use crate::failure::{Failure, Kind};
use crate::host::{Host, keep_out_of_dumps};
use crate::source::Watch;
use model::Missed;
use session::{End, Session};
use terminal::Terminal;

/// How long the user may take to give the consent.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Where a token can be taken back that nobody has.
const TAKEN_BACK: &str = "https://claude.ai/settings/claude-code";

/// Refuses where there is no terminal to give the consent on.
///
/// # Errors
/// Standard input or standard error is no terminal.
pub fn require_terminal() -> Result<(), Failure> {
    let missing = |what: &str| {
        let message = format!("`claude setup-token` needs a terminal: {what}");
        let failure = Failure::new(Kind::Configuration, message);
        Err(failure.hint("give this command in a terminal, or a token you have by --reuse SOURCE"))
    };
    if !std::io::stdin().is_terminal() {
        return missing("standard input is none");
    }
    if !std::io::stderr().is_terminal() {
        return missing("standard error is none");
    }
    if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return missing("this one cannot move its cursor (TERM is dumb)");
    }
    Ok(())
}

/// Lets `claude` mint a token, while the user sees its screen on standard error
/// and types into it; gives the token, which the screen never shows.
///
/// # Errors
/// No token was captured whole: cancelled, timed out, `claude` ended without
/// one, or what it showed is ambiguous. The terminal is as it was.
pub fn mint(claude: &Claude, host: &Host, limit: Duration) -> Result<ClaudeToken, Failure> {
    require_terminal()?;
    keep_out_of_dumps();
    leave_no_dumps();
    // Dropped last: a second signal ends us then.
    let watch = Watch::begin();
    let home = Home::make(host)?;
    let failed = |error: std::io::Error| {
        let message = format!("failed to run `claude setup-token`: {error}");
        Failure::new(Kind::Internal, message)
    };
    let size = Terminal::size();
    let variables = home.environment_with_browser(host);
    let child = child::Claude::start(&claude.program, variables, home.folder(), size);
    let mut session = Session::begin(child.map_err(failed)?, size, &watch).map_err(failed)?;
    let end = session.run(limit).map_err(failed)?;
    session.claude.end();
    let mut model = session.leave();
    let well = matches!(end, End::Ended(status) if status.success());
    let token = model.token(well);
    if let End::Interrupted(signal) = end {
        let unmade = matches!(token, Err(Missed::None));
        return Err(cancelled(signal, unmade));
    }
    token
        .inspect(|_| words::say("claude setup-token: the token was captured"))
        .map_err(|missed| {
            let words = words::of(&mut model);
            words::show(&words);
            no_token(end, missed, limit, &words)
        })
}

/// Sees to it that no program that is started from here on leaves its memory in
/// a file when it crashes: claude's has the token in it, and a store's.
fn leave_no_dumps() {
    let before = getrlimit(Resource::Core);
    let none = Rlimit {
        current: Some(0),
        ..before
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::debug!(%error, "failed to do without core dumps");
    }
}

/// The user or the system ended it; `unmade` if there was no token yet.
fn cancelled(signal: Signal, unmade: bool) -> Failure {
    let number = u8::try_from(signal.as_raw()).unwrap_or_default();
    let failure = Failure::new(Kind::Interrupted(number), "cancelled: nothing was changed");
    if unmade {
        return failure;
    }
    failure.hint(format!("take back the token that was made: {TAKEN_BACK}"))
}

/// Why there is no token, and what to do next.
fn no_token(end: End, missed: Missed, limit: Duration, words: &[String]) -> Failure {
    let configuration = |message: String| Failure::new(Kind::Configuration, message);
    if missed != Missed::None {
        let message = format!("`claude setup-token` cannot be followed: {missed}");
        return configuration(message)
            .hint(format!("take back the token that was made: {TAKEN_BACK}"))
            .hint("then try again, in a wide window, and leave its size as it is");
    }
    match end {
        End::TimedOut => {
            let seconds = limit.as_secs();
            configuration(format!("timed out: no consent within {seconds} s"))
                .hint("try again; --timeout SECONDS gives more time")
        }
        End::Ended(status) => {
            let why = words::short(words);
            let message = format!("`claude setup-token` ended without a token ({status}){why}");
            configuration(message).hint("see what it says yourself: claude setup-token")
        }
        End::Shown | End::Interrupted(_) => {
            configuration("`claude setup-token` showed no token".to_owned())
        }
    }
}
