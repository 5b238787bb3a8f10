//! `docker jackin status`: what is installed, registered, and whether it works.

mod engines;
mod policy;
mod programs;
mod report;
pub(super) mod survey;
mod verify;

pub(super) use report::{EngineStatus, Program, Status};

use std::io::Write;
use std::process::ExitCode;

use super::registrars::Engines;
use crate::engine::Surroundings;
use crate::engine::registrar::EngineName;
use crate::failure::{Failure, Kind};

/// What `docker jackin status` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    engines: Engines,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Deliver a random marker to a container and look for it there
    #[arg(long)]
    pub verify: bool,
    /// The image for --verify with Docker: a local one with /bin/sh, which is run
    #[arg(long, value_name = "IMAGE", requires = "verify")]
    pub image: Option<String>,
}

/// How a status is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Shows the status; exit code 1 says that something is missing.
///
/// # Errors
/// When flags contradict each other.
pub fn run(
    args: &StatusArgs,
    around: &Surroundings<'_>,
    screen: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let names = args.engines.names();
    let with_docker = names.contains(&EngineName::Docker);
    if args.verify && with_docker && args.image.is_none() {
        let message = "--verify needs --image IMAGE with Docker: a local image with /bin/sh";
        return Err(Failure::new(Kind::Usage, message));
    }
    let (mut status, engine) = survey::survey(around, with_docker)?;
    if let (Some(image), Some(engine)) = (&args.image, &engine) {
        status.note_delivery(verify::verify(engine, image));
    }
    engines::add(&mut status, &args.engines, around, args.verify);
    let shown = match args.format {
        Format::Text => status.to_string(),
        Format::Json => serde_json::to_string_pretty(&status)
            .map_err(|error| Failure::new(Kind::Internal, error))?,
    };
    let _ = writeln!(screen, "{}", shown.trim_end());
    Ok(ExitCode::from(u8::from(!status.problems.is_empty())))
}
