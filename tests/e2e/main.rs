//! The end-to-end tests: real engines, real agents, hostile images.
//!
//! Each test is named for its subsystem, the scenario it proves and, in
//! brackets, the engine and low-level runtime that it ran on.

mod agents;
mod cdi;
mod claude;
mod claude_token;
mod completion;
mod compose;
mod cri;
mod delivery;
mod devcontainer;
mod failures;
mod hostile;
mod kept;
mod lab;
mod leak;
mod live;
mod owners;
mod podman;
mod policy;
mod race;
mod readme;
mod recipient;
mod registration;
mod resolved;
mod restart;
mod rootless;
mod session;
mod ticket;
mod transparency;
mod user;
mod verbs;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Conclusion, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A test mostly waits for an engine.
    arguments.test_threads.get_or_insert(4);
    if arguments.list {
        let all = trials()
            .into_iter()
            .chain(trials_alone())
            .chain(leak::last_trials());
        return libtest_mimic::run(&arguments, all.collect()).exit_code();
    }
    match test(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failed to prepare the end-to-end tests: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn test(arguments: &Arguments) -> anyhow::Result<bool> {
    lab::start()?;
    let first = libtest_mimic::run(arguments, trials());
    // One at a time: it changes the engines themselves.
    let alone = Arguments {
        test_threads: Some(1),
        ..arguments.clone()
    };
    let second = libtest_mimic::run(&alone, trials_alone());
    let last = libtest_mimic::run(arguments, leak::last_trials());
    cri::stop()?;
    rootless::stop()?;
    user::end_watchers();
    lab::stop()?;
    for failure in lab::failures() {
        eprintln!("failed: {failure}");
    }
    let all = [first, second, last];
    Ok(!all.iter().any(Conclusion::has_failed))
}

/// What changes the engines or the settings of our own programs.
fn trials_alone() -> Vec<Trial> {
    let mut all = registration::trials();
    all.extend(cdi::trials_alone());
    all.extend(cri::trials_alone());
    all.extend(kept::trials_alone());
    all.extend(live::trials_alone());
    all.extend(podman::trials_alone());
    all.extend(policy::trials_alone());
    all.extend(resolved::trials_alone());
    all.extend(restart::trials_alone());
    all
}

fn trials() -> Vec<Trial> {
    let subsystems = [
        agents::trials(),
        claude::trials(),
        claude_token::trials(),
        completion::trials(),
        compose::trials(),
        cri::trials(),
        delivery::trials(),
        devcontainer::trials(),
        failures::trials(),
        hostile::trials(),
        kept::trials(),
        leak::trials(),
        live::trials(),
        owners::trials(),
        podman::trials(),
        race::trials(),
        readme::trials(),
        recipient::trials(),
        restart::trials(),
        rootless::trials(),
        session::trials(),
        ticket::trials(),
        transparency::trials(),
        verbs::trials(),
    ];
    subsystems.into_iter().flatten().collect()
}
