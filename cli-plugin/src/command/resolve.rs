//! `docker-jackin resolve`: what the engine's side asks as a container's owner:
//! a request again when the container starts once more, or what a rule of the
//! policy gives to one that nobody staged a ticket for.

use std::io::{self, Read, Write};
use std::time::SystemTime;

use jackin_oci_hook::published::LoginId;
use jackin_oci_hook::ticket::{Asked, PolicyRequest, Resolution, Resolved, SCHEMA, to_wiped_json};
use zeroize::Zeroizing;

use crate::agent::Agent;
use crate::auth::scope::Cell;
use crate::command::issue::publish;
use crate::config::{self, Config};
use crate::delivery::{self, Circumstances, Prepared};
use crate::failure::{Failure, Kind};
use crate::host::{Host, keep_out_of_dumps};
use crate::launch::{LaunchFolder, LaunchId, Login, Record};
use crate::live::{self, Logins, Machine, Wanted};
use crate::plugin::global_flags::GlobalFlags;
use crate::request::{Request, Subject};
use crate::source::Shell;

/// The largest question that is read, in bytes.
const LIMIT: usize = 4 << 20;

/// Answers the question on standard input on standard output.
///
/// # Errors
/// Anything that keeps the request from being resolved; a container that had
/// something then keeps it.
pub fn resolve() -> Result<(), Failure> {
    keep_out_of_dumps();
    let question = read_question(io::stdin().lock())?;
    let resolved = answer(&question, SystemTime::now())?;
    let text = to_wiped_json(&resolved)
        .map_err(|_| Failure::new(Kind::Internal, "failed to write the answer as JSON"))?;
    io::stdout()
        .lock()
        .write_all(&text)
        .map_err(|error| Failure::new(Kind::Internal, format!("failed to answer: {error}")))
}

fn read_question(from: impl Read) -> Result<Resolution, Failure> {
    // Room for all of it: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    from.take(LIMIT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(Kind::Usage, format!("failed to read stdin: {error}")))?;
    if bytes.len() > LIMIT {
        let message = format!("the request on stdin is longer than {LIMIT} bytes");
        return Err(Failure::new(Kind::Usage, message));
    }
    // serde's own words could quote a value.
    let question = serde_json::from_slice::<Resolution>(&bytes).ok();
    question
        .filter(|question| question.schema == SCHEMA)
        .ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                format!("stdin holds no request of schema {SCHEMA}"),
            )
            .hint("this verb is for the engine's side; use `docker jackin run`")
        })
}

fn answer(question: &Resolution, now: SystemTime) -> Result<Resolved, Failure> {
    match &question.asked {
        Asked::Request(request) => {
            let request = Request::from_raw(request)
                .map_err(|error| Failure::new(Kind::Configuration, error))?;
            let host = request.host();
            let config = config::load(&request.config_file, &host)?;
            payload(request, &config, &host, Shell::Gone(&question.payload), now)
        }
        Asked::Policy(asked) => {
            let host = Host::of_this_process()?;
            let file = config::path_of(&GlobalFlags::default(), &host);
            let config = config::load(&file, &host)?;
            let request = request_of_rule(asked, &config, &host)?;
            payload(request, &config, &host, Shell::Absent, now)
        }
    }
}

/// What a rule asks for, as a launch would have asked for it.
fn request_of_rule(
    asked: &PolicyRequest,
    config: &Config,
    host: &Host,
) -> Result<Request, Failure> {
    let known = |found: Result<&str, Failure>| {
        found.map(str::to_owned).map_err(|failure| {
            let message = format!("{} in {}", failure.message, config.file.display());
            Failure::new(Kind::Configuration, message)
        })
    };
    let subject = match &asked.role {
        Some(role) => Subject::Role(known(config.known_role(role))?),
        None => Subject::Image {
            image: asked.image.clone(),
            agents: asked.agents.clone(),
        },
    };
    let launch = LaunchId::random().map_err(|error| {
        let message = format!("failed to draw a launch's id: {error}");
        Failure::new(Kind::Internal, message)
    })?;
    let mut request = Request::new(subject, launch, config.file.clone(), host);
    let workspace = asked.workspace.as_deref();
    request.workspace = workspace
        .map(|name| known(config.known_workspace(name)))
        .transpose()?;
    Ok(request)
}

