//! `docker jackin exec`: becomes `docker exec` with an agent's own program.

pub(super) mod find;

use std::ffi::OsString;
use std::io::{IsTerminal, stdin, stdout};
use std::os::fd::AsFd;
use std::process::ExitCode;

use clap::Args;
use rustix::fs::{FileType, major, minor};

use crate::agent::Agent;
use crate::command::agent_word::agent_word;
use crate::command::issue;
use crate::docker::given_flags::{EXEC, GivenFlags};
use crate::docker::program;
use crate::engine::here;
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::launch::Container;
use crate::live::Logins;
use crate::plugin::arguments::for_docker;
use crate::plugin::global_flags::GlobalFlags;

const EXAMPLES: &str = "\
Examples:
  docker jackin exec web
  docker jackin exec web --agent codex
  docker jackin exec web -w /workspace -- claude -p \"what is this?\"";

/// Start an agent in a running container
///
/// The container's first agent, unless another of its agents or a command is
/// named. What follows the container are flags of `docker exec`, handed on
/// untouched, and the command behind `--`. Standard input is handed on unless it
/// is /dev/null, and a terminal is given where there is one, unless -i, -t or -d
/// is given.
#[derive(Debug, Args)]
#[command(
    override_usage = "docker jackin exec <CONTAINER|ROLE> [--agent NAME] [DOCKER EXEC FLAGS] [-- COMMAND…]",
    after_help = EXAMPLES
)]
pub struct Arguments {
    /// The agent to start.
    #[arg(long, value_name = "NAME", value_parser = agent_word())]
    agent: Option<Agent>,
    /// A container that `docker jackin run` started, or the role of the only
    /// one that runs; flags of `docker exec`, and the command behind `--`.
    #[arg(
        value_name = "CONTAINER|ROLE",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    rest: Vec<OsString>,
}

/// Starts the agent. Does not come back when that worked.
///
/// # Errors
/// There is no such container, or it has no such agent.
pub fn run(flags: &GlobalFlags, arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut words = arguments.rest.into_iter();
    let name = container_word(words.next())?;
    let user = GivenFlags::parse(&EXEC, words.collect())?;
    let wanted = agent_among(&user)?.or(arguments.agent);
    let host = Host::of_this_process()?;
    let docker = program::find(&host)?;
    let engine = here::reach(flags, &host)?;
    let container = find::container(&engine, flags, &host, &name)?;
    let agent = agent_of(&container, wanted)?;
    if follows_a_login(&host, &container.id) {
        issue::keep_up_to_date(&host);
    }

    let mut line = for_docker(flags);
    line.push("exec".into());
    line.extend(streams(&user, Input::of(stdin()), stdout().is_terminal()));
    line.extend(user.flags);
    line.push(container.name.into());
    match user.command.filter(|command| !command.is_empty()) {
        Some(command) => line.extend(command),
        None => line.push(agent.ok_or_else(no_agent)?.description().program.into()),
    }
    Err(program::become_docker(&docker, &line, &[], None))
}

/// Whether a container follows a login of the host's: what keeps that up to
/// date may have been killed since it was started.
fn follows_a_login(host: &Host, container: &str) -> bool {
    let logins = Logins::of_user(host.uid()).map(|logins| logins.all());
    let mut logins = logins.into_iter().flatten();
    logins.any(|login| login.lease_of(container).is_some())
}

fn container_word(first: Option<OsString>) -> Result<String, Failure> {
    let wrong = |message: String| {
        Failure::new(Kind::Usage, message)
            .hint("docker jackin exec <container|role> [docker exec flags] [-- command]")
            .hint("`docker jackin ps` lists your containers")
    };
    let Some(name) = first.filter(|word| word != "--" && !word.is_empty()) else {
        let message = "`docker jackin exec` wants a container or a role";
        return Err(wrong(message.to_owned()));
    };
    let name = name.to_string_lossy().into_owned();
    if name.starts_with('-') {
        let message = format!("the container comes before docker's flags, and {name} is none");
        return Err(wrong(message));
    }
    Ok(name)
}

/// The last `--agent` behind the container.
fn agent_among(user: &GivenFlags) -> Result<Option<Agent>, Failure> {
    let Some(word) = user.own.last().and_then(|flag| flag.value.as_deref()) else {
        return Ok(None);
    };
    Agent::from_word(word).map(Some).ok_or_else(|| {
        let known = Agent::ALL.map(Agent::word).join(", ");
        Failure::new(Kind::Usage, "--agent names no agent").hint(format!("there are {known}"))
    })
}

