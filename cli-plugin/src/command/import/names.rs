//! Names of jackin's, which may hold what ours may not.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::new_name::require_name;

/// Our name for each of jackin's.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// Gives each of `given` a name of its own. One that can stay as it is
    /// stays so, whatever the others become.
    pub(super) fn new<'a>(kind: &str, given: impl IntoIterator<Item = &'a str>) -> Self {
        let given: BTreeSet<&str> = given.into_iter().collect();
        let stays = |name: &&str| require_name(kind, name).is_ok();
        let mut names: BTreeMap<String, String> = given
            .iter()
            .copied()
            .filter(stays)
            .map(|name| (name.to_owned(), name.to_owned()))
            .collect();
        let mut taken: BTreeSet<String> = names.keys().cloned().collect();
        for name in given.into_iter().filter(|name| !stays(name)) {
            let ours = free(&fitting(kind, name), &taken);
            taken.insert(ours.clone());
            names.insert(name.to_owned(), ours);
        }
        Self(names)
    }

    /// Our name for one of jackin's.
    pub(super) fn of<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }

    /// Those that are not called the same any more.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.0.iter().filter(|(theirs, ours)| theirs != ours);
        names.map(|(theirs, ours)| (theirs.as_str(), ours.as_str()))
    }
}

/// The name with what cannot stay in it made to dashes.
fn fitting(kind: &str, name: &str) -> String {
    let mut fitting = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() || "_.-".contains(letter) {
            fitting.push(letter);
        } else if !fitting.ends_with('-') {
            fitting.push('-');
        }
    }
    let fitting = fitting.trim_start_matches(['_', '.', '-']);
    match fitting.trim_end_matches('-') {
        "" => kind.to_owned(),
        fitting => fitting.to_owned(),
    }
}

fn free(name: &str, taken: &BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    let mut number = 2_usize;
    while taken.contains(&free) {
        free = format!("{name}-{number}");
        number += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_becomes_one_of_ours_and_none_of_them_twice() {
        let given = [
            "acme/web", "acme-web", "acme web", "Größe", "été", "日本", "..", "a.b",
        ];
        let names = Names::new("role", given);
        let ours: Vec<_> = given.iter().map(|name| names.of(name)).collect();
        assert_eq!(
            ours,
            [
                "acme-web-3",
                "acme-web",
                "acme-web-2",
                "Gr-e",
                "t",
                "role-2",
                "role",
                "a.b"
            ]
        );
        for name in &ours {
            assert!(require_name("role", name).is_ok(), "{name}");
        }
        assert_eq!(names.changed().count(), 6);
    }

    proptest! {
        #[test]
        fn whatever_the_names_are_ours_are_good_and_apart(
            given in prop::collection::btree_set("\\PC{0,12}", 0..8)
        ) {
            let names = Names::new("workspace", given.iter().map(String::as_str));
            let ours: BTreeSet<&str> = given.iter().map(|name| names.of(name)).collect();
            prop_assert_eq!(ours.len(), given.len());
            for name in ours {
                prop_assert!(require_name("workspace", name).is_ok(), "{}", name);
            }
        }
    }
}
