//! `docker jackin eject`: stops and removes the containers of a role.

use std::io::Write;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use crate::config::{self, nearest};
use crate::engine::{Endpoint, connect, here};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::launch::{Container, LaunchFolder, containers_of, remove_all};
use crate::live::Logins;
use crate::plugin::global_flags::GlobalFlags;

/// Stop and remove the containers of a role
///
/// Each is asked to end, killed after 10 s, and removed; what it wrote outside
/// of volumes and mounts is lost. Volumes stay. That there is none is no error.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The role.
    #[arg(value_name = "ROLE")]
    role: String,
    /// Only those of this workspace; may be given more than once.
    #[arg(long = "workspace", value_name = "NAME")]
    workspaces: Vec<String>,
}

/// Carries it out.
///
/// # Errors
/// The engine cannot be asked, or does not remove them all.
pub fn run(flags: &GlobalFlags, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let host = Host::of_this_process()?;
    let endpoint = here::endpoint(flags, &host)?;
    let found = of_role(&endpoint, &host, &arguments.role, &arguments.workspaces)?;
    if found.is_empty() {
        say_that_there_is_none(flags, &host, arguments);
        return Ok(ExitCode::SUCCESS);
    }
    remove(&endpoint, &host, &found)?;
    Ok(ExitCode::SUCCESS)
}

/// The containers of a role, in these workspaces or in any.
///
/// # Errors
/// The engine cannot be asked.
pub(super) fn of_role(
    endpoint: &Endpoint,
    host: &Host,
    role: &str,
    workspaces: &[String],
) -> Result<Vec<Container>, Failure> {
    let engine = connect(endpoint)?;
    let mut found = containers_of(&engine, host.uid(), SystemTime::now())?;
    found.retain(|one| {
        let meant = one.workspace.as_ref();
        let meant = meant.is_some_and(|workspace| workspaces.contains(workspace));
        one.role.as_deref() == Some(role) && (workspaces.is_empty() || meant)
    });
    Ok(found)
}

/// Removes the containers and the records of their launches, and names each.
///
/// # Errors
/// Those that could not be removed, together.
pub(super) fn remove(
    endpoint: &Endpoint,
    host: &Host,
    containers: &[Container],
) -> Result<(), Failure> {
    let launches = LaunchFolder::of_user(host.uid()).ok();
    let logins = Logins::of_user(host.uid()).ok();
    let failed = remove_all(endpoint, containers, |done| {
        // A reader that has gone is no reason to stop.
        let _ = writeln!(std::io::stdout(), "removed container {}", done.name);
        if let Some(launches) = &launches {
            launches.remove(&done.launch);
        }
        if let Some(logins) = &logins {
            logins.drop_lease(&done.id);
        }
    });
    if failed.is_empty() {
        return Ok(());
    }
    let message = match failed.len() {
        1 => "1 container is not removed".to_owned(),
        count => format!("{count} containers are not removed"),
    };
    let failure = Failure::new(Kind::Engine, message);
    let reasons = failed.iter();
    let reasons = reasons.map(|(one, error)| format!("{}: {error}", one.name));
    Err(reasons
        .fold(failure, Failure::hint)
        .hint("try again, or remove one by hand: docker rm -f <container>"))
}

fn say_that_there_is_none(flags: &GlobalFlags, host: &Host, arguments: &Arguments) {
    let role = &arguments.role;
    let within = match arguments.workspaces.as_slice() {
        [] => String::new(),
        [one] => format!(" in workspace {one}"),
        several => format!(" in workspaces {}", several.join(", ")),
    };
    anstream::eprintln!("no container of role {role}{within}");
    // A configuration that cannot be read has no say in this.
    let Ok(config) = config::load(&config::path_of(flags, host), host) else {
        return;
    };
    if config.roles.contains_key(role) {
        return;
    }
    if let Some(meant) = nearest(role, config.roles.keys().map(String::as_str)) {
        anstream::eprintln!("  did you mean {meant:?}?");
    }
}
