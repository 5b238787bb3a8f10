//! `docker jackin purge`: removes the containers of a role, and all that is
//! kept for it on the user's side.

mod leftovers;

use std::io::{IsTerminal, Write, stderr, stdin};
use std::process::ExitCode;

use clap::Args;

use crate::command::eject;
use crate::engine::here;
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::launch::Container;
use crate::plugin::global_flags::GlobalFlags;
use leftovers::Leftovers;

/// Remove the containers of a role, and what is kept for it
///
/// As `docker jackin eject`, and then the role's launch records and the
/// tickets that no container came for. What the engine's side keeps in memory
/// for a container goes when the next container starts or ends. The
/// configuration stays as it is.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The role.
    #[arg(value_name = "ROLE")]
    role: String,
    /// Do not ask.
    #[arg(short, long)]
    force: bool,
}

/// Carries it out.
///
/// # Errors
/// Nobody can be asked and `--force` is not given; the engine cannot be asked;
/// or something could not be removed.
pub fn run(flags: &GlobalFlags, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let host = Host::of_this_process()?;
    let endpoint = here::endpoint(flags, &host)?;
    let found = eject::of_role(&endpoint, &host, &arguments.role, &[])?;
    if !found.is_empty() && !arguments.force && !agreed(&found)? {
        anstream::eprintln!("nothing is removed");
        return Ok(ExitCode::FAILURE);
    }
    let ejected = eject::remove(&endpoint, &host, &found);
    let leftovers = Leftovers::remove(&arguments.role, host.uid());
    ejected?;
    let left = leftovers?;
    let mut screen = std::io::stdout();
    for (count, what) in [
        (left.records, "launch record"),
        (left.tickets, "unused ticket"),
    ] {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            let _ = writeln!(screen, "removed {count} {what}{plural}");
        }
    }
    if found.is_empty() && left == Leftovers::default() {
        anstream::eprintln!("nothing is kept for role {}", arguments.role);
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks on the terminal whether the containers may go.
fn agreed(containers: &[Container]) -> Result<bool, Failure> {
    let names: Vec<_> = containers.iter().map(|one| one.name.as_str()).collect();
    let names = names.join(", ");
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let message = format!("purging would remove {names}, and there is no terminal to ask on");
        return Err(
            Failure::new(Kind::Usage, message).hint("give --force to remove without asking")
        );
    }
    anstream::eprintln!(
        "This stops and removes {names}, with all files in there that lie in no volume."
    );
    anstream::eprint!("Go on? [y/N] ");
    let _ = stderr().flush();
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(|error| {
        Failure::new(
            Kind::Internal,
            format!("failed to read the answer: {error}"),
        )
    })?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_yes_is_yes() {
        for (answer, yes) in [
            ("y\n", true),
            ("YES\n", true),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yy", false),
        ] {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
