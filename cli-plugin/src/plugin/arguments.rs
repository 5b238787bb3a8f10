//! Docker's global flags on our command line, and the word `jackin` among them.
//!
//! Docker calls `docker-jackin [flags] jackin [flags] <verb> …`, and
//! `docker-jackin help jackin [verb]` for `docker help jackin`; a person calls
//! `docker-jackin [flags] <verb> …`. All of them become the last form here.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::global_flags::GlobalFlags;

/// The word that docker puts before a verb of ours.
const WORD: &str = "jackin";

/// Docker's global flags, spelt as docker spells them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Docker's global options")]
pub struct GlobalArguments {
    /// Location of client config files.
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
    /// Name of the context to use to connect to the daemon.
    #[arg(short, long, value_name = "NAME")]
    context: Option<String>,
    /// Daemon socket to connect to.
    #[arg(short = 'H', long = "host", value_name = "ADDRESS", action = ArgAction::Append)]
    hosts: Vec<String>,
    /// Enable debug mode.
    #[arg(short = 'D', long, num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_value = "false", default_missing_value = "true", hide_default_value = true,
          hide_possible_values = true, value_parser = BoolishValueParser::new())]
    debug: bool,
    /// Set the logging level.
    #[arg(short, long, value_name = "LEVEL", value_parser = ["debug", "info", "warn", "error", "fatal"])]
    log_level: Option<String>,
    /// Use TLS; implied by --tlsverify.
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_value = "false", default_missing_value = "true", hide_default_value = true,
          hide_possible_values = true, value_parser = BoolishValueParser::new())]
    tls: bool,
    /// Trust certs signed only by this CA.
    #[arg(long, value_name = "FILE")]
    tlscacert: Option<PathBuf>,
    /// Path to TLS certificate file.
    #[arg(long, value_name = "FILE")]
    tlscert: Option<PathBuf>,
    /// Path to TLS key file.
    #[arg(long, value_name = "FILE")]
    tlskey: Option<PathBuf>,
    /// Use TLS and verify the remote.
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_value = "false", default_missing_value = "true", hide_default_value = true,
          hide_possible_values = true, value_parser = BoolishValueParser::new())]
    tlsverify: bool,
}

impl From<GlobalArguments> for GlobalFlags {
    fn from(arguments: GlobalArguments) -> Self {
        Self {
            config: arguments.config,
            context: arguments.context,
            hosts: arguments.hosts,
            debug: arguments.debug,
            log_level: arguments.log_level,
            tls: arguments.tls,
            tls_verify: arguments.tlsverify,
            tls_ca: arguments.tlscacert,
            tls_cert: arguments.tlscert,
            tls_key: arguments.tlskey,
        }
    }
}

/// The same flags again, for the docker that we start.
pub fn for_docker(flags: &GlobalFlags) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut valued = |name: &str, value: Option<&OsStr>| {
        if let Some(value) = value {
            arguments.extend([OsString::from(name), value.to_owned()]);
        }
    };
    valued("--config", flags.config.as_deref().map(AsRef::as_ref));
    valued("--context", flags.context.as_deref().map(AsRef::as_ref));
    for host in &flags.hosts {
        valued("--host", Some(host.as_ref()));
    }
    valued("--log-level", flags.log_level.as_deref().map(AsRef::as_ref));
    valued("--tlscacert", flags.tls_ca.as_deref().map(AsRef::as_ref));
    valued("--tlscert", flags.tls_cert.as_deref().map(AsRef::as_ref));
    valued("--tlskey", flags.tls_key.as_deref().map(AsRef::as_ref));
    for (name, set) in [
        ("--debug", flags.debug),
        ("--tls", flags.tls),
        ("--tlsverify", flags.tls_verify),
    ] {
        if set {
            arguments.push(name.into());
        }
    }
    arguments
}

/// Takes the word `jackin` out of a command line (without its program name),
/// where docker puts it: after the global flags, or after `help`.
pub fn without_the_word(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(first) = first_word(&arguments) else {
        return arguments;
    };
    let word = match arguments[first].to_str() {
        Some(WORD) => first,
        Some("help") if arguments.get(first + 1).is_some_and(|next| next == WORD) => first + 1,
        _ => return arguments,
    };
    arguments.remove(word);
    arguments
}

/// Where the first argument stands that is no global flag and no flag's value.
fn first_word(arguments: &[OsString]) -> Option<usize> {
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        let argument = argument.to_string_lossy();
        if !argument.starts_with('-') {
            return Some(at);
        }
        at += if takes_the_next(&argument) { 2 } else { 1 };
    }
    None
}

/// Whether a global flag's value is the argument after it.
fn takes_the_next(flag: &str) -> bool {
    if let Some(long) = flag.strip_prefix("--") {
        return matches!(
            long,
            "config" | "context" | "host" | "log-level" | "tlscacert" | "tlscert" | "tlskey"
        );
    }
    // `-Dc name` and `-c name` take the next, `-cname` has its value.
    let letters = flag.trim_start_matches('-').trim_start_matches('D');
    matches!(letters, "c" | "H" | "l")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(line: &str) -> String {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        without_the_word(arguments)
            .join(OsStr::new(" "))
            .into_string()
            .unwrap()
    }

    /// The lines are what docker 20.10 and 28.2 were seen to pass.
    #[test]
    fn scenario_71_every_way_of_calling_becomes_one() {
        for (passed, meant) in [
            ("jackin run x", "run x"),
            (
                "--context default -D jackin run x --rm",
                "--context default -D run x --rm",
            ),
            (
                "-H unix:///tmp/x -l debug jackin status",
                "-H unix:///tmp/x -l debug status",
            ),
            (
                "--tls --config=/tmp/dc jackin run",
                "--tls --config=/tmp/dc run",
            ),
            ("-Dc jackin jackin run", "-Dc jackin run"),
            ("-cjackin jackin run", "-cjackin run"),
            ("jackin --context foo run", "--context foo run"),
            ("help jackin run", "help run"),
            ("jackin --help", "--help"),
            ("run jackin", "run jackin"),
            ("run web jackin", "run web jackin"),
            ("jackin", ""),
            ("", ""),
        ] {
            assert_eq!(stripped(passed), meant, "{passed}");
        }
    }

    #[test]
    fn scenario_71_flags_given_to_us_are_given_to_docker() {
        let flags = GlobalFlags {
            context: Some("far away".into()),
            hosts: vec!["unix:///a".into(), "unix:///b".into()],
            debug: true,
            tls_key: Some("/k".into()),
            ..GlobalFlags::default()
        };
        let line = for_docker(&flags).join(OsStr::new("|"));
        assert_eq!(
            line,
            "--context|far away|--host|unix:///a|--host|unix:///b|--tlskey|/k|--debug"
        );
    }
}
