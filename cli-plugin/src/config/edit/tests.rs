//! What an edit does to the text, and that the file is old or new, never half.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use insta::assert_snapshot;

use super::*;

fn path(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

fn set_in(text: &str, table: &str, key: &str, value: &str) -> String {
    let new = set::set(text, &path(table), key, value.into()).unwrap();
    new.to_string()
}

fn removed_from(text: &str, table: &str, key: &str) -> Option<String> {
    let new = remove::remove(text, &path(table), key).unwrap();
    new.map(|text| text.to_string())
}

/// A table whose lists stand under headers of their own.
const LISTED: &str = r#"[workspaces.w]
workdir = "/w"
[[workspaces.w.mounts]] # first
src = "."
dst = "/a"

[[workspaces.w.mounts]]
src = "x"
dst = "/b"
# behind it
[workspaces.x]
workdir = "/x"
"#;

#[test]
fn a_list_of_tables_belongs_to_the_table_it_stands_in() {
    let new = removed_from(LISTED, "workspaces", "w").unwrap();
    assert_eq!(new, "# behind it\n[workspaces.x]\nworkdir = \"/x\"\n");
    let new = set_in(LISTED, "workspaces.w.env", "A", "1");
    let section = "\n[workspaces.w.env]\nA = \"1\"\n# behind it";
    assert_eq!(new, LISTED.replace("# behind it", section));
}

const COMMENTED: &str = r#"# My agents.

# Everything.
[claude]  # the default
auth_forward = "sync"    # for now

# Not sorted.
[env]
GIT_AUTHOR_NAME = "agent"
# Comments may end a table.

[workspaces.shop]
  workdir = "/src/shop" # mine
[workspaces.shop.roles.web.env]
A = "1"
# the end
"#;

#[test]
fn a_value_is_replaced_in_its_place() {
    let new = set_in(COMMENTED, "claude", "auth_forward", "ignore");
    assert_eq!(new, COMMENTED.replace("\"sync\"   ", "\"ignore\"   "));
}

#[test]
fn a_new_key_comes_behind_its_neighbours_and_is_indented_like_them() {
    let new = set_in(COMMENTED, "env", "B", "2");
    assert_eq!(
        new,
        COMMENTED.replace("\"agent\"\n", "\"agent\"\nB = \"2\"\n")
    );
    let new = set_in(COMMENTED, "workspaces.shop", "trust", "x");
    assert_eq!(
        new,
        COMMENTED.replace("# mine\n", "# mine\n  trust = \"x\"\n")
    );
}

#[test]
fn a_new_table_comes_behind_those_it_belongs_to() {
    let new = set_in(COMMENTED, "workspaces.shop.claude", "auth_forward", "sync");
    assert_eq!(
        new,
        COMMENTED.replace(
            "A = \"1\"\n",
            "A = \"1\"\n\n[workspaces.shop.claude]\nauth_forward = \"sync\"\n"
        )
    );
    let new = set_in(COMMENTED, "codex", "auth_forward", "sync");
    assert_eq!(
        new,
        format!("{COMMENTED}\n[codex]\nauth_forward = \"sync\"\n")
    );
}

#[test]
fn every_way_of_writing_a_table_is_kept() {
    for (text, table, new) in [
        ("", "a", "[a]\nk = \"v\"\n"),
        ("# only\n", "a", "# only\n\n[a]\nk = \"v\"\n"),
        ("[a]", "a", "[a]\nk = \"v\"\n"),
        ("a = {}\n", "a", "a = { k = \"v\" }\n"),
        ("a = { x = 1 } # c\n", "a", "a = { x = 1, k = \"v\" } # c\n"),
        ("a.x = 1\n[z]\n", "a", "a.x = 1\na.k = \"v\"\n[z]\n"),
        ("[a]\nb.x = 1\n", "a.b", "[a]\nb.x = 1\nb.k = \"v\"\n"),
        ("a.x = 1\n", "a.b.c", "a.x = 1\na.b.c.k = \"v\"\n"),
        ("[a.b]\nx = 1\n", "a", "[a.b]\nx = 1\n\n[a]\nk = \"v\"\n"),
        (
            "a = { b = { x = 1 } }\n",
            "a.b",
            "a = { b = { x = 1, k = \"v\" } }\n",
        ),
        (
            "a = { x = 1 }\n",
            "a.b",
            "a = { x = 1, b = { k = \"v\" } }\n",
        ),
        ("[a]\nk = { op = \"o\" }\n", "a", "[a]\nk = \"v\"\n"),
        (
            "[a]\nx = 1\n[a.k]\nop = \"o\"\n",
            "a",
            "[a]\nx = 1\nk = \"v\"\n",
        ),
        ("[a]\r\nx = 1\r\n", "a", "[a]\r\nx = 1\r\nk = \"v\"\r\n"),
        ("\u{feff}x = 1\n", "a", "\u{feff}x = 1\n\n[a]\nk = \"v\"\n"),
        (
            "[a]\nx = [\n 1,\n]\n",
            "a",
            "[a]\nx = [\n 1,\n]\nk = \"v\"\n",
        ),
    ] {
        assert_eq!(set_in(text, table, "k", "v"), new, "{text:?}");
    }
}

#[test]
fn names_and_values_are_quoted_where_they_must_be() {
    let table = ["workspaces".to_owned(), "my app.1".to_owned()];
    let new = set::set("", &table, "k", "a\"b\\c\n\u{7}".into()).unwrap();
    let read: toml::Table = toml::from_str(&new).unwrap();
    assert!(new.starts_with("[workspaces.\"my app.1\"]\n"), "{}", *new);
    let value = read["workspaces"]["my app.1"]["k"].as_str();
    assert_eq!(value, Some("a\"b\\c\n\u{7}"));
}

#[test]
fn what_is_removed_takes_its_line_and_no_comment_above_it() {
    let new = removed_from(COMMENTED, "env", "GIT_AUTHOR_NAME").unwrap();
    assert_eq!(
        new,
        COMMENTED.replace("GIT_AUTHOR_NAME = \"agent\"\n", ""),
        "the comment keeps its table"
    );
    // A comment above a header is the user's, and so keeps the table as well.
    let new = removed_from(COMMENTED, "claude", "auth_forward").unwrap();
    assert_eq!(
        new,
        COMMENTED.replace("auth_forward = \"sync\"    # for now\n", "")
    );
    assert_eq!(removed_from(COMMENTED, "codex", "auth_forward"), None);
    assert_eq!(removed_from(COMMENTED, "claude", "api_key"), None);
}

#[test]
fn a_table_goes_with_all_that_is_below_it() {
    let new = removed_from(COMMENTED, "workspaces", "shop").unwrap();
    assert_snapshot!(new, @r#"
    # My agents.

    # Everything.
    [claude]  # the default
    auth_forward = "sync"    # for now

    # Not sorted.
    [env]
    GIT_AUTHOR_NAME = "agent"
    # Comments may end a table.

    # the end
    "#);
    for (text, table, key, new) in [
        ("[a]\nk = 1\n", "a", "k", ""),
        (
            "[x]\ny = 1\n\n[a]\nk = 1\n\n[z]\n",
            "a",
            "k",
            "[x]\ny = 1\n\n[z]\n",
        ),
        ("[a]\nk = 1\n[a.b]\n", "a", "k", "[a]\n[a.b]\n"),
        ("a = { k = 1, x = 2 }\n", "a", "k", "a = { x = 2 }\n"),
        ("y = 1\na = { k = 1 }\n", "a", "k", "y = 1\n"),
        ("a.k.x = 1\nb = 2\na.k.y = 1\n", "a", "k", "b = 2\n"),
        (
            "[r.a]\nx = 1\n[z]\n[r.a.env]\ny = 1\n[q]\n",
            "r",
            "a",
            "[z]\n[q]\n",
        ),
    ] {
        assert_eq!(
            removed_from(text, table, key).as_deref(),
            Some(new),
            "{text:?}"
        );
    }
}

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