/// The agent that is wanted, which has to be one of the container's, or its
/// first one.
fn agent_of(container: &Container, wanted: Option<Agent>) -> Result<Option<Agent>, Failure> {
    let Some(wanted) = wanted else {
        let first = container.agents.first();
        return Ok(first.and_then(|word| Agent::from_word(word)));
    };
    if container.agents.iter().any(|word| word == wanted.word()) {
        return Ok(Some(wanted));
    }
    let name = &container.name;
    let message = format!("{wanted} is no agent of {name}, and has no login there");
    let failure = Failure::new(Kind::Usage, message);
    Err(match container.agents.as_slice() {
        [] => failure.hint("it was started without any agent"),
        agents => failure.hint(format!("its agents: {}", agents.join(", "))),
    }
    .hint("start one that has it: docker jackin run"))
}

fn no_agent() -> Failure {
    Failure::new(
        Kind::Usage,
        "the container has no agent that could be started",
    )
    .hint("give a command: docker jackin exec <container|role> -- <command>")
}

/// What our standard input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Terminal,
    /// `/dev/null`, or nothing at all.
    Nothing,
    Other,
}

impl Input {
    fn of(input: impl AsFd + IsTerminal) -> Self {
        /// `/dev/null`, as the kernel's devices.txt numbers it.
        const NULL: (u32, u32) = (1, 3);
        if input.is_terminal() {
            return Self::Terminal;
        }
        match rustix::fs::fstat(input) {
            Ok(found) if FileType::from_raw_mode(found.st_mode) != FileType::CharacterDevice => {
                Self::Other
            }
            Ok(found) if (major(found.st_rdev), minor(found.st_rdev)) != NULL => Self::Other,
            Ok(_) | Err(_) => Self::Nothing,
        }
    }
}

/// What docker is told of our streams. As `docker compose exec` does, the
/// input is kept open, so that what is piped to an agent reaches it; and it
/// gets a terminal where both ends are one, since it is to be talked to.
///
/// From `/dev/null` nothing can come, and an input that ends at once is one
/// whose end an engine can miss: the agent would wait for it for good
/// (moby issue 37870).
fn streams(user: &GivenFlags, input: Input, output: bool) -> Option<OsString> {
    const DECIDED: [&str; 6] = ["d", "detach", "i", "interactive", "t", "tty"];
    let decided = user
        .found
        .iter()
        .any(|flag| DECIDED.contains(&flag.name.as_str()));
    let given = match input {
        Input::Terminal if output => "-it",
        Input::Terminal | Input::Other => "-i",
        Input::Nothing => return None,
    };
    (!decided).then(|| given.into())
}

#[cfg(test)]
mod tests {
    use super::Input::{Nothing, Other, Terminal};
    use super::*;

    #[test]
    fn a_terminal_is_given_where_there_is_one_and_nothing_was_said() {
        let streams = |flags: &[&str], input, output| {
            let flags = flags.iter().map(OsString::from).collect();
            let user = GivenFlags::parse(&EXEC, flags).unwrap();
            streams(&user, input, output).and_then(|flag| flag.into_string().ok())
        };
        for (flags, input, output, given) in [
            (&[][..], Terminal, true, Some("-it")),
            (&["-w", "/x"], Terminal, true, Some("-it")),
            (&[], Terminal, false, Some("-i")),
            (&[], Other, true, Some("-i")),
            (&[], Other, false, Some("-i")),
            (&[], Nothing, true, None),
            (&["-i"], Nothing, true, None),
            (&["-i"], Terminal, true, None),
            (&["-t"], Other, true, None),
            (&["-d"], Terminal, true, None),
            (&["--tty=false"], Terminal, true, None),
        ] {
            assert_eq!(streams(flags, input, output).as_deref(), given, "{flags:?}");
        }
    }

    #[test]
    fn nothing_can_come_from_the_null_device_alone() {
        let of = |path| Input::of(std::fs::File::open(path).unwrap());
        assert_eq!(of("/dev/null"), Nothing);
        assert_eq!(of("/dev/zero"), Other);
        assert_eq!(of("/proc/version"), Other);
        let (pipe, _writer) = std::io::pipe().unwrap();
        let pipe = std::fs::File::from(std::os::fd::OwnedFd::from(pipe));
        assert_eq!(Input::of(pipe), Other);
    }
}
