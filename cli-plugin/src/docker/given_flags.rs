//! The flags of `docker run` and `docker exec`, as far as their shape tells
//! where one ends.
//!
//! Flags are handed to docker untouched. They are only read to tell a flag's
//! value from a stray word, and to see the few that concern a delivery.

use std::borrow::Cow;
use std::ffi::OsString;

use crate::failure::{Failure, Kind, reads_like_a_word};

/// A verb of docker's, whose flags are handed on.
#[derive(Debug)]
pub struct Verb {
    /// Its name.
    name: &'static str,
    /// Its long flags that take no value after them (docker 20.10 to 28.2, the
    /// hidden ones included). All others take one.
    long_switches: &'static [&'static str],
    /// Its short flags that take no value.
    short_switches: &'static [char],
    /// Flags of our own verb of that name, which docker's has none of.
    own: Own,
    /// How our own verb is called.
    usage: &'static str,
}

/// Flags that are docker-jackin's own, and what becomes of one among docker's.
#[derive(Debug)]
enum Own {
    /// It is refused, since it stands too late to be heeded.
    Refused(&'static [&'static str]),
    /// It is taken out.
    Taken(&'static [&'static str]),
}

/// `docker run`.
pub const RUN: Verb = Verb {
    name: "run",
    long_switches: &[
        "detach",
        "disable-content-trust",
        "help",
        "init",
        "interactive",
        "no-healthcheck",
        "oom-kill-disable",
        "privileged",
        "publish-all",
        "quiet",
        "read-only",
        "rm",
        "sig-proxy",
        "tty",
        "use-api-socket",
    ],
    short_switches: &['d', 'i', 'P', 'q', 't'],
    own: Own::Refused(&["agent", "dry-run", "image", "workspace"]),
    usage: "docker jackin run <role> [flags] -- <command>",
};

/// `docker exec`.
pub const EXEC: Verb = Verb {
    name: "exec",
    long_switches: &["detach", "help", "interactive", "privileged", "tty"],
    short_switches: &['d', 'i', 't'],
    own: Own::Taken(&["agent"]),
    usage: "docker jackin exec <container|role> [flags] -- <command>",
};

/// What was given for docker, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GivenFlags {
    /// The flags for docker, as they were given.
    pub flags: Vec<OsString>,
    /// The same one by one.
    pub found: Vec<Flag>,
    /// The flags of our own among them, which were taken out.
    pub own: Vec<Flag>,
    /// The command behind `--`, as it was given; `None` without a `--`.
    pub command: Option<Vec<OsString>>,
}

/// One flag with its value, in words that need not be UTF-8 any more.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its long name without dashes, or its letter.
    pub name: String,
    /// Its value, where it has one.
    pub value: Option<String>,
}

impl GivenFlags {
    /// Takes apart what was given for a verb of docker's.
    ///
    /// # Errors
    /// A word that is no flag and no flag's value, which docker would take
    /// for something else, or a flag at the end whose value is missing.
    pub fn parse(verb: &Verb, arguments: Vec<OsString>) -> Result<Self, Failure> {
        let mut given = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                given.command = Some(arguments.collect());
                break;
            }
            given.take(verb, argument, &mut arguments)?;
        }
        Ok(given)
    }

    /// Takes one flag, and its value from what follows.
    fn take(
        &mut self,
        verb: &Verb,
        argument: OsString,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Failure> {
        let shown = argument.to_string_lossy().into_owned();
        let shape = shape_of(verb, &shown).ok_or_else(|| verb.stray(&shown))?;
        let mut words = vec![argument];
        let value = match shape.value {
            Value::None => None,
            Value::Within(value) => Some(value.to_owned()),
            Value::Next => {
                let next = rest
                    .next()
                    .ok_or_else(|| verb.valueless(&shape.name, &shown))?;
                let value = next.to_string_lossy().into_owned();
                words.push(next);
                Some(value)
            }
        };
        let flag = Flag {
            name: shape.name.into_owned(),
            value,
        };
        match verb.own {
            Own::Refused(own) if own.contains(&flag.name.as_str()) => {
                return Err(verb.misplaced(&flag.name));
            }
            Own::Taken(own) if own.contains(&flag.name.as_str()) => self.own.push(flag),
            _ => {
                self.flags.extend(words);
                self.found.push(flag);
            }
        }
        Ok(())
    }
}

