//! The man pages under `share/man` say what the command line says.
//!
//! They are made from it: `UPDATE_MAN_PAGES=1 cargo test -p docker-jackin --test man`.

use std::path::{Path, PathBuf};

/// Every page's file name and text.
fn pages() -> Vec<(String, Vec<u8>)> {
    let top = docker_jackin::command::command_line().disable_help_subcommand(true);
    let verbs = top.get_subcommands().filter(|verb| !verb.is_hide_set());
    let mut commands: Vec<clap::Command> = verbs
        .map(|verb| {
            let title = format!("docker-jackin-{}", verb.get_name());
            let usage = format!("docker jackin {}", verb.get_name());
            verb.clone().name(title).bin_name(usage)
        })
        .collect();
    commands.push(top.name("docker-jackin").bin_name("docker jackin"));
    commands
        .into_iter()
        .map(|command| {
            let name = format!("{}.1", command.get_name());
            let mut page = Vec::new();
            let man = clap_mangen::Man::new(command.disable_version_flag(true))
                .source("docker-jackin")
                .manual("Docker Jackin");
            man.render(&mut page).expect("a page fits in memory");
            (name, page)
        })
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../share/man/man1")
}

#[test]
fn the_man_pages_are_those_of_this_command_line() {
    let update = std::env::var_os("UPDATE_MAN_PAGES").is_some();
    let mut names = Vec::new();
    for (name, page) in pages() {
        let path = folder().join(&name);
        if update {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &page).unwrap();
        }
        let committed = std::fs::read(&path).unwrap_or_default();
        assert!(
            committed == page,
            "{} is stale: UPDATE_MAN_PAGES=1 cargo test -p docker-jackin --test man",
            path.display()
        );
        names.push(name);
    }
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{name} belongs to no verb");
    }
}
