//! What a token's place is called: names that are new, that every store takes,
//! and that say whose the token is.

use super::Label;

/// How much of a workspace's name is in it, in characters.
const LONGEST: usize = 64;

/// How long it is what tells a minting from all others, in characters.
const MINT: usize = 12;

/// The name that is told from all others by its end: `my-app-0123456789ab`.
pub(super) fn of(label: &Label) -> String {
    format!("{}-{}", stem(label), mint(label))
}

/// The part of it that a person knows: letters, digits and `._-` alone.
pub(super) fn stem(label: &Label) -> String {
    let [scope] = &label.scopes[..] else {
        return "shared".to_owned();
    };
    let stem = cleaned(&scope.file_stem());
    // What begins with `-` is a flag to some of the programs that keep it.
    let begins = if stem.starts_with('-') || stem.is_empty() {
        "_"
    } else {
        ""
    };
    begins.chars().chain(stem.chars()).take(LONGEST).collect()
}

/// What tells it from all others.
pub(super) fn mint(label: &Label) -> String {
    cleaned(&label.mint)
}

/// Whether a text is what tells a minting from all others.
pub(super) fn is_mint(text: &str) -> bool {
    text.len() == MINT && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// For those who look into the store: `docker-jackin: Claude token of
/// workspace my-app, until 2027-11-23`, on one line and in ASCII alone, since
/// not every program takes other letters as arguments.
pub(super) fn title(label: &Label) -> String {
    let whose = match &label.scopes[..] {
        [scope] => match &scope.role {
            None => format!("workspace {}", scope.workspace),
            Some(role) => format!("workspace {}, role {role}", scope.workspace),
        },
        scopes => format!("{} workspaces", scopes.len()),
    };
    let plain = |c: char| if c.is_ascii() { c } else { '?' };
    let whose = whose.chars().filter(|c| !c.is_control()).map(plain);
    let whose: String = whose.take(2 * LONGEST).collect();
    let expires = label.expires.strftime("%F");
    format!("docker-jackin: Claude token of {whose}, until {expires}")
}

fn cleaned(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let cleaned = text.chars().map(|c| if plain(c) { c } else { '_' });
    cleaned.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::store::tests::label;

    #[test]
    fn a_name_is_taken_by_every_store_and_told_from_all_others() {
        for (workspace, role, name) in [
            ("my-app", None, "my-app-0123456789ab"),
            ("my-app", Some("web"), "my-app_web-0123456789ab"),
            ("../a b", Some("é"), "_2E._2Fa_20b__C3_A9-0123456789ab"),
            ("--help", None, "_--help-0123456789ab"),
            ("", None, "_-0123456789ab"),
        ] {
            assert_eq!(of(&label(&[(workspace, role)])), name);
        }
        let long = "a".repeat(500);
        assert_eq!(of(&label(&[(&long, None)])).len(), LONGEST + 13);
        let shared = label(&[("a", None), ("b", None)]);
        assert_eq!(of(&shared), "shared-0123456789ab");
    }

    #[test]
    fn a_title_says_whose_it_is_and_when_it_ends() {
        assert_eq!(
            title(&label(&[("my-\u{1b}app", Some("wéb"))])),
            "docker-jackin: Claude token of workspace my-app, role w?b, until 2027-11-23"
        );
        let shared = label(&[("a", None), ("b", None)]);
        assert_eq!(
            title(&shared),
            "docker-jackin: Claude token of 2 workspaces, until 2027-11-23"
        );
    }
}
