//! `setup --all`: a token for every workspace that has none.

use std::collections::BTreeMap;

use super::slot::require_unwired;
use super::{Done, Life, Step};
use crate::agent::Agent;
use crate::auth::credential::{Need, Search};
use crate::auth::mode::{Mode, resolve};
use crate::auth::scope::Cell;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::source::Source;
use crate::token::TokenScope;
use crate::token::store::{Choice, Wish};

/// What came of all the workspaces.
#[derive(Debug)]
pub struct All {
    /// Each, by its name.
    pub rows: Vec<Row>,
    /// What ended it before its time: the user.
    pub ended: Option<Failure>,
}

/// A workspace, and what came of it.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub workspace: String,
    /// What came of it.
    pub result: RowResult,
}

/// What came of a workspace.
#[derive(Debug)]
pub enum RowResult {
    /// It has a token now.
    Done(Box<Done>),
    /// It had one, from this source.
    Had(String),
    /// It has none.
    Failed(Failure),
    /// It was not its turn yet when all was ended.
    NotBegun,
}

impl Life<'_> {
    /// Sets up every workspace that has no token, one after the other, each
    /// with a token of its own or, `shared`, all with one.
    ///
    /// # Errors
    /// Nothing can be begun with. What fails later is in the rows.
    pub fn setup_all(&self, wish: &Wish, shared: bool) -> Result<All, Failure> {
        let config = self.place.load()?;
        let names = config.workspaces.keys().cloned();
        let had = names.map(|name| (had(&config, &name), name));
        let (had, wanting): (Vec<_>, Vec<_>) = had.partition(|(had, _)| had.is_some());
        let wanting: Vec<String> = wanting.into_iter().map(|(_, name)| name).collect();
        let mut results: BTreeMap<String, RowResult> = had
            .into_iter()
            .filter_map(|(had, name)| Some((name, RowResult::Had(had?))))
            .collect();
        let mut ended = None;
        if !wanting.is_empty() {
            self.means.ready()?;
            let choice = self.means.choose(wish)?;
            let set_up = if shared {
                self.share(&config, wanting, &choice)
            } else {
                self.one_by_one(&wanting, &choice)
            };
            ended = set_up.ended;
            results.extend(
                set_up
                    .rows
                    .into_iter()
                    .map(|row| (row.workspace, row.result)),
            );
        }
        let rows = results.into_iter();
        let rows = rows.map(|(workspace, result)| Row { workspace, result });
        Ok(All {
            rows: rows.collect(),
            ended,
        })
    }

    fn one_by_one(&self, names: &[String], choice: &Choice) -> All {
        let mut ended = None;
        let mut rows = Vec::new();
        for (number, name) in (1..).zip(names) {
            let of = names.len();
            let result = if ended.is_some() {
                RowResult::NotBegun
            } else {
                self.means.step(&Step::Workspace { number, of, name });
                match self.setup_in(&[scope(name)], choice) {
                    Ok(done) => RowResult::Done(Box::new(done)),
                    Err(failure) => {
                        self.means.step(&Step::Failed(&failure));
                        ended = interruption(&failure);
                        RowResult::Failed(failure)
                    }
                }
            };
            let workspace = name.clone();
            rows.push(Row { workspace, result });
        }
        All { rows, ended }
    }

    /// One token for all of them, which are wired in one go or not at all.
    fn share(&self, config: &Config, names: Vec<String>, choice: &Choice) -> All {
        let mut rows = Vec::new();
        let mut scopes = Vec::new();
        for workspace in names {
            let scope = scope(&workspace);
            match require_unwired(config, &scope) {
                Ok(()) => scopes.push(scope),
                Err(failure) => {
                    self.means.step(&Step::Failed(&failure));
                    let result = RowResult::Failed(failure);
                    rows.push(Row { workspace, result });
                }
            }
        }
        if scopes.is_empty() {
            return All { rows, ended: None };
        }
        let outcome = self.setup_in(&scopes, choice);
        let failed = outcome.as_ref().err();
        if let Some(failure) = failed {
            self.means.step(&Step::Failed(failure));
        }
        let ended = failed.and_then(interruption);
        rows.extend(scopes.into_iter().map(|scope| Row {
            workspace: scope.workspace,
            result: match &outcome {
                Ok(done) => RowResult::Done(Box::new(done.clone())),
                Err(failure) => RowResult::Failed(Failure::new(failure.kind, &failure.message)),
            },
        }));
        All { rows, ended }
    }
}

fn scope(workspace: &str) -> TokenScope {
    TokenScope {
        workspace: workspace.to_owned(),
        role: None,
    }
}

/// The same failure, when it is the user who ended it.
fn interruption(failure: &Failure) -> Option<Failure> {
    let interrupted = matches!(failure.kind, Kind::Interrupted(_));
    interrupted.then(|| Failure::new(failure.kind, &failure.message))
}

/// The source of the token that decides in a workspace, if its mode takes one.
fn had(config: &Config, workspace: &str) -> Option<String> {
    let cell = Cell {
        workspace: Some(workspace),
        role: None,
    };
    let chosen = resolve(config, cell, Agent::Claude);
    if chosen.auth_mode.mode() != Mode::OauthToken {
        return None;
    }
    let need = Need::of(config, cell, chosen.auth_mode)?;
    let search = Search::new(config, cell, &chosen, need);
    let (_, value) = search.deciding()?;
    Some(Source::shown(&value.written))
}
