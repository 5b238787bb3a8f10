//! Completion, by the protocol that docker's `__complete` speaks.
//!
//! Docker calls `docker-jackin __complete jackin <words…> <unfinished word>`
//! and wants a candidate a line, with a tab before its description, and a
//! directive at the end.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::config;
use crate::host::Host;
use crate::plugin::arguments::without_the_word;
use crate::plugin::global_flags::GlobalFlags;

/// The verb with which docker asks for candidates.
pub const VERB: &str = "__complete";

/// The same, for shells that show no descriptions.
pub const VERB_WITHOUT_DESCRIPTIONS: &str = "__completeNoDesc";

/// Cobra's directive not to fall back to the names of files.
const NO_FILES: u32 = 4;

/// Prints what could stand for the last of `arguments`.
pub fn complete(root: &clap::Command, arguments: &[OsString]) -> ExitCode {
    let described = arguments.first().is_some_and(|verb| verb == VERB);
    let words = without_the_word(arguments.iter().skip(1).cloned().collect());
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let (unfinished, before) = words.split_last().unwrap_or((&"", &[]));
    let mut screen = std::io::stdout().lock();
    for (candidate, description) in candidates(root, before, &configured()) {
        if !candidate.starts_with(unfinished) {
            continue;
        }
        if described && !description.is_empty() {
            let _ = writeln!(screen, "{candidate}\t{description}");
        } else {
            let _ = writeln!(screen, "{candidate}");
        }
    }
    let _ = writeln!(screen, ":{NO_FILES}");
    ExitCode::SUCCESS
}

/// The names in the configuration.
#[derive(Debug, Default)]
struct Configured {
    roles: Vec<(String, String)>,
    workspaces: Vec<String>,
}

/// A configuration that cannot be read has no names: completing is no place
/// to complain.
fn configured() -> Configured {
    let Ok(host) = Host::of_this_process() else {
        return Configured::default();
    };
    let file = config::path_of(&GlobalFlags::default(), &host);
    let Ok(config) = config::load(&file, &host) else {
        return Configured::default();
    };
    let roles = config.roles.into_iter();
    Configured {
        roles: roles.map(|(name, role)| (name, role.image)).collect(),
        workspaces: config.workspaces.into_keys().collect(),
    }
}

/// Candidates with their descriptions for the word after `before`.
fn candidates(
    root: &clap::Command,
    before: &[&str],
    configured: &Configured,
) -> Vec<(String, String)> {
    let shown = |names: &[String]| {
        names
            .iter()
            .map(|name| (name.clone(), String::new()))
            .collect()
    };
    match before {
        [] => root
            .get_subcommands()
            .filter(|verb| !verb.is_hide_set())
            .map(described)
            .collect(),
        [.., "--workspace"] => shown(&configured.workspaces),
        [verb, given @ ..] => {
            let Some(command) = root.find_subcommand(verb) else {
                return Vec::new();
            };
            // After the role come docker's own flags.
            let role_given = given.iter().enumerate().any(|(at, word)| {
                !word.starts_with('-')
                    && at
                        .checked_sub(1)
                        .is_none_or(|at| given[at] != "--workspace")
            });
            if *verb == "run" && role_given {
                return Vec::new();
            }
            let flags = command.get_opts().filter_map(|flag| {
                let help = flag.get_help().map(ToString::to_string);
                Some((format!("--{}", flag.get_long()?), help.unwrap_or_default()))
            });
            let roles = configured.roles.iter().filter(|_| *verb == "run");
            roles.cloned().chain(flags).collect()
        }
    }
}

fn described(verb: &clap::Command) -> (String, String) {
    let about = verb.get_about().map(ToString::to_string);
    (verb.get_name().to_owned(), about.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn scenario_71_verbs_roles_and_workspaces_are_candidates() {
        let root = super::super::CommandLine::command();
        let configured = Configured {
            roles: vec![("web".into(), "img:1".into())],
            workspaces: vec!["my-app".into()],
        };
        let names = |before: &[&str]| -> Vec<String> {
            let found = candidates(&root, before, &configured).into_iter();
            found.map(|(name, _)| name).collect()
        };
        assert!(names(&[]).contains(&"run".to_owned()));
        assert!(!names(&[]).contains(&"resolve".to_owned()));
        let of_run = ["web", "--workspace", "--image", "--agent", "--help"];
        assert_eq!(names(&["run"]), of_run);
        assert_eq!(names(&["run", "--workspace"]), ["my-app"]);
        assert_eq!(names(&["run", "--workspace", "my-app"]), of_run);
        assert!(names(&["run", "web"]).is_empty());
    }
}
