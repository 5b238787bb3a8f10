//! Random edits of random configurations: comments and all other lines stay,
//! and the file can always be read again.

use std::path::Path;

use proptest::prelude::*;

use super::{remove, set};
use crate::config::parse;

/// One edit, by the words in which its table and key are written.
#[derive(Debug, Clone)]
enum Change {
    Set(&'static str, String),
    Remove(&'static str),
}

/// Keys that can be set, in tables of every depth. The last word is the key.
const KEYS: [&str; 15] = [
    "claude auth_forward",
    "claude sync_refresh",
    "codex auth_forward",
    "env A",
    "env B",
    "roles web env A",
    "workspaces my-app claude auth_forward",
    "workspaces my-app amp auth_forward",
    "workspaces my-app amp sync_refresh",
    "workspaces my-app env A",
    "workspaces my-app roles web codex auth_forward",
    "workspaces my-app roles web env A",
    "workspaces other env B",
    "workspaces other roles web claude auth_forward",
    "workspaces other roles web claude sync_refresh",
];

/// What can be removed besides, with all that is below it.
const TABLES: [&str; 4] = [
    "workspaces my-app",
    "workspaces other",
    "workspaces my-app roles web",
    "workspaces my-app roles",
];

fn change() -> impl Strategy<Value = Change> {
    let words = prop::sample::select(vec![
        ("sync", "live"),
        ("api_key", "copy"),
        ("ignore", "copy"),
    ]);
    let key = prop::sample::select(KEYS.to_vec());
    let removable = prop::sample::select([&KEYS[..], &TABLES[..]].concat());
    prop_oneof![
        3 => (key, words).prop_map(|(key, (mode, refresh))| {
            let word = if key.ends_with("sync_refresh") { refresh } else { mode };
            Change::Set(key, word.to_owned())
        }),
        1 => removable.prop_map(Change::Remove),
    ]
}

/// Pieces of configuration in every way of writing, comments between them.
fn configuration() -> impl Strategy<Value = String> {
    let pieces = [
        "# c0\n[claude]\nauth_forward = \"sync\" # t0\n",
        "# c1\n\nenv = { A = \"1\" }\n",
        "codex.auth_forward = \"ignore\"\n# c2\n",
        "[roles.web] # t3\nimage = \"i\"\n  # c3\nagents = [\n  \"claude\", # in\n]\n",
        "\n\n# c4\n[workspaces.my-app]\nworkdir = \"/w\"\nclaude.auth_forward = \"sync\"\n",
        "[[workspaces.my-app.mounts]] # t5\nsrc = \"/s\"\ndst = \"/a\"\n",
        "[workspaces.other.env]\n# c5\nB = \"$B\"\n\n",
        "[workspaces.other.roles.web.claude]\n  sync_refresh = \"copy\" # t7\n  auth_forward = \"ignore\"\n#c6\n",
        "# the end, without a line break",
    ];
    let count = pieces.len();
    (prop::collection::vec(any::<bool>(), count), any::<bool>()).prop_map(move |(take, windows)| {
        let mut taken: Vec<_> = pieces
            .iter()
            .zip(take)
            .filter_map(|(piece, take)| take.then_some(*piece))
            .collect();
        // What stands under no header must come first, and the end last.
        taken.sort_by_key(|piece| (piece.contains("the end"), piece.contains('[')));
        let text = taken.concat();
        if windows {
            text.replace('\n', "\r\n")
        } else {
            text
        }
    })
}

fn split(words: &str) -> (Vec<String>, &str) {
    let mut names: Vec<&str> = words.split(' ').collect();
    let key = names.pop().unwrap_or_default();
    (names.into_iter().map(str::to_owned).collect(), key)
}

fn applied(text: &str, change: &Change) -> String {
    match change {
        Change::Set(words, value) => {
            let (table, key) = split(words);
            let new = set::set(text, &table, key, value.as_str().into()).unwrap();
            new.to_string()
        }
        Change::Remove(words) => {
            let (table, key) = split(words);
            let new = remove::remove(text, &table, key).unwrap();
            new.map_or_else(|| text.to_owned(), |text| text.to_string())
        }
    }
}

/// A role has an image, so that one cannot begin with a variable.
fn is_of_no_role(text: &str, change: &Change) -> bool {
    matches!(change, Change::Set("roles web env A", _)) && !text.contains("[roles.web]")
}

/// What the file means, without tables that hold nothing.
fn meaning(text: &str) -> toml::Table {
    pruned(toml::from_str(text).unwrap())
}

fn pruned(table: toml::Table) -> toml::Table {
    let kept = table.into_iter().filter_map(|(key, value)| match value {
        toml::Value::Table(inner) => {
            let inner = pruned(inner);
            (!inner.is_empty()).then_some((key, toml::Value::Table(inner)))
        }
        value => Some((key, value)),
    });
    kept.collect()
}

/// The same edit on the meaning alone.
fn meant(mut whole: toml::Table, change: &Change) -> toml::Table {
    let (words, value) = match change {
        Change::Set(words, value) => (words, Some(value)),
        Change::Remove(words) => (words, None),
    };
    let (path, key) = split(words);
    let mut table = &mut whole;
    for name in path {
        let inner = table
            .entry(name)
            .or_insert_with(|| toml::Table::new().into());
        table = inner.as_table_mut().unwrap();
    }
    match value {
        Some(value) => drop(table.insert(key.to_owned(), value.clone().into())),
        None => drop(table.remove(key)),
    }
    pruned(whole)
}

/// Whether all `lines` are in `text`, in their order.
fn in_order<'a>(lines: impl Iterator<Item = &'a str>, text: &str) -> bool {
    let mut there = text.split_inclusive('\n').map(str::trim_end);
    lines
        .map(str::trim_end)
        .all(|line| there.any(|other| other == line))
}

/// The lines that are comments and nothing else.
fn comments(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| line.trim_start().starts_with('#'))
}

