//! The flags of `docker run`, as far as their shape tells where one ends.
//!
//! Flags are handed to docker untouched. They are only read to tell a flag's
//! value from a stray word, and to see the few that concern a delivery.

use std::borrow::Cow;
use std::ffi::OsString;

use crate::failure::{Failure, Kind, reads_like_a_word};

/// The long flags of `docker run` that take no value after them (docker 20.10
/// to 28.2, the hidden ones included). All others take one.
const LONG_SWITCHES: [&str; 15] = [
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
];

/// The short flags of `docker run` that take no value.
const SHORT_SWITCHES: [char; 5] = ['d', 'i', 'P', 'q', 't'];

/// Flags of `docker jackin run` itself. Docker has none of these names.
const OWN_FLAGS: [&str; 4] = ["agent", "dry-run", "image", "workspace"];

/// What was given after the role, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GivenFlags {
    /// The flags for `docker run`, as they were given.
    pub flags: Vec<OsString>,
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
    /// Takes apart what stands after the role.
    ///
    /// # Errors
    /// A word that is no flag and no flag's value, which docker would take
    /// for the image, or a flag at the end whose value is missing.
    pub fn parse(arguments: Vec<OsString>) -> Result<Self, Failure> {
        let end = scan(&arguments, &mut |_| ())?;
        let mut flags = arguments;
        let command = (end < flags.len()).then(|| {
            let rest = flags.split_off(end);
            rest.into_iter().skip(1).collect()
        });
        Ok(Self { flags, command })
    }

    /// The flags one by one.
    pub fn iter(&self) -> impl Iterator<Item = Flag> {
        let mut found = Vec::new();
        // `parse` has been over them, so nothing in them is refused now.
        let _ = scan(&self.flags, &mut |flag| found.push(flag));
        found.into_iter()
    }
}

/// Goes over the flags up to a `--` that is no flag's value; gives where.
fn scan(arguments: &[OsString], found: &mut impl FnMut(Flag)) -> Result<usize, Failure> {
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        let argument = argument.to_string_lossy();
        if argument == "--" {
            return Ok(at);
        }
        let shape = shape_of(&argument).ok_or_else(|| stray(&argument))?;
        if OWN_FLAGS.contains(&shape.name.as_ref()) {
            return Err(misplaced(&shape.name));
        }
        at += 1;
        let value = match shape.value {
            Value::None => None,
            Value::Within(value) => Some(value.to_owned()),
            Value::Next => {
                let next = arguments.get(at).ok_or_else(|| valueless(&argument))?;
                at += 1;
                Some(next.to_string_lossy().into_owned())
            }
        };
        found(Flag {
            name: shape.name.into_owned(),
            value,
        });
    }
    Ok(at)
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
fn shape_of(argument: &str) -> Option<Shape<'_>> {
    if let Some(long) = argument.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Value::Within(value)),
            None if LONG_SWITCHES.contains(&long) => (long, Value::None),
            None => (long, Value::Next),
        };
        return Some(Shape {
            name: name.into(),
            value,
        });
    }
    short_shape(argument.strip_prefix('-')?)
}

/// `itd`, `ite NAME`, `eNAME=x`, `e=NAME`: switches, then at most one flag
/// with a value.
fn short_shape(letters: &str) -> Option<Shape<'_>> {
    let valued = letters
        .char_indices()
        .find(|(_, letter)| !SHORT_SWITCHES.contains(letter));
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

fn stray(word: &str) -> Failure {
    // A value that lost its flag may be a secret, and is not repeated.
    let shown = if reads_like_a_word(word) {
        format!("{word:?}")
    } else {
        "a word".to_owned()
    };
    let message = format!("{shown} after the role is no flag of `docker run`");
    Failure::new(Kind::Usage, message).hint(
        "put the container's command behind `--`: docker jackin run <role> [flags] -- <command>",
    )
}

fn misplaced(name: &str) -> Failure {
    let message = format!("--{name} stands after the role or after docker's flags");
    Failure::new(Kind::Usage, message).hint(format!(
        "it is docker-jackin's own, and comes first: docker jackin run --{name} …"
    ))
}

fn valueless(flag: &str) -> Failure {
    Failure::new(Kind::Usage, format!("flag needs an argument: {flag}"))
        .hint("`docker run --help` lists its flags")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str]) -> Result<GivenFlags, Failure> {
        GivenFlags::parse(arguments.iter().map(OsString::from).collect())
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
            .iter()
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

    /// Holds the table against the docker client of this machine, if any.
    #[test]
    fn the_switches_are_those_of_the_docker_client_here() {
        let Ok(help) = std::process::Command::new("docker")
            .args(["run", "--help"])
            .output()
        else {
            return;
        };
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        for line in help.lines() {
            let line = line.trim_start();
            let Some((_, long)) = line.split_once("--").filter(|_| line.starts_with('-')) else {
                continue;
            };
            let mut words = long.splitn(2, ' ');
            let name = words.next().unwrap_or_default();
            // A flag with a value has its type one space behind its name.
            let switch = words.next().is_none_or(|rest| rest.starts_with("  "));
            assert_eq!(switch, LONG_SWITCHES.contains(&name), "--{name}");
        }
    }
}
