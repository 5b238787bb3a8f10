//! Looks at the configuration, the host's logins and the sources.

use std::collections::BTreeMap;
use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};

use super::report::{AgentReport, CellReport, LoginReport, RefreshReport, Report, Said, State};
use crate::agent::Agent;
use crate::agent::login::Found;
use crate::auth::credential::{Search, is_one_line};
use crate::auth::mode::{self, ChosenMode, Mode};
use crate::auth::refresh::{self, Refresh};
use crate::auth::scope::{Cell, Scope};
use crate::command::config::declared;
use crate::command::scope_flags::ShownScope;
use crate::config::Config;
use crate::host::Host;
use crate::source::{self, Shell, Source, SourceError, Wanted};
use crate::span;

/// What is looked at, and how closely.
pub(super) struct Survey<'a> {
    pub(super) config: &'a Config,
    pub(super) host: &'a Host,
    pub(super) workspace: Option<&'a str>,
    /// This role alone.
    pub(super) role: Option<&'a str>,
    /// This agent alone.
    pub(super) agent: Option<Agent>,
    /// Whether sources are read that may ask the user something.
    pub(super) resolve: bool,
    pub(super) now: SystemTime,
}

/// An agent in a kind of container, with the mode that holds there.
struct Subject<'a> {
    cell: Cell<'a>,
    chosen: ChosenMode,
}

impl Survey<'_> {
    /// Looks at all of it. Sources are read at once, and each only once.
    pub(super) fn report(&self) -> Report {
        let subjects: Vec<Vec<Subject<'_>>> = self
            .cells()
            .into_iter()
            .map(|cell| self.subjects(cell))
            .collect();
        let searches: Vec<Option<Search<'_>>> = subjects
            .iter()
            .flatten()
            .map(|subject| self.search(subject))
            .collect();
        let mut read = self.read(&searches);
        let hosts = self.host_logins(subjects.iter().flatten());
        let mut searches = searches.iter().enumerate();
        let cells = self.cells().into_iter().zip(&subjects);
        let cells = cells.map(|(cell, subjects)| CellReport {
            role: cell.role.map(str::to_owned),
            agents: subjects
                .iter()
                .map(|subject| {
                    let login = match searches.next() {
                        Some((at, Some(search))) => Some(declared_login(search, read.remove(&at))),
                        _ => hosts.get(&subject.synced()).cloned(),
                    };
                    self.agent(subject, login)
                })
                .collect(),
        });
        Report {
            config: self.config.file.clone(),
            workspace: self.workspace.map(str::to_owned),
            cells: cells.collect(),
            with_trace: false,
        }
    }

    fn cells(&self) -> Vec<Cell<'_>> {
        let workspace = self.workspace;
        let roles = if self.role.is_some() {
            vec![self.role]
        } else {
            let named = self.config.roles.keys();
            named
                .map(|role| Some(role.as_str()))
                .chain([None])
                .collect()
        };
        let cells = roles.into_iter().map(|role| Cell { workspace, role });
        cells.collect()
    }

    fn subjects<'a>(&'a self, cell: Cell<'a>) -> Vec<Subject<'a>> {
        let role = cell.role.and_then(|role| self.config.roles.get(role));
        let all = &Agent::ALL[..];
        let agents = match &self.agent {
            Some(agent) => std::slice::from_ref(agent),
            None => role.map_or(all, |role| &role.agents),
        };
        let agents = agents.iter();
        agents
            .map(|agent| Subject {
                cell,
                chosen: mode::resolve(self.config, cell, *agent),
            })
            .collect()
    }

    fn search<'a>(&'a self, subject: &'a Subject<'a>) -> Option<Search<'a>> {
        declared::search(self.config, subject.cell, &subject.chosen)
    }

    /// Reads what may be read, by the place of its search.
    fn read(
        &self,
        searches: &[Option<Search<'_>>],
    ) -> BTreeMap<usize, Result<SecretString, SourceError>> {
        let wanted = searches.iter().enumerate().filter_map(|(at, search)| {
            let search = search.as_ref()?;
            let (_, value) = search.deciding()?;
            let wanted = Wanted {
                value,
                // Matters at later starts of a container alone.
                delivered_as: "",
                shell: Shell::Live(self.host),
                at_launch: None,
            };
            // A program may ask the user something, which nobody expects of a
            // command that only shows.
            let asks = Source::would_ask_a_program(&value.written);
            (self.resolve || !asks).then_some((at, wanted))
        });
        let (places, wanted): (Vec<_>, Vec<_>) = wanted.unzip();
        let read = source::read_all(self.host, &wanted);
        places.into_iter().zip(read).collect()
    }

    fn host_logins<'a>(
        &self,
        subjects: impl Iterator<Item = &'a Subject<'a>>,
    ) -> BTreeMap<Option<Agent>, LoginReport> {
        let mut logins = BTreeMap::new();
        for agent in subjects.filter_map(Subject::synced) {
            let login = logins.entry(Some(agent));
            login.or_insert_with(|| self.host_login(agent));
        }
        logins
    }

    fn host_login(&self, agent: Agent) -> LoginReport {
        let log_in = agent.description().log_in;
        let report = |source: String, state, detail: Option<String>| LoginReport {
            source: format!("host session in {source}"),
            scope: None,
            state,
            detail,
            expires: None,
        };
        match agent.host_login(self.host) {
            Ok(Found::Login(login)) => {
                let Some(ends) = login.expires else {
                    return report(login.origin.to_string(), State::Usable, None);
                };
                let when = span::from_now(ends, self.now);
                let (state, detail) = if ends > self.now {
                    (State::Usable, format!("ends {when}"))
                } else {
                    let renews = agent.description().what_renews();
                    (State::Expired, format!("{when}; {renews}"))
                };
                LoginReport {
                    expires: jiff::Timestamp::try_from(ends)
                        .ok()
                        .map(|ends| ends.to_string()),
                    ..report(login.origin.to_string(), state, Some(detail))
                }
            }
            Ok(Found::Missing(origin)) => {
                let detail = format!("log in with `{log_in}` on this host");
                report(origin.to_string(), State::Missing, Some(detail))
            }
            Ok(Found::Unusable { origin, why }) => {
                let detail = format!("it {why}; log in with `{log_in}` on this host");
                report(origin.to_string(), State::Unusable, Some(detail))
            }
            Err(error) => LoginReport {
                source: "host session".to_owned(),
                ..report(String::new(), State::Failed, Some(error.to_string()))
            },
        }
    }

    fn agent(&self, subject: &Subject<'_>, login: Option<LoginReport>) -> AgentReport {
        let mode = subject.chosen.auth_mode;
        let scopes = subject.cell.agent_blocks(self.config, mode.agent());
        AgentReport {
            agent: mode.agent().word(),
            mode: mode.word(),
            chosen_by: subject.chosen.scope.clone().map(ShownScope),
            refresh: subject.synced().map(|agent| {
                let chosen = refresh::resolve(self.config, subject.cell, agent);
                RefreshReport {
                    word: chosen.refresh.word(),
                    chosen_by: chosen.scope.map(ShownScope),
                }
            }),
            login,
            trace: scopes
                .into_iter()
                .map(|(scope, block)| Said {
                    scope: ShownScope(scope),
                    auth_forward: block
                        .and_then(|block| block.auth_forward)
                        .map(mode::AuthMode::word),
                    sync_refresh: block
                        .and_then(|block| block.sync_refresh)
                        .map(Refresh::word),
                })
                .collect(),
        }
    }
}