proptest! {
    #[test]
    fn edits_mean_what_they_say_and_the_reader_takes_them(
        text in configuration(),
        changes in prop::collection::vec(change(), 1..12),
    ) {
        let mut text = text;
        for change in &changes {
            if is_of_no_role(&text, change) {
                continue;
            }
            let new = applied(&text, change);
            let whole = parse::parse(Path::new("c"), &new, Path::new("/h"));
            prop_assert!(whole.is_ok(), "{change:?} of {text:?} gives {new:?}");
            prop_assert_eq!(
                meaning(&new), meant(meaning(&text), change),
                "{:?} of {:?} gives {:?}", change, &text, &new
            );
            text = new;
        }
    }

    #[test]
    fn what_is_set_leaves_every_other_line_byte_for_byte(
        text in configuration(),
        changes in prop::collection::vec(change(), 1..12),
    ) {
        let mut text = text;
        for change in &changes {
            let new = applied(&text, change);
            let key = match change {
                Change::Set(words, _) | Change::Remove(words) => split(words).1,
            };
            let is_set = matches!(change, Change::Set(..));
            // Lines of other keys; a header may go, and an inline `env` grows.
            let all: Vec<_> = text.lines().filter(|line| {
                !line.trim().is_empty() && !line.contains(key) && !line.starts_with(['[', 'e'])
            }).collect();
            let kept = TABLES.iter().all(|table| !matches!(change, Change::Remove(one) if one == table));
            if kept {
                prop_assert!(in_order(all.into_iter(), &new), "{change:?} of {text:?} gives {new:?}");
                prop_assert!(in_order(comments(&text), &new), "{change:?} of {text:?} gives {new:?}");
            }
            if is_set {
                prop_assert_eq!(new.contains('\r'), text.contains('\r'));
            }
            text = new;
        }
    }
}
