//! Which rule counts for a container, and why the ones before it do not.

use std::collections::BTreeMap;

use super::{Policy, Rule};
use crate::standing::Standing;

/// What is known of a container, by the engine's own word.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its annotations.
    pub annotations: &'a BTreeMap<String, String>,
    /// Whether those are the word of who started it. Where the image may have
    /// set them, they match nothing.
    pub annotations_are_the_users: bool,
    /// The image reference it was created from.
    pub image: Option<&'a str>,
    /// The image's id.
    pub image_id: Option<&'a str>,
    /// Who the engine's side is.
    pub standing: Standing,
    /// The host's passwd file, in which owners are looked up.
    pub passwd: &'a [u8],
}

/// The rule that counts, if one does, and the way to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// The first rule that matches.
    pub rule: Option<&'a Rule>,
    /// The rules that were looked at, in their order.
    pub trace: Vec<Verdict<'a>>,
}

/// What became of one rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// Why it does not match; `None` for the one that does.
    pub missed: Option<Missed<'a>>,
}

/// Why a rule does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed<'a> {
    /// The engine is a user's own, and the rule's owner is another one.
    OtherUsersEngine,
    /// The engine runs as this uid.
    EngineUser(u32),
    /// The container was created from another image, or that cannot be told.
    Image(Option<&'a str>),
    /// The image has another digest, or none can be told.
    Digest,
    /// The container does not have this annotation, or not with this value.
    Annotation(&'a str),
    /// It has all of them, and the image may have set them.
    AnnotationsOfTheImage,
}

/// Decides which rule counts for a container.
pub fn decide<'a>(policy: &'a Policy, facts: &Facts<'a>) -> Decision<'a> {
    let mut trace = Vec::new();
    for rule in &policy.rules {
        let missed = missed(rule, facts);
        let matches = missed.is_none();
        trace.push(Verdict {
            rule: &rule.name,
            missed,
        });
        if matches {
            let rule = Some(rule);
            return Decision { rule, trace };
        }
    }
    Decision { rule: None, trace }
}

/// The annotations come last, so that a rule which misses for theirs alone can
/// be told from one that never meant this container.
fn missed<'a>(rule: &'a Rule, facts: &Facts<'a>) -> Option<Missed<'a>> {
    let wanted = &rule.conditions;
    if let Standing::Rootless { uid } = facts.standing
        && rule.owner.uid(facts.passwd) != Some(uid)
    {
        return Some(Missed::OtherUsersEngine);
    }
    let engine_user = engine_user(facts.standing);
    if wanted.engine_user.is_some_and(|uid| uid != engine_user) {
        return Some(Missed::EngineUser(engine_user));
    }
    if let Some(image) = &wanted.image
        && facts.image != Some(image)
    {
        return Some(Missed::Image(facts.image));
    }
    if let Some(digest) = &wanted.digest
        && !has_digest(facts, digest)
    {
        return Some(Missed::Digest);
    }
    let mut annotations = wanted.annotations.iter();
    if let Some((key, _)) =
        annotations.find(|(key, value)| facts.annotations.get(*key) != Some(value))
    {
        return Some(Missed::Annotation(key));
    }
    let vouched = wanted.annotations.is_empty() || facts.annotations_are_the_users;
    (!vouched).then_some(Missed::AnnotationsOfTheImage)
}

/// The uid that an engine runs as.
fn engine_user(standing: Standing) -> u32 {
    match standing {
        Standing::Root => 0,
        Standing::Rootless { uid } => uid,
    }
}

/// Whether the image is the one with this digest: by its id, or by the
/// reference, to whose digest the engine held what it pulled.
fn has_digest(facts: &Facts<'_>, digest: &str) -> bool {
    let of_reference = facts
        .image
        .and_then(|image| Some(image.rsplit_once('@')?.1));
    facts.image_id == Some(digest) || of_reference == Some(digest)
}
