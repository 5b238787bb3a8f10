//! What an edit does to the text.

use insta::assert_snapshot;

use super::{remove, set};

pub(super) fn path(dotted: &str) -> Vec<String> {
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

pub(super) const COMMENTED: &str = r#"# My agents.

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
        ("a = { k=1 , x=2 }\n", "a", "a = { k=\"v\" , x=2 }\n"),
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
