//! The OCI hook of docker-jackin: state on standard input, files delivered.

use std::process::ExitCode;

use jackin_oci_hook::{hook, raw};

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == "--version")
    {
        println!("docker-jackin-hook {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let ready = raw::close_inherited_fds()
        .map_err(|error| hook::Error::Precaution("close inherited fds", error))
        .and_then(|()| hook::take_precautions());
    match ready.and_then(|()| hook::run(std::io::stdin())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docker-jackin: {error}");
            ExitCode::FAILURE
        }
    }
}