struct Shape<'a> {
    name: Cow<'a, str>,
    value: Value<'a>,
}

enum Value<'a> {
    None,
    Within(&'a str),
    Next,
}

/// What one argument is, or `None` when it is no flag.
fn shape_of<'a>(verb: &Verb, argument: &'a str) -> Option<Shape<'a>> {
    if let Some(long) = argument.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Value::Within(value)),
            None if verb.long_switches.contains(&long) => (long, Value::None),
            None => (long, Value::Next),
        };
        return Some(Shape {
            name: name.into(),
            value,
        });
    }
    short_shape(verb, argument.strip_prefix('-')?)
}

/// `itd`, `ite NAME`, `eNAME=x`, `e=NAME`: switches, then at most one flag
/// with a value.
fn short_shape<'a>(verb: &Verb, letters: &'a str) -> Option<Shape<'a>> {
    let valued = letters
        .char_indices()
        .find(|(_, letter)| !verb.short_switches.contains(letter));
    let Some((at, letter)) = valued else {
        let last = letters.chars().last()?;
        return Some(Shape {
            name: last.to_string().into(),
            value: Value::None,
        });
    };
    // `-t=false` is a switch with a value of its own.
    if letter == '=' {
        return (at > 0).then(|| Shape {
            name: letters[at - 1..at].into(),
            value: Value::Within(&letters[at + 1..]),
        });
    }
    let rest = &letters[at + letter.len_utf8()..];
    // The short flags that are looked at go by their long names.
    let name = match letter {
        'e' => "env".into(),
        'l' => "label".into(),
        other => other.to_string().into(),
    };
    let value = match rest.strip_prefix('=').unwrap_or(rest) {
        "" if rest.is_empty() => Value::Next,
        value => Value::Within(value),
    };
    Some(Shape { name, value })
}

impl Verb {
    fn stray(&self, word: &str) -> Failure {
        // A value that lost its flag may be a secret, and is not repeated.
        let shown = if reads_like_a_word(word) {
            format!("{word:?}")
        } else {
            "a word".to_owned()
        };
        let message = format!("{shown} is no flag of `docker {}`", self.name);
        Failure::new(Kind::Usage, message)
            .hint(format!("put the command behind `--`: {}", self.usage))
    }

    fn misplaced(&self, name: &str) -> Failure {
        let message = format!("--{name} stands behind the role or docker's flags");
        Failure::new(Kind::Usage, message).hint(format!(
            "it is docker-jackin's own, and comes first: docker jackin {} --{name} …",
            self.name
        ))
    }

