//! Scenario 73: every command that a message, a help text or the README names
//! is one that there is, with flags that it has.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use docker_jackin::command::command_line;

/// How all of our commands begin.
const OURS: &str = "docker jackin ";

/// The verbs that hand on what is not theirs to docker.
const HANDED_ON: [&str; 2] = ["run", "exec"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// The commands that a text names, each up to where it ends or a value is put
/// in.
fn named(text: &str) -> Vec<&str> {
    let commands = text.split(OURS).skip(1);
    let ends = ['`', '"', '\n', '{', '\\', '#', '|', ';', ',', ')'];
    commands
        .map(|rest| rest.split(ends).next().unwrap_or_default())
        .collect()
}

/// What there is not of a command.
fn missing(root: &Command, line: &str) -> Option<String> {
    let mut command = root;
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        let word = word.trim_end_matches(['.', ':']);
        if word == "--" {
            return None;
        }
        if let Some(flag) = word.strip_prefix("--") {
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            let mut flags = command.get_arguments().chain(root.get_arguments());
            match flags.find(|flag| flag.get_long() == Some(name)) {
                Some(flag) if flag.get_action().takes_values() && value.is_none() => {
                    words.next();
                }
                Some(_) => {}
                None if name == "help" => {}
                // One of docker's.
                None if HANDED_ON.contains(&command.get_name()) => return None,
                None => return Some(format!("--{name} of `{}`", command.get_name())),
            }
        } else if command.has_subcommands() && is_name(word) {
            let Some(found) = command.find_subcommand(word) else {
                return Some(format!("{word} of `{}`", command.get_name()));
            };
            command = found;
        } else if HANDED_ON.contains(&command.get_name()) {
            return None;
        }
    }
    None
}

fn is_name(word: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c == '-' || c == '_';
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(letter)
}

#[test]
fn scenario_73_every_command_that_is_named_exists() {
    let root = command_line();
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = sources(&package.join("src"));
    files.push(package.join("../README.md"));
    let mut seen = 0;
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for line in named(&text) {
            seen += 1;
            let missing = missing(&root, line);
            wrong.extend(missing.map(|what| format!("{}: {line}: no {what}", file.display())));
        }
    }
    assert!(seen > 100, "{seen} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_that_there_is_not_is_found() {
    let root = command_line();
    for line in [
        "rum",
        "config auth sett",
        "config auth show --no",
        "role add x --img y",
    ] {
        assert!(missing(&root, line).is_some(), "{line}");
    }
    for line in [
        "run web --rm",
        "-D config auth show --role web",
        "exec web -- x --y",
        "run",
    ] {
        assert_eq!(missing(&root, line), None, "{line}");
    }
}
