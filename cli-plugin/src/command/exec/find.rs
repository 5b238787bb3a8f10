//! Finding the container that a word on the command line means.

use std::time::SystemTime;

use crate::config;
use crate::engine::Engine;
use crate::engine::containers::Described;
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::launch::{Container, containers_of, label};
use crate::plugin::global_flags::GlobalFlags;

/// The running container of this user that `word` names: by its name, by its
/// role when only one of that runs, or by its id.
///
/// # Errors
/// There is none, there are several, or it is not one of ours.
pub(in crate::command) fn container(
    engine: &Engine,
    flags: &GlobalFlags,
    host: &Host,
    word: &str,
) -> Result<Container, Failure> {
    if word.is_empty() {
        let message = "a container has a name, and none was given";
        return Err(Failure::new(Kind::Usage, message).hint("see them: docker jackin ps"));
    }
    let ours = containers_of(engine, host.uid(), SystemTime::now())?;
    if let Some(named) = ours.iter().find(|one| one.name == word) {
        return running(named.clone());
    }
    let of_role: Vec<_> = ours
        .iter()
        .filter(|one| one.role.as_deref() == Some(word))
        .collect();
    let running_ones: Vec<_> = of_role.iter().filter(|one| one.is_running()).collect();
    match running_ones.as_slice() {
        [only] => return Ok((**only).clone()),
        [] => {}
        several => return Err(ambiguous(word, several)),
    }
    if let Some(described) = engine.describe(word)? {
        let mut ours = ours.iter();
        return match ours.find(|one| one.id == described.id) {
            Some(container) => running(container.clone()),
            None => Err(not_served(&described)),
        };
    }
    Err(match of_role.first() {
        Some(stopped) => not_running(word, &stopped.name),
        None => unknown(word, flags, host),
    })
}

fn running(container: Container) -> Result<Container, Failure> {
    match container.state.as_str() {
        "created" | "exited" | "dead" => {
            let message = format!(
                "container {} does not run: it is {}",
                container.name, container.state
            );
            let hint = format!(
                "start it again, with its login of today: docker start {}",
                container.name
            );
            Err(Failure::new(Kind::Configuration, message).hint(hint))
        }
        // What else keeps a process from starting is docker's to say.
        _ => Ok(container),
    }
}

fn ambiguous(role: &str, several: &[&&Container]) -> Failure {
    let message = format!("{} containers of role {role} run", several.len());
    let failure = Failure::new(Kind::Usage, message).hint("name one of them:");
    let lines = several.iter().map(|one| match &one.workspace {
        Some(workspace) => format!("  {} (workspace {workspace})", one.name),
        None => format!("  {}", one.name),
    });
    lines.fold(failure, Failure::hint)
}

fn not_served(described: &Described) -> Failure {
    let name = &described.name;
    // Anybody's image may have brought the label: only a number is repeated.
    let owner = described.labels.get(label::OWNER);
    let owner = owner.and_then(|owner| owner.parse::<u32>().ok());
    let message = match owner {
        Some(owner) => format!("container {name} is served for the user with uid {owner}"),
        None => format!("container {name} was not started by docker-jackin, and has no login"),
    };
    Failure::new(Kind::Configuration, message)
        .hint("start one with: docker jackin run <role>, or docker jackin run --image <image>")
        .hint(format!(
            "for a plain process in it: docker exec {name} <command>"
        ))
}

fn not_running(role: &str, stopped: &str) -> Failure {
    let message = format!("no container of role {role} runs");
    Failure::new(Kind::Configuration, message)
        .hint(format!(
            "start the one that has ended: docker start {stopped}"
        ))
        .hint(format!("or a new one: docker jackin run {role}"))
}

fn unknown(word: &str, flags: &GlobalFlags, host: &Host) -> Failure {
    // A configuration that cannot be read has no say in this.
    let config = config::load(&config::path_of(flags, host), host).ok();
    let configured = config.is_some_and(|config| config.roles.contains_key(word));
    if configured {
        let message = format!("no container of role {word} runs");
        return Failure::new(Kind::Configuration, message)
            .hint(format!("start one with: docker jackin run {word}"));
    }
    let message = format!("no container and no role is called {word:?}");
    Failure::new(Kind::Configuration, message).hint("list yours with: docker jackin ps")
}
