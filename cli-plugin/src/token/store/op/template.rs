//! A new item: what it is called, how it is tagged, and what it says of itself.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use jackin_oci_hook::ticket::to_wiped_json;

use super::FIELD;
use super::call::{Call, Op, Raw, WITH_A_USER, failure, unreadable};
use super::vault::Vault;
use crate::failure::Failure;
use crate::token::ClaudeToken;
use crate::token::store::Label;

/// What all that is ours is tagged with. The tags behind it are nested, which
/// is what a `/` does in 1Password.
pub(super) const TAG: &str = "docker-jackin";

/// How many scopes of a shared token are named.
const NAMED: usize = 40;

/// The longest title that a user may give, in characters.
const LONGEST: usize = 120;

/// An item, as `op item create -` reads it.
#[derive(Serialize)]
struct Template<'a> {
    title: String,
    category: &'static str,
    tags: Vec<String>,
    fields: [Field<'a>; 2],
}

#[derive(Serialize)]
struct Field<'a> {
    id: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'static str>,
    label: &'static str,
    value: &'a str,
}

/// What `op` answers, as far as it is believed.
#[derive(Deserialize)]
struct Created<'a> {
    id: String,
    #[serde(borrow, default)]
    fields: Vec<CreatedField<'a>>,
}

#[derive(Deserialize)]
struct CreatedField<'a> {
    id: String,
    #[serde(borrow, default)]
    value: Option<Raw<'a>>,
}

/// The title of a new item, which no other item has.
pub(super) fn title(label: &Label, name: Option<&str>) -> String {
    let name = name.map_or_else(|| default_name(label), |name| name.trim().to_owned());
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    format!("{name} {}", label.mint)
}

fn default_name(label: &Label) -> String {
    let first = label.scopes.first().map(ToString::to_string);
    let more = match label.scopes.len() {
        0 | 1 => String::new(),
        several => format!(" and {} more", several - 1),
    };
    format!("Claude token of {}{more}", first.unwrap_or_default())
}

/// The tag that only the item of this minting has.
pub(super) fn tag_of(mint: &str) -> String {
    format!("{TAG}/mint/{mint}")
}

/// Makes the item, and gives its ID.
pub(super) fn create(
    op: &Op,
    vault: &Vault,
    label: &Label,
    name: Option<&str>,
    token: &ClaudeToken,
) -> Result<String, Failure> {
    let what = format!(
        "keep the token in vault {} of {}",
        vault.shown(),
        op.shown()
    );
    let notes = notes(label, token);
    let template = Template {
        title: title(label, name),
        category: "API_CREDENTIAL",
        tags: tags(label),
        fields: [
            Field {
                id: FIELD,
                kind: "CONCEALED",
                purpose: None,
                label: FIELD,
                value: token.secret().expose_secret(),
            },
            Field {
                id: "notesPlain",
                kind: "STRING",
                purpose: Some("NOTES"),
                label: "notesPlain",
                value: &notes,
            },
        ],
    };
    let template = to_wiped_json(&template).map_err(|_| unreadable(&what))?;
    let in_vault = format!("--vault={}", vault.id);
    let call = Call {
        arguments: vec!["item", "create", "-", "--format=json", &in_vault],
        input: Some(&template),
        limit: WITH_A_USER,
    };
    let answer = op
        .attempt(&call)
        .map_err(|trouble| failure(&what, &trouble))?;
    let created: Created<'_> =
        serde_json::from_slice(&answer.output).map_err(|_| unreadable(&what))?;
    if !is_id(&created.id) {
        return Err(unreadable(&what));
    }
    let kept = created.fields.iter().find(|field| field.id == FIELD);
    require_kept(kept.and_then(|field| field.value), token, &what)?;
    Ok(created.id)
}

/// Refuses an answer that shows another value than was given. Where a version
/// shows none, what is read back has to tell.
pub(super) fn require_kept(
    shown: Option<Raw<'_>>,
    token: &ClaudeToken,
    what: &str,
) -> Result<(), Failure> {
    let Some(shown) = shown else { return Ok(()) };
    let Ok(given) = to_wiped_json(&token.secret().expose_secret()) else {
        return Err(unreadable(what));
    };
    if shown.get().as_bytes() == &given[..] {
        return Ok(());
    }
    let message = format!(
        "failed to {what}: `op` reports success, and shows another value than it was given"
    );
    Err(Failure::new(crate::failure::Kind::Configuration, message)
        .hint("update `op`: 2.30 or later is wanted"))
}

/// Whether a text can stand for an item in a reference and in an argument.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn tags(label: &Label) -> Vec<String> {
    let mut tags = vec![TAG.to_owned(), tag_of(&label.mint)];
    tags.push(format!("{TAG}/issued/{}", date(label.issued)));
    tags.push(format!("{TAG}/expires/{}", date(label.expires)));
    for scope in label.scopes.iter().take(NAMED) {
        tags.push(format!("{TAG}/workspace/{}", in_a_tag(&scope.workspace)));
        if let Some(role) = &scope.role {
            tags.push(format!("{TAG}/role/{}", in_a_tag(role)));
        }
    }
    tags.sort();
    tags.dedup();
    tags
}

/// A name without what means something in a tag, or ends a list of them.
fn in_a_tag(name: &str) -> String {
    let plain = |c: char| {
        if c == ',' || c == '/' || c.is_control() {
            '_'
        } else {
            c
        }
    };
    let tag: String = name.trim().chars().map(plain).collect();
    if tag.is_empty() { "_".to_owned() } else { tag }
}

fn notes(label: &Label, token: &ClaudeToken) -> String {
    let mut lines =
        vec!["A long-lived token of Claude, minted and wired by docker jackin.".to_owned()];
    lines.push(String::new());
    for scope in label.scopes.iter().take(NAMED) {
        lines.push(format!("For: {scope}"));
    }
    if let Some(more) = label.scopes.len().checked_sub(NAMED + 1) {
        lines.push(format!("For: {} more", more + 1));
    }
    lines.push(format!("Issued: {}", date(label.issued)));
    lines.push(format!("Expires: {}", date(label.expires)));
    lines.push(format!("SHA-256: {}…", token.fingerprint()));
    lines.push(String::new());
    if let Some(scope) = label.scopes.first() {
        lines.push("To replace it by a new one:".to_owned());
        lines.push(format!(
            "docker jackin workspace claude-token rotate {}",
            scope.words()
        ));
    }
    lines.join("\n")
}

fn date(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).date().to_string()
}
