//! Examining tokens: what decides, what is read, and what is known of it.

use std::time::SystemTime;

use jiff::Timestamp;
use secrecy::SecretString;

use super::answers::Answers;
use super::report::{NEAR, Orphan, Report, State, TokenReport, Vendor};
use super::rivals;
use crate::agent::Agent;
use crate::auth::credential::{Need, Search};
use crate::auth::mode::{self, ChosenMode, Mode};
use crate::auth::scope::Scope;
use crate::command::scope_flags::{ShownScope, cell_of};
use crate::config::{AgentBlocks, Config};
use crate::host::Host;
use crate::source::{self, Shell, Source, SourceError, Wanted};
use crate::span;
use crate::token::check::Check;
use crate::token::known::{Delivered, Known, mending_command, set_aside_before};
use crate::token::record::Records;
use crate::token::{ClaudeToken, TokenScope};

/// What is examined, and how.
pub(super) struct Examination<'a> {
    pub(super) config: &'a Config,
    pub(super) host: &'a Host,
    /// Whether the vendor is left alone.
    pub(super) offline: bool,
    pub(super) now: SystemTime,
}

/// A token as it was read.
pub(super) enum Read {
    /// The mode needs none.
    Unused,
    /// There is none: why, and what to do next.
    Missing(String, Option<String>),
    /// There is one, and whether it is one.
    Token(Delivered, Result<ClaudeToken, String>),
}

