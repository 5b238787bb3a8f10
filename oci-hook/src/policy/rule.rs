//! One rule, and the strict reading of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use crate::container_user::ContainerUser;
use crate::passwd;
use crate::ticket::PolicyRequest;

/// What engines fill in from the image itself (OCI image specification,
/// `conversion.md`), and thus no word of its user's.
const OF_THE_IMAGE: &str = "org.opencontainers.";

/// A line that is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Invalid {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Which containers are served, and by whose configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name: of `[a-z0-9-]`, and no other rule's.
    pub name: String,
    /// Whose configuration resolves it.
    pub owner: Owner,
    /// A workspace of that configuration.
    pub workspace: Option<String>,
    /// Whose logins the container gets.
    pub subject: Subject,
    /// Whose home in the container the files go to.
    pub user: Option<ContainerUser>,
    /// What happens to a container that cannot be served.
    pub on_failure: OnFailure,
    /// Which containers; never empty.
    pub conditions: Conditions,
}

/// The user on the host whose configuration resolves a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// By name, as the host's `/etc/passwd` has it.
    Name(String),
    /// By number.
    Uid(u32),
}

/// Whose logins a rule gives to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Those of a role in the owner's configuration.
    Role(String),
    /// Those of agents, by their words.
    Agents(Vec<String>),
}

/// What happens to a container that a rule matches and that cannot be served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It does not start.
    #[default]
    Refuse,
    /// It starts without, and the log says so.
    Start,
}

/// What all must hold of a container. An image can forge none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Annotations, to the letter.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The image reference, to the letter as the engine has it.
    #[serde(default)]
    pub image: Option<String>,
    /// The image's id, or the digest in its reference.
    #[serde(default, deserialize_with = "digest")]
    pub digest: Option<String>,
    /// The uid that the engine runs as.
    #[serde(default)]
    pub engine_user: Option<u32>,
}

impl Owner {
    /// The uid; `None` for a name that the host's passwd file does not have.
    pub fn uid(&self, passwd: &[u8]) -> Option<u32> {
        match self {
            Self::Uid(uid) => Some(*uid),
            Self::Name(name) => passwd::uid_of(passwd, name.as_bytes()),
        }
    }
}

impl Rule {
    /// What is asked of the owner's configuration for a container of this
    /// image.
    pub fn request(&self, image: Option<&str>) -> PolicyRequest {
        let (role, agents) = match &self.subject {
            Subject::Role(role) => (Some(role.clone()), Vec::new()),
            Subject::Agents(agents) => (None, agents.clone()),
        };
        PolicyRequest {
            rule: self.name.clone(),
            workspace: self.workspace.clone(),
            role,
            agents,
            image: image.map(str::to_owned),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Uid(uid) => write!(f, "uid {uid}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPolicy {
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: Spanned<String>,
    #[serde(deserialize_with = "owner")]
    owner: Owner,
    #[serde(default, deserialize_with = "word")]
    workspace: Option<String>,
    #[serde(default, deserialize_with = "word")]
    role: Option<String>,
    agents: Option<Spanned<Vec<String>>>,
    user: Option<ContainerUser>,
    #[serde(default)]
    on_failure: OnFailure,
    r#match: Spanned<Conditions>,
}

/// Reads the text of a policy.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Rule>, Invalid> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let before = String::from_utf8_lossy(&text[..error.valid_up_to()]);
        invalid(&before, before.len(), "the text is not UTF-8")
    })?;
    let written: WrittenPolicy = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        invalid(text, at, error.message())
    })?;
    let mut names = BTreeSet::new();
    let mut rules = Vec::new();
    for written in written.rule {
        let start = written.span().start;
        let name = written.get_ref().name.clone();
        let rule = checked(written.into_inner(), start)
            .map_err(|(span, reason)| invalid(text, span.start, &reason))?;
        if !names.insert(rule.name.clone()) {
            let reason = format!("a rule before it is called {:?}, too", rule.name);
            return Err(invalid(text, name.span().start, &reason));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn checked(written: WrittenRule, start: usize) -> Result<Rule, (Range<usize>, String)> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let name = written.name.get_ref();
    if name.is_empty() || !name.bytes().all(allowed) {
        let reason = format!("a rule's name is of a-z, 0-9 and -, and {name:?} is not");
        return Err((written.name.span(), reason));
    }
    let conditions = written.r#match.get_ref();
    if *conditions == Conditions::default() {
        let reason = format!(
            "rule {name:?} matches nothing: give annotations, image, digest or engine_user"
        );
        return Err((written.r#match.span(), reason));
    }
    if let Some(key) = conditions
        .annotations
        .keys()
        .find(|key| key.starts_with(OF_THE_IMAGE))
    {
        let reason =
            format!("annotation {key:?} is filled in from the image; name one of your own");
        return Err((written.r#match.span(), reason));
    }
    let subject = match (written.role, written.agents) {
        (Some(role), None) => Subject::Role(role),
        (None, Some(agents)) if agents_are_words(agents.get_ref()) => {
            Subject::Agents(agents.into_inner())
        }
        (None, Some(agents)) => {
            let reason = "agents is a list of agents' names, such as [\"claude\"]".to_owned();
            return Err((agents.span(), reason));
        }
        (_, _) => {
            let reason = format!("rule {name:?} wants either role or agents");
            return Err((start..start, reason));
        }
    };
    Ok(Rule {
        name: written.name.into_inner(),
        owner: written.owner,
        workspace: written.workspace,
        subject,
        user: written.user,
        on_failure: written.on_failure,
        conditions: written.r#match.into_inner(),
    })
}

/// Which agents there are is the user's side's to know.
fn agents_are_words(agents: &[String]) -> bool {
    let word = |agent: &String| {
        !agent.is_empty()
            && agent
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    !agents.is_empty() && agents.iter().all(word)
}

fn invalid(text: &str, at: usize, reason: &str) -> Invalid {
    let before = text.get(..at).unwrap_or(text);
    Invalid {
        line: before.matches('\n').count() + 1,
        reason: reason.to_owned(),
    }
}

/// A name in the owner's configuration: one line, and not empty.
fn word<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let word = String::deserialize(from)?;
    if word.is_empty() || word.chars().any(char::is_control) {
        return Err(de::Error::custom("it wants a name, in one line"));
    }
    Ok(Some(word))
}

fn digest<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let digest = String::deserialize(from)?;
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match digest.strip_prefix("sha256:") {
        Some(digits) if digits.len() == 64 && digits.bytes().all(hex) => Ok(Some(digest)),
        _ => Err(de::Error::custom(
            "a digest is sha256: and 64 digits of 0-9 and a-f",
        )),
    }
}

fn owner<'de, D: Deserializer<'de>>(from: D) -> Result<Owner, D::Error> {
    struct Owners;
    impl Visitor<'_> for Owners {
        type Value = Owner;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a user's name or uid")
        }

        fn visit_i64<E: de::Error>(self, uid: i64) -> Result<Owner, E> {
            // The largest is no id: to the system calls it says "leave as it is".
            let uid = u32::try_from(uid).ok().filter(|uid| *uid != u32::MAX);
            uid.map(Owner::Uid)
                .ok_or_else(|| E::custom("a uid is a number from 0 to 4294967294"))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Owner, E> {
            if let Ok(uid) = text.parse() {
                return self.visit_i64(uid);
            }
            if text.is_empty() || text.contains(|c: char| c == ':' || c.is_control()) {
                return Err(E::custom(
                    "owner is a user's name as in /etc/passwd, or a uid",
                ));
            }
            Ok(Owner::Name(text.to_owned()))
        }
    }
    from.deserialize_any(Owners)
}
