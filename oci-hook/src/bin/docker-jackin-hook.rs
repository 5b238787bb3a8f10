//! The OCI hook of docker-jackin: state on standard input, files delivered.

use std::ffi::OsStr;
use std::process::ExitCode;

use jackin_oci_hook::hook::redeem::Called;
use jackin_oci_hook::runtime::log::harmless;
use jackin_oci_hook::{hook, raw};

fn main() -> ExitCode {
    let verb = std::env::args_os().nth(1).unwrap_or_default();
    if verb == "--version" {
        println!("docker-jackin-hook {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    match run(&verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docker-jackin: {}", harmless(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &OsStr) -> Result<(), hook::Error> {
    raw::close_inherited_fds()
        .map_err(|error| hook::Error::Precaution("close inherited fds", error))?;
    hook::take_precautions()?;
    let stdin = std::io::stdin();
    match verb.to_str() {
        Some("redeem") => hook::redeem::run(stdin, Called::ForAny),
        Some("device") => hook::redeem::run(stdin, Called::ByRequest),
        Some("redeliver") => hook::redeliver::run(stdin, std::env::args().nth(2).as_deref()),
        _ => hook::run(stdin),
    }
}
