//! `docker jackin status`: what is installed, registered, and whether it works.

mod policy;
mod report;
pub(super) mod survey;
mod verify;

pub(super) use report::{EngineStatus, Program, Status};

use std::io::Write;
use std::process::ExitCode;

use crate::engine::Surroundings;
use crate::failure::{Failure, Kind};

/// What `docker jackin status` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct StatusArgs {
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Deliver a random marker to a container and look for it there
    #[arg(long, requires = "image")]
    pub verify: bool,
    /// The image for --verify: a local one with /bin/sh, which is run
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
    let (mut status, engine) = survey::survey(around)?;
    if let (Some(image), Some(engine)) = (&args.image, &engine) {
        status.note_delivery(verify::verify(engine, image));
    }
    let shown = match args.format {
        Format::Text => status.to_string(),
        Format::Json => serde_json::to_string_pretty(&status)
            .map_err(|error| Failure::new(Kind::Internal, error))?,
    };
    let _ = writeln!(screen, "{}", shown.trim_end());
    Ok(ExitCode::from(u8::from(!status.problems.is_empty())))
}