impl Examination<'_> {
    /// Every scope that has a token, or a record of one.
    pub(super) fn scopes(&self) -> Vec<Scope> {
        let mut scopes = Vec::new();
        let mut add = |scope: Scope, agents: &AgentBlocks| {
            let block = agents.get(&Agent::Claude);
            let is_wired = block.is_some_and(|block| {
                let mode = block.auth_forward.map(mode::AuthMode::mode);
                block.oauth_token.is_some() || mode == Some(Mode::OauthToken)
            });
            if is_wired {
                scopes.push(scope);
            }
        };
        add(Scope::Global, &self.config.agents);
        for (name, workspace) in &self.config.workspaces {
            add(Scope::Workspace(name.clone()), &workspace.agents);
            for (role, cell) in &workspace.roles {
                let scope = Scope::WorkspaceRole(name.clone(), role.clone());
                add(scope, &cell.agents);
            }
        }
        let recorded = Records::beside(&self.config.file).scopes();
        for scope in recorded.iter().map(TokenScope::scope) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// Examines them: the sources are read at once, and the vendor is asked
    /// once about each token.
    pub(super) fn report(&self, scopes: &[Scope]) -> Report {
        let modes: Vec<_> = scopes
            .iter()
            .map(|scope| mode::resolve(self.config, cell_of(scope), Agent::Claude))
            .collect();
        let read = self.read(scopes, &modes);
        let answers = Answers::of(self, &read);
        let all = scopes.iter().zip(&modes).zip(&read);
        let tokens: Vec<_> = all
            .map(|((scope, chosen), read)| self.one(scope, chosen, read, &answers))
            .collect();
        Report {
            config: self.config.file.clone(),
            well: tokens.iter().all(TokenReport::is_well),
            tokens,
        }
    }

    /// The search for the token of a scope; `None` where its mode needs none.
    fn search<'a>(&'a self, scope: &'a Scope, chosen: &'a ChosenMode) -> Option<Search<'a>> {
        let cell = cell_of(scope);
        let needs = chosen.auth_mode.mode() == Mode::OauthToken;
        let need = Need::of(self.config, cell, chosen.auth_mode).filter(|_| needs)?;
        Some(Search::new(self.config, cell, chosen, need))
    }

    fn read(&self, scopes: &[Scope], modes: &[ChosenMode]) -> Vec<Read> {
        let all = scopes.iter().zip(modes);
        let searches: Vec<_> = all
            .map(|(scope, chosen)| self.search(scope, chosen))
            .collect();
        let deciding = searches.iter().flatten().filter_map(Search::deciding);
        let wanted: Vec<_> = deciding
            .map(|(_, value)| Wanted {
                value,
                // Matters at later starts of a container alone.
                delivered_as: "",
                shell: Shell::Live(self.host),
                at_launch: None,
            })
            .collect();
        let mut read = source::read_all(self.host, &wanted).into_iter();
        let searches = searches.iter();
        let tokens = searches.map(|search| match search {
            None => Read::Unused,
            Some(search) => {
                let read = search.deciding().and_then(|_| read.next());
                self.token(search, read)
            }
        });
        tokens.collect()
    }

    fn token(&self, search: &Search<'_>, read: Option<Result<SecretString, SourceError>>) -> Read {
        let (why, next) = match &read {
            None => ("no scope names its source".to_owned(), None),
            Some(Ok(_)) => ("it is empty, or several lines".to_owned(), None),
            Some(Err(error)) => (error.to_string(), error.hint()),
        };
        let Ok(credential) = search.conclude(self.config, read) else {
            return Read::Missing(why, next);
        };
        let token = ClaudeToken::parse(&credential.value);
        let token = token.map_err(|error| format!("it is no token of Claude's: {error}"));
        let written = search.deciding().map(|(_, value)| &value.written);
        let source = written.and_then(|written| Source::parse(written).ok());
        let delivered = Delivered {
            value: Some(credential.value),
            asks_a_program: source.as_ref().is_some_and(Source::asks_a_program),
            source: source.map(|one| one.identity()).unwrap_or_default(),
            scope: credential.scope,
        };
        Read::Token(delivered, token)
    }

    fn one(
        &self,
        scope: &Scope,
        chosen: &ChosenMode,
        read: &Read,
        answers: &Answers,
    ) -> TokenReport {
        let mut report = TokenReport::new(scope, chosen);
        let search = self.search(scope, chosen);
        if let Some((scope, value)) = search.as_ref().and_then(Search::deciding) {
            report.source = Some(Source::shown(&value.written));
            report.declared_by = Some(ShownScope(scope.clone()));
            if let Ok(Source::Op(reference)) = Source::parse(&value.written) {
                report.account = reference.account().map(str::to_owned);
            }
        }
        match read {
            Read::Unused => {}
            Read::Missing(why, next) => {
                report.state = State::Unresolved;
                report.detail = Some(why.clone());
                let whose = report
                    .declared_by
                    .as_ref()
                    .map_or(scope, |declared| &declared.0);
                let mends = || format!("replace it: {}", mending_command(self.config, whose));
                report.next = Some(next.clone().unwrap_or_else(mends));
            }
            Read::Token(token, parsed) => {
                report.warnings = rivals::warnings(self.config, cell_of(scope));
                self.found(&mut report, token, parsed, answers);
            }
        }
        self.recall(&mut report, scope);
        report
    }

    /// What is said of a token that was read.
    fn found(
        &self,
        report: &mut TokenReport,
        token: &Delivered,
        parsed: &Result<ClaudeToken, String>,
        answers: &Answers,
    ) {
        let known = Known::of(self.config, token);
        report.state = State::Resolved;
        if let Err(why) = parsed {
            report.state = State::Malformed;
            report.detail = Some(why.clone());
        }
        self.ask(report, &known, answers);
        report.fingerprint.clone_from(&known.fingerprint);
        if let Some(wired) = &known.wired {
            report.issued = wired.issued.map(|issued| issued.to_string());
            report.expires = wired.expires.map(|ends| ends.to_string());
            report.days_left = wired.expires.map(|ends| self.days_until(ends));
            let ends = wired.expires.map(SystemTime::from);
            report.ends = ends.map(|ends| span::from_now(ends, self.now));
        }
        let is_near = report.days_left.is_some_and(|days| days <= NEAR);
        if is_near || !report.is_well() {
            let mends = mending_command(self.config, &token.scope);
            report.next = Some(format!("replace it: {mends}"));
        }
    }

    /// The whole days until then; negative once it has come.
    fn days_until(&self, ends: Timestamp) -> i64 {
        let now = Timestamp::try_from(self.now).unwrap_or(Timestamp::UNIX_EPOCH);
        ends.duration_since(now).as_secs().div_euclid(24 * 60 * 60)
    }

    /// Says what the vendor says now, else what it said last: an answer that
    /// says nothing takes none away.
    fn ask(&self, report: &mut TokenReport, known: &Known, answers: &Answers) {
        let Some(fingerprint) = &known.fingerprint else {
            return;
        };
        let last = known.check.as_ref();
        let (check, why) = match answers.about(fingerprint) {
            Ok(said) => {
                let last = last.filter(|last| !said.verdict.is_definite() && last.tried.is_some());
                if last.is_some() {
                    report.no_answer = Some(format!("no answer now: {}", said.why));
                }
                let now = Timestamp::try_from(self.now).unwrap_or(Timestamp::UNIX_EPOCH);
                let check = last.cloned().unwrap_or(Check::new(said.verdict, now));
                (Some(check), Some(said.why))
            }
            Err(why) => {
                report.no_answer = Some(format!("not asked now ({why})"));
                (last.cloned(), None)
            }
        };
        report.vendor = check.map(|check| Vendor {
            verdict: check.verdict,
            at: check.at.to_string(),
            when: span::from_now(check.at.into(), self.now),
            why: why.filter(|_| report.no_answer.is_none()),
        });
    }

    /// What is said of what earlier commands have left.
    fn recall(&self, report: &mut TokenReport, scope: &Scope) {
        let Some(scope) = TokenScope::of(scope) else {
            return;
        };
        match Records::beside(&self.config.file).read(&scope) {
            Err(broken) => report.warnings.push(broken.to_string()),
            Ok(record) => {
                let left = record.orphans.iter().chain(&record.left);
                let left = left.map(|kept| Orphan {
                    place: kept.to_string(),
                    removal: kept.removal_command(),
                });
                report.orphans.extend(left);
            }
        }
        if let Some(aside) = set_aside_before(self.config, &scope) {
            report.warnings.push(format!(
                "a record that could not be read was put aside as {}",
                aside.display()
            ));
        }
    }
}