impl Subject<'_> {
    /// The agent, if it is given the host's own login.
    fn synced(&self) -> Option<Agent> {
        let mode = self.chosen.auth_mode;
        (mode.mode() == Mode::Sync).then_some(mode.agent())
    }
}

/// The login of a mode whose credential the configuration declares.
fn declared_login(
    search: &Search<'_>,
    read: Option<Result<SecretString, SourceError>>,
) -> LoginReport {
    let Some((scope, value)) = search.deciding() else {
        let chosen = search.chosen();
        let (word, agent) = (chosen.auth_mode.word(), chosen.auth_mode.agent());
        let flags = chosen.scope.as_ref().map(Scope::flags).unwrap_or_default();
        return LoginReport {
            source: format!("no {}", search.need().slot),
            scope: None,
            state: State::Missing,
            detail: Some(format!(
                "docker jackin config auth set {word} --agent {agent}{flags} --from SOURCE"
            )),
            expires: None,
        };
    };
    let (state, detail) = match read {
        None => (State::NotAsked, Some("--resolve reads it".to_owned())),
        Some(Err(error)) => (State::Failed, Some(error.to_string())),
        Some(Ok(read)) if read.expose_secret().trim().is_empty() => (State::Empty, None),
        Some(Ok(read)) if !is_one_line(read.expose_secret()) => {
            let detail = "it gives several lines, and a credential is one";
            (State::Unusable, Some(detail.to_owned()))
        }
        Some(Ok(_)) => (State::Usable, None),
    };
    LoginReport {
        source: Source::shown(&value.written),
        scope: Some(ShownScope(scope.clone())),
        state,
        detail,
        expires: None,
    }
}
