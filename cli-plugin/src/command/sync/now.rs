//! `docker jackin sync --now`: the logins are renewed and published at once,
//! and containers that cannot follow are given theirs again.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use jackin_oci_hook::published::{REDELIVER, REDELIVERED};

use crate::agent::Agent;
use crate::auth::mode::Mode;
use crate::command::exec::find;
use crate::command::screen;
use crate::engine::{Engine, here};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::launch::Container;
use crate::live::leases::may_live;
use crate::live::renew::{self, Occasion};
use crate::live::{Asked, LoginFolder, Logins, State, watcher};
use crate::plugin::global_flags::GlobalFlags;
use crate::terminal;

/// How long is waited for a vendor's program.
const PATIENCE: Duration = Duration::from_secs(20);

/// Renews and publishes all logins, and sees to these containers.
///
/// # Errors
/// There is no folder for logins, or a container is not there, or not ours.
pub(super) fn run(
    flags: &GlobalFlags,
    host: &Host,
    containers: &[String],
) -> Result<ExitCode, Failure> {
    let logins = Logins::of_user(host.uid())?;
    let mut engine = None;
    let mut found = Vec::new();
    for word in containers {
        let engine = match &mut engine {
            Some(engine) => engine,
            none => none.insert(here::reach(flags, host)?),
        };
        found.push(find::container(engine, flags, host, word)?);
    }
    let mut all_is_well = true;
    for folder in logins.all() {
        if let Err(why) = refresh(&folder, &logins) {
            terminal::show_warning(&why);
            all_is_well = false;
        }
    }
    for (container, engine) in found.iter().zip(engine.iter().cycle()) {
        match see_to(container, &logins, engine, host.uid()) {
            Ok(line) => screen::say(&line),
            Err(failure) => {
                terminal::show_failure(&failure);
                all_is_well = false;
            }
        }
    }
    if !logins.all().is_empty() {
        watcher::ensure(host)?;
    }
    Ok(if all_is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Has a login renewed by its vendor's program, and publishes what lies on the
/// host then.
fn refresh(folder: &LoginFolder, logins: &Logins) -> Result<(), String> {
    let Some(state) = folder.state() else {
        return Ok(());
    };
    let Some(agent) = Agent::from_word(&state.agent) else {
        return Ok(());
    };
    if state.published.is_some() && agent.description().renewal.is_some() {
        let asked = renew::ask(agent, &state.machine, Occasion::Doubt, PATIENCE);
        if let Err(error) = asked {
            terminal::show_warning(&format!("{agent}'s login is not renewed: {error}"));
        }
    }
    watcher::follow_once(folder, logins);
    match folder.state() {
        Some(state) => judge(agent, &state),
        None => Ok(()),
    }
}

/// What is wrong with a login that is published, and what to do.
fn judge(agent: Agent, state: &State) -> Result<(), String> {
    let what = agent.description();
    if state.logged_out.is_some() {
        return Err(format!(
            "{agent} is logged out on this host; log in with `{}`",
            what.log_in
        ));
    }
    if let Some(trouble) = &state.trouble {
        return Err(format!("{agent}: {}", trouble.what));
    }
    if has_ended(state) {
        return Err(format!(
            "{agent}'s login on this host has ended; `{}` renews it",
            what.renew
        ));
    }
    Ok(())
}

fn has_ended(state: &State) -> bool {
    let ends = state
        .published
        .as_ref()
        .and_then(|published| published.expires);
    ends.is_some_and(|ends| ends <= crate::live::millis(SystemTime::now()))
}

/// Sees to it that a container has the logins of today; how it has.
fn see_to(
    container: &Container,
    logins: &Logins,
    engine: &Engine,
    uid: u32,
) -> Result<String, Failure> {
    let name = &container.name;
    let agents = forwarded(container);
    if !agents.is_empty() && agents.iter().all(|agent| follows(container, agent, logins)) {
        let agents = agents.join(", ");
        return Ok(format!("{name}: follows this host's login of {agents}"));
    }
    let failed = |why: String| {
        let message = format!("the login of {name} was not delivered again: {why}");
        Failure::new(Kind::Engine, message)
            .hint(format!("deliver it by a restart: docker restart {name}"))
    };
    let asked = Asked::leave(uid, &container.id)?;
    let answer = engine.refusal(&container.id, REDELIVER);
    drop(asked);
    let answer = answer?;
    match Answer::of(answer.as_deref().unwrap_or_default()) {
        Answer::Done(warnings) => {
            for warning in warnings {
                terminal::show_warning(&warning);
            }
            Ok(format!("{name}: login delivered again"))
        }
        Answer::Failed(why) => Err(failed(why)),
        Answer::Unknown => Err(failed(
            "its runtime is not docker-jackin's, or an older one, or its login is another user's"
                .to_owned(),
        )),
    }
}

/// The container's agents whose login is the host's, by what was written down
/// at its launch, if that is still there.
fn forwarded(container: &Container) -> Vec<String> {
    let Some(record) = &container.record else {
        return container.agents.clone();
    };
    let agents = record.agents.iter();
    let synced = agents.filter(|login| login.mode == Mode::Sync.word());
    synced.map(|login| login.agent.clone()).collect()
}

fn follows(container: &Container, agent: &str, logins: &Logins) -> bool {
    logins.all().iter().any(|folder| {
        let lease = folder.lease_of(&container.id);
        let current = |lease| folder.is_current(&lease) && may_live(&lease);
        folder.state().is_some_and(|state| state.agent == agent) && lease.is_some_and(current)
    })
}

/// What a container's runtime says to the request.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It has delivered, and has this to say beside.
    Done(Vec<String>),
    /// It has not, and why.
    Failed(String),
    /// It does not know the request: there is no such program.
    Unknown,
}

impl Answer {
    /// How the wrapper begins when it has not delivered.
    const FAILED: &str = "the login was not delivered again: ";

    /// The answer in an engine's words, which begin and end with its own.
    fn of(words: &str) -> Self {
        // A runtime's words may quote the container's: they are not to move
        // the cursor.
        let words: String = words.chars().filter(|c| !c.is_control()).collect();
        let words = words.strip_suffix(": unknown").unwrap_or(&words);
        if let Some((_, why)) = words.split_once(Self::FAILED) {
            return Self::Failed(why.to_owned());
        }
        match words.split_once(REDELIVERED) {
            Some((_, more)) => {
                let more = more.split(';').map(str::trim);
                Self::Done(
                    more.filter(|one| !one.is_empty())
                        .map(str::to_owned)
                        .collect(),
                )
            }
            None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_answer_is_found_in_the_engines_words() {
        let of = |words: &str| Answer::of(words);
        let done = "OCI runtime exec failed: docker-jackin: login delivered again: unknown";
        assert_eq!(of(done), Answer::Done(Vec::new()));
        let warned = "docker-jackin: login delivered again; one\u{1b}; other: unknown";
        let warnings = ["one", "other"].map(str::to_owned).to_vec();
        assert_eq!(of(warned), Answer::Done(warnings));
        let failed = "docker-jackin: the login was not delivered again: no: reason: unknown";
        assert_eq!(of(failed), Answer::Failed("no: reason".to_owned()));
        let other = "exec: \"/.docker-jackin/sync\": stat: no such file or directory: unknown";
        assert_eq!(of(other), Answer::Unknown);
        assert_eq!(of(""), Answer::Unknown);
    }
}
