//! The docker-jackin CLI plugin: parses and dispatches.

use std::process::ExitCode;

fn main() -> ExitCode {
    docker_jackin::command::main()
}
