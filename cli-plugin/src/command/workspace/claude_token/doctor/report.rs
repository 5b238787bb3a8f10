//! What the examination found, as data and as people read it.

use std::fmt;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::auth::mode::ChosenMode;
use crate::auth::scope::Scope;
use crate::command::scope_flags::ShownScope;
use crate::token::Fingerprint;
use crate::token::check::Verdict;

/// All that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The configuration's file.
    pub(super) config: PathBuf,
    /// Whether no token needs to be mended.
    pub(super) well: bool,
    pub(super) tokens: Vec<TokenReport>,
}

/// What was found about one scope.
#[derive(Debug, Serialize)]
pub(super) struct TokenReport {
    pub(super) scope: ShownScope,
    pub(super) mode: &'static str,
    /// The scope that chose the mode; `None` for the default.
    pub(super) chosen_by: Option<ShownScope>,
    pub(super) state: State,
    /// More about the state.
    pub(super) detail: Option<String>,
    pub(super) source: Option<String>,
    /// The scope that names the source.
    pub(super) declared_by: Option<ShownScope>,
    /// The account of 1Password that is asked.
    pub(super) account: Option<String>,
    pub(super) fingerprint: Option<Fingerprint>,
    /// By RFC 3339, as `expires`.
    pub(super) issued: Option<String>,
    pub(super) expires: Option<String>,
    pub(super) days_left: Option<i64>,
    /// What the vendor says, or said last.
    pub(super) vendor: Option<Vendor>,
    /// Why there is no answer of now.
    pub(super) no_answer: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) orphans: Vec<Orphan>,
    /// What to do next, where something is to be done.
    pub(super) next: Option<String>,
    /// The end as seen from now.
    #[serde(skip)]
    pub(super) ends: Option<String>,
}

/// What there is of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// The mode needs none.
    Unused,
    /// There is none, or it cannot be read.
    Unresolved,
    /// What was read is no token.
    Malformed,
    /// It was read.
    Resolved,
}

/// What the vendor says.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Vendor {
    pub(super) verdict: Verdict,
    /// When it said so, by RFC 3339.
    pub(super) at: String,
    /// What the verdict stands on; `None` for a verdict of another time.
    pub(super) why: Option<&'static str>,
    /// The time as seen from now.
    #[serde(skip)]
    pub(super) when: String,
}

/// What a command that was killed has left behind, or a removal that failed.
#[derive(Debug, Serialize)]
pub(super) struct Orphan {
    pub(super) place: String,
    /// The command that removes it.
    pub(super) removal: Option<String>,
}

const GOOD: Style = AnsiColor::Green.on_default();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// From how many days before its end on a token's end is doubtful.
pub(super) const NEAR: i64 = 30;

/// The same as bad.
const VERY_NEAR: i64 = 7;

impl TokenReport {
    /// The report on a scope of which nothing but its mode is known yet.
    pub(super) fn new(scope: &Scope, chosen: &ChosenMode) -> Self {
        Self {
            scope: ShownScope(scope.clone()),
            mode: chosen.auth_mode.word(),
            chosen_by: chosen.scope.clone().map(ShownScope),
            state: State::Unused,
            detail: None,
            source: None,
            declared_by: None,
            account: None,
            fingerprint: None,
            issued: None,
            expires: None,
            days_left: None,
            vendor: None,
            no_answer: None,
            warnings: Vec::new(),
            orphans: Vec::new(),
            next: None,
            ends: None,
        }
    }

    /// Whether it needs no mending.
    pub(super) fn is_well(&self) -> bool {
        let refused = |vendor: &Vendor| vendor.verdict == Verdict::Refused;
        let expired = self.days_left.is_some_and(|days| days < 0);
        let read = matches!(self.state, State::Unused | State::Resolved);
        read && !expired && !self.vendor.as_ref().is_some_and(refused)
    }

    fn token(&self) -> (Style, String) {
        let detail = self.detail.as_deref().unwrap_or_default();
        match (self.state, &self.fingerprint) {
            (State::Resolved, Some(found)) => (GOOD, format!("sha256 {found}…")),
            (State::Malformed, Some(found)) => (BAD, format!("sha256 {found}…, {detail}")),
            _ => (BAD, detail.to_owned()),
        }
    }

    fn expiry(&self) -> (Style, String) {
        let Some((at, when)) = self.expires.as_ref().zip(self.ends.as_ref()) else {
            let why = "unknown (not minted by docker-jackin)";
            return (Style::new(), why.to_owned());
        };
        let style = match self.days_left {
            Some(..=VERY_NEAR) => BAD,
            Some(..=NEAR) => DOUBTFUL,
            _ => GOOD,
        };
        (style, format!("{}, {when}", day(at)))
    }

    fn vendors(&self) -> (Style, String) {
        let none = self.no_answer.clone().unwrap_or_default();
        let Some(vendor) = &self.vendor else {
            return (Style::new(), none);
        };
        let (style, says) = match vendor.verdict {
            Verdict::Accepted => (GOOD, "accepts it"),
            Verdict::Refused => (BAD, "refuses it"),
            Verdict::Unreachable => (DOUBTFUL, "gives no answer"),
            Verdict::Unknown => (DOUBTFUL, "does not say"),
        };
        let text = match vendor.why {
            Some(why) => format!("{says} (asked now): {why}"),
            None => format!("{says} (asked {}); {none}", vendor.when),
        };
        (style, text)
    }
}

/// The day of a time by RFC 3339.
fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tokens.is_empty() {
            return writeln!(f, "no scope has a Claude token");
        }
        for (at, token) in self.tokens.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{token}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TokenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, style: Style, text: &str| {
            writeln!(f, "  {name:<9}  {style}{text}{style:#}")
        };
        let plain = Style::new();
        writeln!(f, "{}", self.scope)?;
        let by = match &self.chosen_by {
            Some(scope) => format!("from {scope}"),
            None => "by default".to_owned(),
        };
        line(f, "mode", plain, &format!("{}, {by}", self.mode))?;
        if let Some((source, scope)) = self.source.as_ref().zip(self.declared_by.as_ref()) {
            line(f, "source", plain, &format!("{source}, from {scope}"))?;
        }
        if let Some(account) = &self.account {
            line(f, "account", plain, account)?;
        }
        if self.state == State::Unused {
            line(f, "token", plain, "none is used in this mode")?;
        } else {
            let (style, text) = self.token();
            line(f, "token", style, &text)?;
        }
        if self.state == State::Resolved {
            if let Some(issued) = &self.issued {
                line(f, "issued", plain, day(issued))?;
            }
            let (style, text) = self.expiry();
            line(f, "expires", style, &text)?;
            let (style, text) = self.vendors();
            line(f, "vendor", style, &text)?;
        }
        for warning in &self.warnings {
            line(f, "warning", DOUBTFUL, warning)?;
        }
        for orphan in &self.orphans {
            line(f, "left over", DOUBTFUL, &orphan.to_string())?;
        }
        let next = self.next.iter().flat_map(|next| next.lines());
        for step in next {
            line(f, "next", plain, step)?;
        }
        Ok(())
    }
}

impl fmt::Display for Orphan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.removal {
            Some(command) => write!(f, "{}; remove it: {command}", self.place),
            None => f.write_str(&self.place),
        }
    }
}
