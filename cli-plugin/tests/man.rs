//! The man pages under `share/man` say what the command line says.
//!
//! They are made from it: `UPDATE_MAN_PAGES=1 cargo test -p docker-jackin --test man`.

use std::path::{Path, PathBuf};

/// Every page's file name and text: one for the program, one for each verb,
/// and one for each verb of a verb.
fn pages() -> Vec<(String, Vec<u8>)> {
    let top = docker_jackin::command::command_line()
        .name("docker-jackin")
        .bin_name("docker jackin");
    let mut pages = Vec::new();
    add_pages(top, &mut pages);
    pages
}

fn add_pages(command: clap::Command, pages: &mut Vec<(String, Vec<u8>)>) {
    let command = command.disable_help_subcommand(true);
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let title = format!("{}-{}", command.get_name(), verb.get_name());
        let called = command.get_bin_name().unwrap_or_default();
        let usage = format!("{called} {}", verb.get_name());
        add_pages(verb.clone().name(title).bin_name(usage), pages);
    }
    let name = format!("{}.1", command.get_name());
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.disable_version_flag(true))
        .source("docker-jackin")
        .manual("Docker Jackin");
    man.render(&mut page).expect("a page fits in memory");
    pages.push((name, page));
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
