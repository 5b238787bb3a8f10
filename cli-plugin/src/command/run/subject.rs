//! What a `run` is to start: a role of the configuration, or an image that
//! was named outright.

use std::ffi::OsString;

use super::given;
use crate::agent::Agent;
use crate::config::Config;
use crate::docker::given_flags::GivenFlags;
use crate::failure::{Failure, Kind};

/// What is to be started.
#[derive(Debug)]
pub(super) struct Subject {
    /// The role; `None` for an image that was named outright.
    pub(super) role: Option<String>,
    /// The image, as docker takes it.
    pub(super) image: String,
    /// The agents that run in it, the default one first.
    pub(super) agents: Vec<Agent>,
    /// The role's own flags for `docker run`.
    pub(super) flags: GivenFlags,
}

/// What stood on the command line.
#[derive(Debug)]
pub(super) struct Words {
    /// `--image`.
    pub(super) image: Option<String>,
    /// Every `--agent`.
    pub(super) agents: Vec<Agent>,
    /// What follows: the role where no image is named, docker's flags, and
    /// the command behind `--`.
    pub(super) rest: Vec<OsString>,
}

impl Subject {
    /// Finds what is meant, and gives what is left for docker.
    ///
    /// # Errors
    /// No role is named, or none that the configuration knows; or agents are
    /// named for a role, which has its own.
    pub(super) fn find(words: Words, config: &Config) -> Result<(Self, Vec<OsString>), Failure> {
        match words.image {
            Some(image) => Ok((Self::of_image(image, &words.agents), words.rest)),
            None => Self::of_role(&words.agents, words.rest, config),
        }
    }

    fn of_image(image: String, named: &[Agent]) -> Self {
        Self {
            role: None,
            image,
            agents: Agent::each_once_or_claude(named),
            flags: GivenFlags::default(),
        }
    }

    fn of_role(
        agents: &[Agent],
        rest: Vec<OsString>,
        config: &Config,
    ) -> Result<(Self, Vec<OsString>), Failure> {
        let mut words = rest.into_iter();
        let Some(name) = words.next().filter(|word| word != "--") else {
            let failure = Failure::new(Kind::Usage, "`docker jackin run` wants a role or --image");
            return Err(failure.hint(roles_hint(config)));
        };
        let name = name.to_string_lossy().into_owned();
        if name.starts_with('-') {
            let message = format!("the role comes before docker's flags, and {name} is no role");
            return Err(Failure::new(Kind::Usage, message)
                .hint("docker jackin run <role> [docker run flags] [-- command]")
                .hint("or name an image: docker jackin run --image <image> [docker run flags]"));
        }
        if !agents.is_empty() {
            let message = "--agent goes with --image: a role has agents of its own";
            let file = config.file.display();
            return Err(Failure::new(Kind::Usage, message)
                .hint(format!("they are `agents` of [roles.{name}] in {file}")));
        }
        let known = config.known_role(&name);
        let role = &config.roles[known.map_err(|failure| or_an_image(failure, &name))?];
        let subject = Self {
            image: role.image.clone(),
            agents: role.agents.clone(),
            flags: given::flags_of_role(&name, role)?,
            role: Some(name),
        };
        Ok((subject, words.collect()))
    }
}

/// What reads like an image may be meant for one.
fn or_an_image(failure: Failure, name: &str) -> Failure {
    if !name.contains(['/', ':']) {
        return failure;
    }
    let image = shell_words::quote(name);
    failure.hint(format!(
        "an image is started without a role by: docker jackin run --image {image}"
    ))
}

fn roles_hint(config: &Config) -> String {
    if config.roles.is_empty() {
        return "there is none yet; add one: docker jackin role add NAME --image IMAGE".to_owned();
    }
    let names: Vec<_> = config.roles.keys().map(String::as_str).collect();
    format!("there are: {}", names.join(", "))
}

/// Puts back the `--` that a command-line parser has swallowed, when it stood
/// right before what was left over: there the container's command begins.
pub(super) fn with_its_escape(rest: Vec<OsString>, line: &[OsString]) -> Vec<OsString> {
    let before = line.len().checked_sub(rest.len() + 1);
    let escaped = before.is_some_and(|at| line[at] == "--" && line.ends_with(&rest));
    if !escaped {
        return rest;
    }
    std::iter::once(OsString::from("--")).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_72_a_swallowed_escape_is_put_back_where_it_stood() {
        let words =
            |line: &str| -> Vec<OsString> { line.split_whitespace().map(OsString::from).collect() };
        for (line, left, meant) in [
            ("run --image x -- sh -c", "sh -c", "-- sh -c"),
            ("run --image x -it -- sh", "-it -- sh", "-it -- sh"),
            ("run --image x --", "", "--"),
            ("run --image x", "", ""),
            ("run web -- sh", "web -- sh", "web -- sh"),
        ] {
            assert_eq!(with_its_escape(words(left), &words(line)), words(meant));
        }
    }

    #[test]
    fn an_image_without_agents_is_claudes() {
        let subject = Subject::of_image("i".into(), &[]);
        assert_eq!(subject.agents, [Agent::Claude]);
        let named = [Agent::Codex, Agent::Claude, Agent::Codex];
        let subject = Subject::of_image("i".into(), &named);
        assert_eq!(subject.agents, [Agent::Codex, Agent::Claude]);
    }
}