/// The payload as the configuration and the logins of today have it. What
/// came from the shell at launch is kept from the last payload.
fn payload(
    mut request: Request,
    config: &Config,
    host: &Host,
    shell: Shell<'_>,
    now: SystemTime,
) -> Result<Resolved, Failure> {
    let agents = agents(&request, config)?;
    let mut prepared = delivery::prepare(Circumstances {
        config,
        cell: Cell {
            workspace: request.workspace.as_deref(),
            role: request.subject.role(),
        },
        agents: &agents,
        given: &request.given,
        modes_at_launch: &request.modes,
        logins_at_launch: &request.logins,
        sources_at_launch: &request.sources,
        host,
        shell,
        now,
    })?;
    if live::followed(&prepared.payload).next().is_some() {
        let wanted = Wanted::of_resolution(request.launch.as_str(), SystemTime::now());
        let logins = Logins::of_user(host.uid());
        let machine = Machine::of(host).without_shell();
        let warnings = publish(logins.as_ref(), &mut prepared, &machine, &wanted, now);
        prepared.warnings.extend(warnings);
        if let Ok(logins) = logins {
            expect(&logins, &prepared, &machine, &wanted, now);
        }
    }
    keep_up(&request, &prepared, host.uid(), now);
    request.modes = prepared.mode_words();
    request.logins = prepared.logins;
    request.sources = prepared.sources;
    let request = request
        .to_raw()
        .map_err(|_| Failure::new(Kind::Internal, "failed to write the request as JSON"))?;
    Ok(Resolved {
        schema: SCHEMA,
        request: Some(request),
        payload: prepared.payload,
        warnings: prepared.warnings,
    })
}

/// The agents that the container is for.
fn agents(request: &Request, config: &Config) -> Result<Vec<Agent>, Failure> {
    match &request.subject {
        Subject::Role(name) => match config.roles.get(name) {
            Some(role) => Ok(role.agents.clone()),
            None => Err(Failure::new(
                Kind::Configuration,
                format!(
                    "the role {name} is no longer in {}",
                    request.config_file.display()
                ),
            )),
        },
        Subject::Image { agents, .. } => {
            let agents = agents.iter().map(|word| {
                Agent::from_word(word).ok_or_else(|| {
                    let message = format!("the request names the unknown agent {word:?}");
                    Failure::new(Kind::Configuration, message)
                })
            });
            let agents: Vec<Agent> = agents.collect::<Result<_, _>>()?;
            Ok(Agent::each_once_or_claude(&agents))
        }
    }
}

/// Has the container follow what the host is logged out of: it has the login as
/// soon as the host has. Else it would get a copy of what it had.
fn expect(
    logins: &Logins,
    prepared: &Prepared,
    machine: &Machine,
    wanted: &Wanted,
    now: SystemTime,
) {
    let published = |id: &LoginId| prepared.live.iter().any(|one| one.id == *id);
    for login in live::followed(&prepared.payload).filter(|(_, id)| !published(id)) {
        if let Err(error) = logins.expect(login, machine, wanted, now) {
            tracing::debug!(%error, agent = %login.0, "a login is not waited for");
        }
    }
}

/// Takes down what the container is given from now on. It is for people: a
/// restart does not fail for it.
fn keep_up(request: &Request, prepared: &Prepared, uid: u32, now: SystemTime) {
    let Ok(folder) = LaunchFolder::of_user(uid) else {
        return;
    };
    let launch = &request.launch;
    let record = folder.read(launch).or_else(|| record_anew(request, now));
    let Some(mut record) = record else { return };
    let logins = prepared.provided.iter().map(Login::from);
    record.agents = logins.map(|login| login.given_at(now)).collect();
    if let Err(error) = folder.write(&record) {
        tracing::debug!(%error, %launch, "failed to update the launch's record");
    }
}

/// A launch's record that has gone, as with the last session of its user.
fn record_anew(request: &Request, now: SystemTime) -> Option<Record> {
    let image = match &request.subject {
        // The configuration may name another by now.
        Subject::Role(_) => None,
        Subject::Image { image, .. } => image.clone(),
    };
    let socket = request.socket.clone()?;
    let mut record = Record::new(request.launch.clone(), image, socket, now);
    record.role = request.subject.role().map(str::to_owned);
    record.workspace.clone_from(&request.workspace);
    Some(record)
}