    /// A flag that ends the line without the value it wants, or without the
    /// one that an unknown flag is thought to want.
    fn valueless(&self, name: &str, flag: &str) -> Failure {
        if let Own::Refused(own) = self.own
            && own.contains(&name)
        {
            return self.misplaced(name);
        }
        Failure::new(Kind::Usage, format!("flag needs an argument: {flag}"))
            .hint(format!("`docker {} --help` lists its flags", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str]) -> Result<GivenFlags, Failure> {
        GivenFlags::parse(&RUN, arguments.iter().map(OsString::from).collect())
    }

    #[test]
    fn scenario_72_flags_and_command_come_apart_unchanged() {
        let parsed = given(&[
            "-it",
            "--name",
            "a b",
            "--label=x=y z",
            "-e",
            "--",
            "--name",
            "--",
            "-p8080:80",
            "--",
            "sh",
            "-c",
            "echo -- $HOME",
        ])
        .unwrap();
        assert_eq!(
            parsed.flags,
            [
                "-it",
                "--name",
                "a b",
                "--label=x=y z",
                "-e",
                "--",
                "--name",
                "--",
                "-p8080:80"
            ]
        );
        assert_eq!(parsed.command.unwrap(), ["sh", "-c", "echo -- $HOME"]);
    }

    #[test]
    fn scenario_72_a_stray_word_is_refused_with_the_way_to_say_it() {
        for arguments in [
            &["bash"][..],
            &["--rm", "bash"],
            &["-itd", "bash"],
            &["--tty=false", "bash"],
            &["-t=false", "bash"],
            &["-eA=b", "bash"],
            &["-"],
        ] {
            let failure = given(arguments).unwrap_err();
            assert_eq!(failure.exit_code(), 2, "{arguments:?}");
            assert!(failure.to_string().contains("behind `--`"), "{failure}");
        }
        let lost = given(&["-e", "KEY", "sk-ant-oat01-canary"]).unwrap_err();
        assert!(!lost.to_string().contains("canary"), "{lost}");
        assert!(given(&["--rm", "-e"]).is_err());
    }

    #[test]
    fn scenario_72_each_spelling_of_a_flag_is_seen() {
        let parsed = given(&[
            "-e",
            "A=1",
            "-eB=2",
            "-ite",
            "C",
            "--env",
            "D",
            "--env=E=5",
            "-e=F",
            "--rm",
            "--runtime",
            "docker-jackin-crun",
            "-w/x",
        ])
        .unwrap();
        let seen: Vec<_> = parsed
            .found
            .into_iter()
            .map(|flag| format!("{}:{}", flag.name, flag.value.unwrap_or_default()))
            .collect();
        assert_eq!(
            seen,
            [
                "env:A=1",
                "env:B=2",
                "env:C",
                "env:D",
                "env:E=5",
                "env:F",
                "rm:",
                "runtime:docker-jackin-crun",
                "w:/x"
            ]
        );
    }

    #[test]
    fn our_own_flags_among_dockers_are_refused_with_where_they_stand() {
        for arguments in [
            &["--workspace", "w"][..],
            &["-it", "--dry-run"],
            &["--agent=codex"],
        ] {
            let failure = given(arguments).unwrap_err();
            assert!(failure.to_string().contains("comes first"), "{failure}");
        }
        assert!(given(&["-e", "--dry-run", "--", "--image"]).is_ok());
    }

    #[test]
    fn the_agent_is_taken_from_among_the_flags_of_exec() {
        let line = [
            "-e", "--agent", "--agent", "codex", "-w/x", "--", "--agent", "x",
        ];
        let parsed = GivenFlags::parse(&EXEC, line.map(OsString::from).into()).unwrap();
        assert_eq!(parsed.flags, ["-e", "--agent", "-w/x"]);
        assert_eq!(parsed.own[0].value.as_deref(), Some("codex"));
        assert_eq!(parsed.own.len(), 1);
        assert_eq!(parsed.command.unwrap(), ["--agent", "x"]);
    }

    /// Holds the tables against the docker client of this machine, if any.
    #[test]
    fn the_switches_are_those_of_the_docker_client_here() {
        for verb in [&RUN, &EXEC] {
            let help = std::process::Command::new("docker")
                .args([verb.name, "--help"])
                .output();
            let Ok(help) = help else { return };
            let help = String::from_utf8_lossy(&help.stdout).into_owned();
            for line in help.lines() {
                let line = line.trim_start();
                let Some((_, long)) = line.split_once("--").filter(|_| line.starts_with('-'))
                else {
                    continue;
                };
                let mut words = long.splitn(2, ' ');
                let name = words.next().unwrap_or_default();
                // A flag with a value has its type one space behind its name.
                let switch = words.next().is_none_or(|rest| rest.starts_with("  "));
                assert_eq!(switch, verb.long_switches.contains(&name), "--{name}");
            }
        }
    }
}
