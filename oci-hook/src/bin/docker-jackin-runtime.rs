//! The OCI runtime wrapper of docker-jackin: redeems a container's ticket,
//! then becomes the low-level runtime.

use std::process::ExitCode;

use jackin_oci_hook::runtime::{self, low_level};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    // `--version` is the low-level runtime's, for the engine that asks.
    if words.len() == 1 && words[0] == "--jackin-version" {
        println!("docker-jackin-runtime {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    runtime::run(&low_level::called_as(), words)
}
