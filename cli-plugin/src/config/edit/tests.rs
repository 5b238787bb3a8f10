//! What an edit does to the file: it is old or new, never half.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use insta::assert_snapshot;

use super::change_tests::{COMMENTED, path};
use super::*;

/// A configuration in a folder of its own.
struct Scene {
    folder: tempfile::TempDir,
    host: Host,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::new(folder.path(), "/", []);
        Self { folder, host }
    }

    fn with(text: &str) -> Self {
        let scene = Self::new();
        fs::create_dir(scene.file().parent().unwrap()).unwrap();
        fs::write(scene.file(), text).unwrap();
        fs::set_permissions(scene.file(), fs::Permissions::from_mode(0o600)).unwrap();
        scene
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("jackin/config.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn set(&self, table: &str, key: &str, value: &str) -> Result<Edited<()>, Failure> {
        edit(&self.file(), &self.host, |draft| {
            draft.set(&path(table), key, value.into())
        })
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_missing_file_is_made_for_its_user_alone() {
    let scene = Scene::new();
    assert!(scene.set("env", "A", "1").unwrap().changed);
    assert_eq!(scene.text(), "[env]\nA = \"1\"\n");
    assert_eq!(mode(&scene.file()), 0o600);
    assert_eq!(mode(scene.file().parent().unwrap()), 0o700);
}

#[test]
fn scenario_74_what_is_refused_leaves_no_trace() {
    let scene = Scene::new();
    let failure = scene.set("claude", "auth_forward", "synk").unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert_snapshot!(failure.to_string(), @r#"
    unknown mode "synk" for claude
      did you mean "sync"?
    "#);
    assert!(!scene.file().parent().unwrap().exists());
    let scene = Scene::with(COMMENTED);
    for (table, key) in [
        ("codex", "oauth_token"),
        ("env", "DOCKER_JACKIN_X"),
        ("roles.r", "run"),
    ] {
        assert!(scene.set(table, key, "canary").is_err(), "{table} {key}");
        assert_eq!(scene.text(), COMMENTED);
    }
}

#[test]
fn scenario_21_a_name_of_our_own_is_refused_in_the_readers_words() {
    let failure = Scene::new().set("env", "DOCKER_JACKIN_TICKET", "x");
    assert_snapshot!(failure.unwrap_err().to_string(), @r"
    the variable DOCKER_JACKIN_TICKET is docker-jackin's own
      choose another name
    ");
}

#[test]
fn a_name_that_nobody_means_is_refused() {
    let scene = Scene::with(COMMENTED);
    for name in ["", "A=B", "A B", "A\n", "\u{1b}[1mA"] {
        let failure = scene.set("env", name, "x").unwrap_err();
        let reason = "a variable's name is not empty and holds no '=', space or control character";
        assert_eq!(failure.to_string(), reason);
        assert_eq!(scene.text(), COMMENTED);
    }
    scene.set("env", "1.a-b", "x").unwrap();
}

#[test]
fn a_file_that_is_refused_already_is_not_edited() {
    let scene = Scene::with("[claude]\nauth_forwad = \"sync\"\n");
    let failure = scene.set("env", "A", "1").unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert!(failure.message.contains("config.toml:2: unknown key"));
    fs::write(scene.file(), "").unwrap();
    fs::set_permissions(scene.file(), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(scene.set("env", "A", "1").is_err());
    assert_eq!(scene.text(), "");
}

#[test]
fn a_plain_value_is_not_put_where_others_can_read_it() {
    let scene = Scene::with("[env]\nA = \"$A\"\n");
    fs::set_permissions(scene.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let failure = scene.set("env", "B", "canary").unwrap_err();
    assert!(failure.to_string().contains("chmod 600"), "{failure}");
    assert!(!failure.to_string().contains("canary"));
    assert_eq!(scene.text(), "[env]\nA = \"$A\"\n");
    scene.set("env", "B", "$B").unwrap();
    assert_eq!(mode(&scene.file()), 0o644, "the mode is the user's choice");
}

#[test]
fn what_would_be_too_long_to_read_is_not_written() {
    let limit = usize::try_from(file::LIMIT).unwrap();
    let full = "#".repeat(limit - 1) + "\n";
    let scene = Scene::with(&full);
    let failure = scene.set("claude", "auth_forward", "sync").unwrap_err();
    assert!(failure.to_string().contains("would be longer than"));
    assert_eq!(failure.exit_code(), 1);
    assert!(scene.text() == full, "it is as it was");
}

#[test]
fn a_link_to_a_repository_of_dot_files_survives() {
    let scene = Scene::with("");
    let real = scene.folder.path().join("dotfiles.toml");
    fs::rename(scene.file(), &real).unwrap();
    symlink("../dotfiles.toml", scene.file()).unwrap();
    scene.set("env", "A", "1").unwrap();
    assert_eq!(
        fs::read_link(scene.file()).unwrap(),
        Path::new("../dotfiles.toml")
    );
    assert_eq!(fs::read_to_string(&real).unwrap(), "[env]\nA = \"1\"\n");
    fs::remove_file(&real).unwrap();
    let failure = scene.set("env", "A", "1").unwrap_err();
    assert!(failure.message.contains("leads nowhere"), "{failure}");
}

#[test]
fn an_edit_that_changes_nothing_writes_nothing() {
    let scene = Scene::with("[env]\nA = \"1\"\n");
    let before = fs::metadata(scene.file()).unwrap().ino();
    assert!(!scene.set("env", "A", "1").unwrap().changed);
    assert_eq!(fs::metadata(scene.file()).unwrap().ino(), before);
}

#[test]
fn an_editor_that_saves_meanwhile_is_not_overwritten() {
    let scene = Scene::with("[env]\nA = \"1\"\n");
    let theirs = "# theirs\n";
    let outcome = edit(&scene.file(), &scene.host, |draft| {
        fs::write(scene.file(), theirs).unwrap();
        draft.set(&path("env"), "B", "2".into())
    });
    assert!(outcome.unwrap_err().message.contains("by somebody else"));
    assert_eq!(scene.text(), theirs);
    let left = fs::read_dir(scene.file().parent().unwrap()).unwrap();
    assert_eq!(left.count(), 1, "nothing else is left");
}

#[test]
fn scenario_75_the_edits_of_writers_at_once_are_all_in_the_file() {
    let scene = Scene::new();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let scene = &scene;
            scope.spawn(move || {
                for count in 0..10 {
                    let name = format!("V_{writer}_{count}");
                    scene.set("env", &name, "1").unwrap();
                }
            });
        }
    });
    let config = crate::config::load(&scene.file(), &scene.host).unwrap();
    assert_eq!(config.env.len(), 40);
}

/// The configurations that the README shows.
fn examples_of_the_readme() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```toml\n").skip(1);
    blocks
        .filter_map(|block| block.split_once("```"))
        .map(|(text, _)| text.to_owned())
        // A policy is another file, and root's.
        .filter(|text| !text.contains("[[rule]]"))
        .collect()
}

#[test]
fn the_readmes_examples_can_be_edited_and_taken_back() {
    let examples = examples_of_the_readme();
    assert!(examples.len() >= 4, "{}", examples.len());
    for text in examples {
        let scene = Scene::with(&text);
        scene
            .set("workspaces.extra.codex", "auth_forward", "ignore")
            .unwrap();
        scene.set("env", "EXTRA", "1").unwrap();
        let edited = scene.text();
        let mut kept = edited.lines();
        assert!(
            text.lines().all(|line| kept.any(|other| other == line)),
            "{edited}"
        );
        edit(&scene.file(), &scene.host, |draft| {
            draft.remove(&path("workspaces"), "extra")?;
            draft.remove(&path("env"), "EXTRA")
        })
        .unwrap();
        assert_eq!(scene.text().trim_end(), text.trim_end());
    }
}
