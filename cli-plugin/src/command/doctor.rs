//! `docker jackin doctor`: looks at all that a login depends on, and says what
//! to do about what is wrong.

mod configuration;
mod containers;
mod engine;
mod logins;
mod report;
mod side_by_side;
mod sources;
mod sync;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;

use crate::command::screen;
use crate::command::status::Format;
use crate::config::{self, Config, Problems};
use crate::failure::Failure;
use crate::host::{Host, keep_out_of_dumps};
use crate::plugin::global_flags::GlobalFlags;
use report::Report;
use side_by_side::Examination;

/// How long one part of it may take: nobody waits longer for a diagnosis.
const LIMIT: Duration = Duration::from_secs(10);

/// How long the sources may take that ask their user.
const LIMIT_WITH_A_USER: Duration = Duration::from_secs(90);

/// Check all that a login depends on
///
/// The engine and its registration, the folder for tickets, the configuration,
/// the logins of this host, every configured source, what keeps logins up to
/// date, and the logins of running containers. Each check is ok, a warning or a failure, with what to do next.
/// Ends with 1 when there is a failure.
#[derive(Debug, Args)]
#[command(after_help = "\
The json format has checks, an array of objects with about (engine, configuration, logins,
sources, sync or containers), verdict (ok, warning or failure), says and next (null where there is
nothing to do), and the numbers of failures and warnings.")]
pub struct Arguments {
    /// Read all sources: a program that is asked may ask you.
    #[arg(long)]
    resolve: bool,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What the parts look at.
#[derive(Debug)]
struct Patient {
    flags: GlobalFlags,
    host: Host,
    config: Result<Config, Problems>,
    resolve: bool,
    now: SystemTime,
}

/// Looks at everything, and goes on past what is wrong.
///
/// # Errors
/// No home folder is known, below which everything would lie.
pub fn run(flags: &GlobalFlags, arguments: &Arguments) -> Result<ExitCode, Failure> {
    keep_out_of_dumps();
    let host = Host::of_this_process()?;
    let file = config::path_of(flags, &host);
    let patient = Arc::new(Patient {
        config: config::check(&file, &host),
        flags: flags.clone(),
        resolve: arguments.resolve,
        now: SystemTime::now(),
        host,
    });
    let asking = if arguments.resolve {
        LIMIT_WITH_A_USER
    } else {
        LIMIT
    };
    let examinations = [
        Examination::new("engine", LIMIT, engine::look),
        Examination::new("configuration", LIMIT, configuration::look),
        Examination::new("logins", LIMIT, logins::look),
        Examination::new("sources", asking, sources::look),
        Examination::new("sync", LIMIT, sync::look),
        Examination::new("containers", LIMIT, containers::look),
    ];
    let report = Report::new(side_by_side::all(&patient, &examinations));
    screen::show(&report, arguments.format)?;
    Ok(ExitCode::from(u8::from(report.failures > 0)))
}
