//! Every source that the configuration names, in every scope.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::Patient;
use super::report::Finding;
use crate::auth::credential::is_one_line;
use crate::auth::scope::Scope;
use crate::config::{AgentBlocks, Config, Value, Variables};
use crate::source::{self, OpTrouble, Shell, Source, SourceError, Trouble, Wanted};

/// How long `op whoami` may take. It asks the app, and nobody.
const WHOAMI: Duration = Duration::from_secs(5);

/// Looks at them. A configuration that cannot be read names none.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let Ok(config) = &patient.config else {
        return Vec::new();
    };
    let declared = declared(config);
    let (read, looked_for): (Vec<_>, Vec<_>) = declared
        .iter()
        .filter(|one| !matches!(one.source, Ok(Source::Plain(_))))
        .partition(|one| patient.resolve || !one.asks_a_program());
    let mut found = read_all(patient, &read);
    found.extend(looked_for.into_iter().map(|one| one.looked_for(patient)));
    found.extend(accounts(patient, &declared));
    if found.is_empty() {
        found.push(Finding::ok(if declared.is_empty() {
            "none is configured"
        } else {
            "none is configured but plain values"
        }));
    }
    found
}

/// A value of the configuration.
struct Declared<'a> {
    /// In the words of the configuration: `NAME of [env]`.
    place: String,
    value: &'a Value,
    source: Result<Source, SourceError>,
    /// Whether it is an agent's credential, and not a variable.
    credential: bool,
}

fn declared(config: &Config) -> Vec<Declared<'_>> {
    let mut all = of_scope(&Scope::Global, Some(&config.agents), &config.env);
    for (name, role) in &config.roles {
        all.extend(of_scope(&Scope::Role(name.clone()), None, &role.env));
    }
    for (name, workspace) in &config.workspaces {
        let scope = Scope::Workspace(name.clone());
        all.extend(of_scope(&scope, Some(&workspace.agents), &workspace.env));
        for (role, cell) in &workspace.roles {
            let scope = Scope::WorkspaceRole(name.clone(), role.clone());
            all.extend(of_scope(&scope, Some(&cell.agents), &cell.env));
        }
    }
    all
}

fn of_scope<'a>(
    scope: &Scope,
    agents: Option<&'a AgentBlocks>,
    env: &'a Variables,
) -> Vec<Declared<'a>> {
    let declared = |name: &str, agent: Option<&str>, value: &'a Value| Declared {
        place: format!("{name} of {}", scope.table(agent.unwrap_or("env"))),
        value,
        source: Source::parse(&value.written),
        credential: agent.is_some(),
    };
    let mut all = Vec::new();
    for (agent, block) in agents.into_iter().flatten() {
        let slots = [
            ("oauth_token", &block.oauth_token),
            ("api_key", &block.api_key),
        ];
        let slots = slots.into_iter();
        all.extend(
            slots.filter_map(|(slot, value)| {
                Some(declared(slot, Some(agent.word()), value.as_ref()?))
            }),
        );
    }
    all.extend(
        env.iter()
            .map(|(name, value)| declared(name.as_str(), None, value)),
    );
    all
}

/// Reads them at once, each source once.
fn read_all(patient: &Patient, declared: &[&Declared<'_>]) -> Vec<Finding> {
    let wanted: Vec<_> = declared
        .iter()
        .map(|one| Wanted {
            value: one.value,
            // Matters at later starts of a container alone.
            delivered_as: "",
            shell: Shell::Live(&patient.host),
            at_launch: None,
        })
        .collect();
    let read = source::read_all(&patient.host, &wanted);
    let found = declared.iter().zip(read).map(|(one, read)| one.read(read));
    found.collect()
}

impl Declared<'_> {
    fn asks_a_program(&self) -> bool {
        self.source.as_ref().is_ok_and(Source::asks_a_program)
    }

    fn shown(&self) -> String {
        format!("{}: {}", self.place, Source::shown(&self.value.written))
    }

    fn read(&self, read: Result<SecretString, SourceError>) -> Finding {
        let place = &self.place;
        match read {
            Ok(value) if value.expose_secret().trim().is_empty() => Finding::failure(
                format!("{}, which is empty", self.shown()),
                Some("an empty value counts as none".to_owned()),
            ),
            Ok(value) if self.credential && !is_one_line(value.expose_secret()) => {
                Finding::failure(
                    format!("{}, which gives several lines", self.shown()),
                    Some("a credential is one line: name a source of it alone".to_owned()),
                )
            }
            Ok(_) => Finding::ok(self.shown()),
            Err(error @ SourceError::Unset { .. }) => Finding::warning(
                format!("{place}: {error}"),
                "it is read in the shell that launches: export it there",
            ),
            Err(error) => {
                let next = error.hint();
                Finding::failure(format!("{place}: {error}"), next)
            }
        }
    }

    /// Whether the program is there that would be asked.
    fn looked_for(&self, patient: &Patient) -> Finding {
        let program = self.source.as_ref().ok();
        let program = program.and_then(|source| source.look_for_program(&patient.host));
        match program {
            Some(Err(trouble)) => {
                let next = trouble.hint();
                Finding::failure(format!("{}: {trouble}", self.shown()), next)
            }
            _ => Finding::ok(format!("{}, not asked (--resolve asks)", self.shown())),
        }
    }
}

/// Whether 1Password's accounts are signed in that a source needs.
fn accounts(patient: &Patient, declared: &[Declared<'_>]) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let references = declared.iter().filter_map(|one| match &one.source {
        Ok(Source::Op(reference)) => Some(reference),
        _ => None,
    });
    let asked: Vec<_> = references
        // Where `op` is not there, its sources have said so.
        .filter(|one| !patient.resolve && !op_is_missing(patient, one))
        .filter(|one| seen.insert(one.account()))
        .collect();
    std::thread::scope(|scope| {
        let asked = asked.into_iter();
        let asked: Vec<_> = asked
            .map(|one| scope.spawn(|| account(patient, one)))
            .collect();
        let found = asked.into_iter().filter_map(|one| one.join().ok());
        found.collect()
    })
}

fn account(patient: &Patient, reference: &source::Reference) -> Finding {
    let account = match reference.account() {
        Some(account) => format!("1Password's account {account}"),
        None => "1Password".to_owned(),
    };
    match reference.is_signed_in(&patient.host, WHOAMI) {
        Ok(()) => Finding::ok(format!("{account}: signed in")),
        Err(Trouble::Op(OpTrouble::NotSignedIn)) => Finding::warning(
            format!("{account}: no open session, though its app may approve a read"),
            "`docker jackin doctor --resolve` reads the values; run `op signin` if that fails",
        ),
        Err(trouble) => {
            let next = trouble.hint().unwrap_or_default();
            Finding::warning(format!("{account}: {trouble}"), next)
        }
    }
}

fn op_is_missing(patient: &Patient, reference: &source::Reference) -> bool {
    let source = Source::Op(reference.clone());
    source
        .look_for_program(&patient.host)
        .is_some_and(|found| found.is_err())
}
