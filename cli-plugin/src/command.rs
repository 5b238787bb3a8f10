//! The command line: parsed here, carried out in one file a verb.

mod agent_word;
mod channel;
mod check_token;
mod columns;
pub mod complete;
pub mod config;
pub mod doctor;
pub mod eject;
pub mod exec;
mod image_word;
pub mod import;
pub mod install;
mod issue;
mod new_name;
pub mod ps;
pub mod purge;
pub mod registrars;
pub mod resolve;
pub mod role;
pub mod run;
mod scope_flags;
mod screen;
pub mod status;
pub mod sync;
pub mod ticket;
pub mod uninstall;
pub mod workspace;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::docker::relay;
use crate::engine::Surroundings;
use crate::failure::Failure;
use crate::host::home_of_this_process;
use crate::plugin::arguments::{GlobalArguments, without_the_word};
use crate::plugin::global_flags::GlobalFlags;
use crate::plugin::metadata;
use crate::terminal;

/// Start AI coding agents in containers, logged in.
#[derive(Debug, Parser)]
#[command(
    name = "docker jackin",
    disable_version_flag = true,
    args_override_self = true,
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands"
)]
struct CommandLine {
    /// Show the version.
    #[arg(short = 'v', long, action = ArgAction::SetTrue)]
    version: bool,
    #[command(flatten)]
    global: GlobalArguments,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Arguments),
    Exec(exec::Arguments),
    Ticket(ticket::Arguments),
    Ps(ps::Arguments),
    Sync(sync::Arguments),
    Eject(eject::Arguments),
    Purge(purge::Arguments),
    Config(config::Arguments),
    Workspace(workspace::Arguments),
    Role(role::Arguments),
    Import(import::Arguments),
    Doctor(doctor::Arguments),
    /// Register the runtime and the hook with engines.
    Install(install::InstallArgs),
    /// Take the runtime and the hook out of engines again.
    Uninstall(uninstall::UninstallArgs),
    /// Show what is installed where, and whether a delivery works.
    Status(status::StatusArgs),
    /// Show the version.
    Version,
    /// Resolve a request again, for the engine's side: a request on standard
    /// input, a payload on standard output.
    #[command(hide = true)]
    Resolve,
    /// Ask the vendor about a token on standard input, and keep the answer for
    /// the launch that began this.
    #[command(hide = true, name = check_token::VERB)]
    CheckToken(check_token::Arguments),
    /// Look after what the docker that `run` became leaves behind.
    #[command(hide = true, name = relay::VERB)]
    Relay {
        /// The process of that docker, our parent.
        pid: i32,
    },
}

/// The command line, for the man pages that are made from it.
pub fn command_line() -> clap::Command {
    CommandLine::command()
}

/// Parses the command line and carries it out.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|first| first.to_str()) {
        Some(metadata::VERB) => {
            return say(&metadata::json());
        }
        Some(complete::VERB | complete::VERB_WITHOUT_DESCRIPTIONS) => {
            return complete::complete(&CommandLine::command(), &arguments);
        }
        _ => {}
    }
    let name = std::iter::once(OsString::from("docker jackin"));
    match CommandLine::try_parse_from(name.chain(without_the_word(arguments))) {
        Ok(line) => carry_out(line),
        Err(error) => refuse(&error),
    }
}

/// What clap has to say: help on stdout with 0, anything else with 2.
fn refuse(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}

fn carry_out(line: CommandLine) -> ExitCode {
    if line.version {
        return show_version();
    }
    let flags = GlobalFlags::from(line.global);
    start_log(&flags);
    match line.verb {
        Some(Verb::Run(arguments)) => report(run::run(&flags, arguments)),
        Some(Verb::Exec(arguments)) => report(exec::run(&flags, arguments)),
        Some(Verb::Ticket(arguments)) => report(ticket::run(&flags, arguments)),
        Some(Verb::Ps(arguments)) => report(ps::run(&flags, &arguments)),
        Some(Verb::Sync(arguments)) => report(sync::run(&flags, &arguments)),
        Some(Verb::Eject(arguments)) => report(eject::run(&flags, &arguments)),
        Some(Verb::Purge(arguments)) => report(purge::run(&flags, &arguments)),
        Some(Verb::Config(arguments)) => report(config::run(&flags, arguments)),
        Some(Verb::Workspace(arguments)) => report(workspace::run(&flags, arguments)),
        Some(Verb::Role(arguments)) => report(role::run(&flags, arguments)),
        Some(Verb::Import(arguments)) => report(import::run(&flags, &arguments)),
        Some(Verb::Doctor(arguments)) => report(doctor::run(&flags, &arguments)),
        Some(Verb::Install(arguments)) => with_engine(&flags, |around, screen| {
            install::run(&arguments, around, screen)
        }),
        Some(Verb::Uninstall(arguments)) => with_engine(&flags, |around, screen| {
            uninstall::run(&arguments, around, screen)
        }),
        Some(Verb::Status(arguments)) => with_engine(&flags, |around, screen| {
            status::run(&arguments, around, screen)
        }),
        Some(Verb::Version) => show_version(),
        Some(Verb::Resolve) => report(resolve::resolve().map(|()| ExitCode::SUCCESS)),
        Some(Verb::CheckToken(arguments)) => report(check_token::run(&arguments)),
        Some(Verb::Relay { pid }) => {
            relay::run(pid).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        None => {
            let _ = CommandLine::command().print_help();
            ExitCode::SUCCESS
        }
    }
}

/// Carries out a verb that is about the engine and not about a container.
fn with_engine(
    flags: &GlobalFlags,
    verb: impl FnOnce(&Surroundings<'_>, &mut dyn Write) -> Result<ExitCode, Failure>,
) -> ExitCode {
    let variable = |name: &str| match name {
        "HOME" => home_of_this_process()?.into_os_string().into_string().ok(),
        name => std::env::var(name).ok(),
    };
    let around = Surroundings {
        flags,
        variable: &variable,
    };
    report(verb(&around, &mut std::io::stdout()))
}

fn show_version() -> ExitCode {
    say(concat!("docker-jackin version ", env!("CARGO_PKG_VERSION")))
}

/// Prints a line; a reader that has gone is no trouble of ours.
fn say(line: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{line}");
    ExitCode::SUCCESS
}

fn report(outcome: Result<ExitCode, Failure>) -> ExitCode {
    outcome.unwrap_or_else(|failure| {
        terminal::show_failure(&failure);
        ExitCode::from(failure.exit_code())
    })
}

/// Diagnostics go to stderr, with `-D` or `--log-level debug` only; and ours
/// alone, since a library's could quote what an engine answered.
fn start_log(flags: &GlobalFlags) {
    if flags.debug || flags.log_level.as_deref() == Some("debug") {
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time();
        let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG);
        tracing_subscriber::registry()
            .with(layer.with_filter(ours))
            .init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
