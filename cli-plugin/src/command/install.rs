//! `docker jackin install`: registers the wrapper and the hook with engines.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::registrars::Engines;
use crate::engine::Surroundings;
use crate::engine::owner::Owner;
use crate::engine::registrar::apply::{apply, show};
use crate::engine::registrar::wanted::{Asked, Wanted};
use crate::engine::registrar::{Plan, Registrar};
use crate::engine::tmpfs;
use crate::failure::{Failure, Kind};

/// What `docker jackin install` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct InstallArgs {
    #[command(flatten)]
    engines: Engines,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Make the runtime the engine's default: for containers that name none
    #[arg(long)]
    pub default_runtime: bool,
    /// The engine's own configuration file [default: the one it was started with]
    #[arg(long, value_name = "PATH")]
    pub daemon_config: Option<PathBuf>,
    /// The runtime that does the work: runc, crun or an absolute path [default: as it is set, else runc, else crun]
    #[arg(long, value_name = "RUNTIME")]
    pub low_level: Option<String>,
    /// Where docker-jackin-runtime is [default: beside the plugin]
    #[arg(long, value_name = "PATH")]
    pub runtime_path: Option<PathBuf>,
}

/// Registers, in an order that leaves working engines wherever it stops:
/// programs checked, their settings written, the engines last.
///
/// # Errors
/// When something is missing, unsafe, taken, or not accepted by an engine.
pub fn run(
    args: &InstallArgs,
    around: &Surroundings<'_>,
    screen: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let asked = Asked {
        wrapper: args.runtime_path.clone(),
        low_level: args.low_level.clone(),
        default_runtime: args.default_runtime,
    };
    let plugin = own_program()?;
    let registrars = args.engines.find(around, args.daemon_config.as_deref())?;
    if !args.dry_run {
        for registrar in &registrars {
            registrar.owner().require_is_us("install")?;
        }
    }
    let mut plans = Vec::new();
    for registrar in &registrars {
        let wanted = Wanted::find(&asked, &plugin, registrar.owner())?;
        let mut plan = registrar.install(&wanted)?;
        plan.change_first(wanted.into_settings());
        plans.push((registrar, plan));
    }
    for (registrar, plan) in plans {
        if args.dry_run {
            show(&plan, screen);
        } else {
            carry_out(registrar.as_ref(), plan, screen)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn carry_out(
    registrar: &dyn Registrar,
    plan: Plan<'_>,
    screen: &mut dyn Write,
) -> Result<(), Failure> {
    if apply(plan, screen)?
        && let Some(outcome) = registrar.verify()
    {
        for line in outcome.map_err(registered_in_vain)? {
            let _ = writeln!(screen, "{line}");
        }
    }
    tell_about_memory(registrar.owner(), screen);
    Ok(())
}

fn registered_in_vain(failure: Failure) -> Failure {
    failure
        .hint("it stays registered; see what is wrong with: docker jackin status")
        .hint("or take it out again with: docker jackin uninstall --engine ENGINE")
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

/// Says so when the wrapper will refuse, since it keeps secrets in memory only.
fn tell_about_memory(owner: &Owner, screen: &mut dyn Write) {
    if !tmpfs::will_be(&owner.engine_folder()) {
        let _ = writeln!(screen, "warning: {}", owner.on_disk());
    }
}
