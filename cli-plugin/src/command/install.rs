//! `docker jackin install`: registers the runtime with the engine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jackin_oci_hook::config::PATH as SETTINGS;
use similar::TextDiff;

use crate::engine::Surroundings;
use crate::engine::client::EngineInfo;
use crate::engine::installation::{self, Installation, InstallationError};
use crate::engine::registration::{Registration, Reload, left_as_it_is, unreadable};
use crate::engine::settings;
use crate::engine::tmpfs;
use crate::engine::whole_file::WholeFile;
use crate::failure::{Failure, Kind};

/// What `docker jackin install` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct InstallArgs {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The engine's own configuration file [default: the one it was started with]
    #[arg(long, value_name = "PATH")]
    pub daemon_config: Option<PathBuf>,
    /// The runtime that does the work: runc, crun or an absolute path [default: as it is set, else runc]
    #[arg(long, value_name = "RUNTIME")]
    pub low_level: Option<String>,
    /// Where docker-jackin-runtime is [default: beside the plugin]
    #[arg(long, value_name = "PATH")]
    pub runtime_path: Option<PathBuf>,
}

/// Registers the runtime, in an order that leaves a working engine wherever
/// it stops: programs checked, their settings written, the engine last.
///
/// # Errors
/// When something is missing, unsafe, taken, or not accepted by the engine.
pub fn run(
    args: &InstallArgs,
    around: &Surroundings<'_>,
    screen: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    if !args.dry_run {
        require_root("install")?;
    }
    let plugin = own_program()?;
    let installation = checked_installation(args, &plugin)?;
    let runtimes = installation.runtimes();
    let registration = Registration::find(around, args.daemon_config.as_deref())?;
    registration.require_no_flags()?;

    let (settings_file, settings) = planned_settings(args, &plugin)?;
    let (config_file, json) = registration.read_config()?;
    for (name, program) in &runtimes {
        json.register(name, program)
            .map_err(|error| left_as_it_is(&registration.config, &error))?;
    }
    let config = json.text();

    if args.dry_run {
        show_change(screen, &settings_file, &settings);
        show_change(screen, &config_file, &config);
        return Ok(ExitCode::SUCCESS);
    }
    if settings_file.text() != Some(&settings) {
        settings_file
            .replace(&settings, false, &|_| Ok(()))
            .map_err(|error| left_as_it_is(settings_file.path(), &error))?;
    }
    if config_file.text() != Some(&config) {
        registration.write_config(&config_file, &config, true)?;
    }
    let reload = registration.reload_until(screen, &|info| shows_all(info, &runtimes))?;
    report(screen, &registration, &runtimes, reload);
    tell_about_memory(screen);
    Ok(ExitCode::SUCCESS)
}

/// Refuses everybody but root, and says how to become root.
pub fn require_root(verb: &str) -> Result<(), Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let message = format!("cannot {verb}: it changes the engine's configuration, which is root's");
    Err(Failure::new(Kind::Configuration, message).hint(format!("run: sudo docker jackin {verb}")))
}

/// This program's own path.
pub fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(
            Kind::Internal,
            format!("cannot tell where this program is: {error}"),
        )
    })
}

/// What a person does about programs that are missing or not root's alone.
pub fn installation_failure(error: &InstallationError) -> Failure {
    let failure = Failure::new(Kind::Configuration, error);
    match error {
        InstallationError::Missing { program, .. } if program.starts_with("docker-jackin") => {
            failure.hint("install both sides with: sudo make install")
        }
        InstallationError::Missing { .. } => {
            failure.hint("install it, or name another one with --low-level")
        }
        _ => failure,
    }
}

/// Shows a file's change as a patch, or nothing when there is none.
pub fn show_change(screen: &mut dyn Write, file: &WholeFile, after: &str) {
    let before = file.text().unwrap_or_default();
    if before == after {
        let _ = writeln!(screen, "{}: no change", file.path().display());
        return;
    }
    let name = file.path().display().to_string();
    let old = if file.text().is_some() {
        name.as_str()
    } else {
        "/dev/null"
    };
    let diff = TextDiff::from_lines(before, after);
    let _ = write!(screen, "{}", diff.unified_diff().header(old, &name));
}

fn checked_installation(args: &InstallArgs, plugin: &Path) -> Result<Installation, Failure> {
    let installation = Installation::find(args.runtime_path.as_deref(), plugin)
        .map_err(|error| installation_failure(&error))?;
    installation
        .require_roots_alone()
        .map_err(|error| installation_failure(&error))?;
    Ok(installation)
}

/// The settings file, and the text it will have.
fn planned_settings(args: &InstallArgs, plugin: &Path) -> Result<(WholeFile, String), Failure> {
    let path = Path::new(SETTINGS);
    let file = WholeFile::read(path).map_err(|error| unreadable(path, &error))?;
    let text = file.text().unwrap_or_default();
    let known = settings::low_level(text).map_err(|error| left_as_it_is(path, &error))?;
    let wanted = args
        .low_level
        .as_deref()
        .or(known.as_deref())
        .unwrap_or("runc");
    let low_level =
        installation::find_low_level(wanted).map_err(|error| installation_failure(&error))?;
    let resolver = installation::resolver(plugin).map_err(|error| installation_failure(&error))?;
    let new =
        settings::with(text, &low_level, &resolver).map_err(|error| left_as_it_is(path, &error))?;
    Ok((file, new))
}

fn shows_all(info: &EngineInfo, runtimes: &[(String, PathBuf)]) -> bool {
    runtimes
        .iter()
        .all(|(name, program)| info.runtime(name) == Some(program))
}

fn report(
    screen: &mut dyn Write,
    registration: &Registration,
    runtimes: &[(String, PathBuf)],
    reload: Reload,
) {
    let config = registration.config.display();
    for (name, program) in runtimes {
        let _ = writeln!(
            screen,
            "registered {name} ({}) in {config}",
            program.display()
        );
    }
    let endpoint = &registration.target.endpoint;
    let _ = match (reload, &registration.running) {
        (Reload::Done, _) => writeln!(screen, "the engine at {endpoint} has it"),
        (Reload::NotRunning, None) => writeln!(
            screen,
            "no engine runs at {endpoint}; it takes effect when one starts"
        ),
        (Reload::NotRunning, Some(running)) => match &running.daemon {
            Ok(_) => writeln!(
                screen,
                "the engine at {endpoint} does not read that file; it takes effect when an \
                 engine that does starts or reloads"
            ),
            Err(error) => writeln!(
                screen,
                "{error}; make it reload: systemctl reload docker, or kill -HUP its dockerd"
            ),
        },
    };
}

/// Says so when the wrapper will refuse, since it keeps secrets in memory only.
fn tell_about_memory(screen: &mut dyn Write) {
    let folder = Path::new(jackin_oci_hook::folder::ENGINE_FOLDER);
    if !tmpfs::will_be(folder) {
        let _ = writeln!(
            screen,
            "warning: {0} lies on disk, and secrets are not put there; before the first run:\n  \
             sudo mkdir -p {0} && sudo mount -t tmpfs -o mode=0700,nosuid,nodev,noexec tmpfs {0}",
            folder.display()
        );
    }
}
