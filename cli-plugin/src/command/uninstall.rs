//! `docker jackin uninstall`: takes the runtime out of the engine again.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jackin_oci_hook::config::PATH as SETTINGS;

use super::install::{require_root, show_change};
use crate::engine::Surroundings;
use crate::engine::client::{EngineInfo, RuntimeUser};
use crate::engine::daemon_json::{DaemonJsonError, is_ours};
use crate::engine::registration::{Registration, left_as_it_is};
use crate::failure::{Failure, Kind};
use jackin_oci_hook::store::Store;

/// What `docker jackin uninstall` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct UninstallArgs {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The engine's own configuration file [default: the one it was started with]
    #[arg(long, value_name = "PATH")]
    pub daemon_config: Option<PathBuf>,
}

/// Takes our entries out, unless a container would be left without a runtime.
///
/// # Errors
/// When containers still need it, when it is the default runtime, or when
/// the engine cannot be asked or does not take the change.
pub fn run(
    args: &UninstallArgs,
    around: &Surroundings<'_>,
    screen: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    if !args.dry_run {
        require_root("uninstall")?;
    }
    let registration = Registration::find(around, args.daemon_config.as_deref())?;
    let (config_file, json) = registration.read_config()?;
    let refused = |error: DaemonJsonError| left_as_it_is(&registration.config, &error);
    let names = json.unregister_ours().map_err(refused)?;
    let for_reload = json.text();
    json.drop_empty_runtimes().map_err(refused)?;
    let at_last = json.text();
    require_unused(&registration, &names)?;

    let known = registration
        .reader()
        .is_some_and(|info| !registered(info).is_empty());
    let nothing_to_do = names.is_empty() && !known;
    if args.dry_run && nothing_to_do {
        report(screen, &registration, &names, known);
    } else if args.dry_run {
        show_change(screen, &config_file, &at_last);
    }
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if known {
        registration.write_config(&config_file, &for_reload, true)?;
        registration.reload_until(screen, &|info| registered(info).is_empty())?;
        let (config_file, _) = registration.read_config()?;
        registration.write_config(&config_file, &at_last, false)?;
    } else if !nothing_to_do {
        registration.write_config(&config_file, &at_last, true)?;
    }
    remove_settings()?;
    forget_containers();
    report(screen, &registration, &names, known);
    Ok(ExitCode::SUCCESS)
}

/// Drops what the engine's side keeps of containers that are gone: no start
/// and no stop of another container will do it from now on.
fn forget_containers() {
    let swept = Store::open().and_then(|store| store.map_or(Ok(()), |store| store.sweep()));
    if let Err(error) = swept {
        tracing::debug!(%error, "failed to sweep");
    }
}

/// The names in the engine under which programs of ours are registered.
fn registered(info: &EngineInfo) -> Vec<String> {
    let ours = info
        .runtimes
        .iter()
        .filter(|(_, program)| program.as_deref().is_some_and(is_ours));
    ours.map(|(name, _)| name.clone()).collect()
}

/// Refuses while a container would be left without its runtime: it could not
/// be started, nor restarted by the engine, any more.
fn require_unused(registration: &Registration, names: &[String]) -> Result<(), Failure> {
    let Some(running) = &registration.running else {
        return require_nothing_registered(registration, names);
    };
    let mut asked = registered(&running.info);
    asked.extend(names.iter().cloned());
    if asked.is_empty() {
        return Ok(());
    }
    // It may come from dockerd's command line rather than from the file.
    let default = &running.info.default_runtime;
    if asked.contains(default) {
        let message = format!("cannot uninstall: {default} is the engine's default runtime");
        return Err(Failure::new(Kind::Configuration, message)
            .hint("start dockerd with another --default-runtime first"));
    }
    let users = running.engine.containers_using(&asked)?;
    if users.is_empty() {
        return Ok(());
    }
    let message = format!(
        "cannot uninstall: these containers need the runtime:{}",
        users.iter().map(line).collect::<String>()
    );
    Err(Failure::new(Kind::Configuration, message)
        .hint("remove them first with: docker rm -f NAME"))
}

/// A container, as a person finds it again.
fn line(user: &RuntimeUser) -> String {
    let id = user.id.get(..12).unwrap_or(&user.id);
    format!(
        "\n    {}  {id}  {}  ({})",
        user.name, user.state, user.runtime
    )
}

fn require_nothing_registered(
    registration: &Registration,
    names: &[String],
) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let message = format!(
        "cannot uninstall: no engine runs at {}, so nobody can say which containers need the runtime",
        registration.target.endpoint
    );
    let config = registration.config.display();
    Err(Failure::new(Kind::Engine, message)
        .hint("start the engine and try again")
        .hint(format!(
            "or, if it is gone for good, take {} out of {config}",
            names.join(", ")
        )))
}

/// Removes the settings, and their folder when nothing else is in it.
fn remove_settings() -> Result<(), Failure> {
    match fs::remove_file(SETTINGS) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::new(
                Kind::Configuration,
                format!("cannot remove {SETTINGS}: {error}"),
            ));
        }
        _ => {}
    }
    if let Some(folder) = Path::new(SETTINGS).parent() {
        // Files that others put there are theirs to remove.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

fn report(screen: &mut dyn Write, registration: &Registration, names: &[String], taken: bool) {
    let config = registration.config.display();
    let endpoint = &registration.target.endpoint;
    let _ = match (names, taken) {
        ([], false) => writeln!(screen, "nothing of docker-jackin is registered in {config}"),
        ([], true) => writeln!(screen, "the engine at {endpoint} has forgotten the runtime"),
        (_, true) => writeln!(
            screen,
            "took {} out of {config}; the engine at {endpoint} has forgotten them",
            names.join(", ")
        ),
        (_, false) => writeln!(
            screen,
            "took {} out of {config}; it takes effect when the engine that reads it starts again",
            names.join(", ")
        ),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_named_with_its_id_state_and_runtime() {
        let user = RuntimeUser {
            name: "web".into(),
            id: "0123456789abcdef".into(),
            state: "exited".into(),
            runtime: "docker-jackin-crun".into(),
        };
        assert_eq!(
            line(&user),
            "\n    web  0123456789ab  exited  (docker-jackin-crun)"
        );
    }

    #[test]
    fn only_programs_of_ours_count_as_registered() {
        let runtime = |name: &str, path: Option<&str>| (name.to_owned(), path.map(PathBuf::from));
        let info = EngineInfo {
            runtimes: vec![
                runtime("docker-jackin", Some("/l/docker-jackin-runtime")),
                runtime("docker-jackin-mine", Some("/home/me/other")),
                runtime("io.containerd.runc.v2", None),
                runtime("older", Some("/opt/docker-jackin-runtime-crun")),
            ],
            ..EngineInfo::default()
        };
        assert_eq!(registered(&info), ["docker-jackin", "older"]);
    }
}
