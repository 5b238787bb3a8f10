//! `docker jackin uninstall`: takes the wrapper and the hook out of engines
//! again.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::registrars::{Engines, others_are_registered};
use crate::engine::Surroundings;
use crate::engine::owner::Owner;
use crate::engine::registrar::Plan;
use crate::engine::registrar::apply::{apply, show};
use crate::engine::registrar::settings_file;
use crate::failure::Failure;
use jackin_oci_hook::store::Store;

/// What `docker jackin uninstall` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct UninstallArgs {
    #[command(flatten)]
    engines: Engines,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The engine's own configuration file [default: the one it was started with]
    #[arg(long, value_name = "PATH")]
    pub daemon_config: Option<PathBuf>,
}

/// Takes our entries out, unless a container would be left without a runtime.
/// The engines come first, and what their wrapper reads last.
///
/// # Errors
/// When containers still need it, or when an engine cannot be asked or does
/// not take the change.
pub fn run(
    args: &UninstallArgs,
    around: &Surroundings<'_>,
    screen: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let registrars = args.engines.find(around, args.daemon_config.as_deref())?;
    let mut plans = Vec::new();
    for registrar in &registrars {
        if !args.dry_run {
            registrar.owner().require_is_us("uninstall")?;
        }
        plans.push(registrar.uninstall()?);
    }
    let mut owners: Vec<&Owner> = registrars.iter().map(|one| one.owner()).collect();
    owners.dedup();
    let unused = owners
        .into_iter()
        .filter(|owner| !others_are_registered(owner, &args.engines.names()));
    for owner in unused {
        // Told after the engine that needed them, and not as a thing of its own.
        if let Some(plan) = plans.last_mut() {
            remove_settings(plan, owner)?;
        }
    }
    for plan in plans {
        if args.dry_run {
            show(&plan, screen);
        } else {
            apply(plan, screen)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes the settings, and what the engine's side keeps of containers that
/// are gone: no start and no stop of another container will do it from now on.
fn remove_settings<'a>(plan: &mut Plan<'a>, owner: &'a Owner) -> Result<(), Failure> {
    let change = settings_file::removed(owner)?;
    if !change.is_needed() {
        return Ok(());
    }
    plan.change(change);
    plan.act(Box::new(move |_| {
        // Files that others put there are theirs to remove.
        let _ = fs::remove_dir(owner.folder());
        if *owner != Owner::Root {
            // A rootless engine's bundles are seen in its own namespace only.
            return Ok(());
        }
        let swept = Store::open().and_then(|store| store.map_or(Ok(()), |store| store.sweep()));
        if let Err(error) = swept {
            tracing::debug!(%error, "failed to sweep");
        }
        Ok(())
    }));
    Ok(())
}
