//! The policy, as `docker jackin status` tells it: whether it is read, and
//! which of its rules can match on the engine at hand.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use jackin_oci_hook::policy::{self, Error, Policy, Rule};
use jackin_oci_hook::runtime::low_level::FOLDERS;
use jackin_oci_hook::standing::Standing;
use serde::Serialize;

use crate::engine::client::{ANNOTATIONS_SINCE, parse_version};
use crate::engine::registrar::crio;

/// The first Podman that leaves images' annotations out of its containers.
const PODMAN_VOUCHES_SINCE: (u32, u32) = (4, 7);

/// The policy of this machine.
#[derive(Debug, Default, Serialize)]
pub(in crate::command) struct PolicyStatus {
    /// How it is.
    state: State,
    /// Its rules, in their order.
    rules: Vec<RuleStatus>,
    /// The version of a Podman on which annotations match nothing.
    podman: Option<String>,
    /// Whether CRI-O is here, on which they match nothing either.
    crio: bool,
}

/// How a policy is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// There is none.
    #[default]
    None,
    /// Its rules hold.
    InForce,
    /// Nobody is served by it; the problems say why.
    Refused,
    /// This user may not read it, which the engine's side does.
    Unreadable,
}

/// One rule.
#[derive(Debug, Serialize)]
struct RuleStatus {
    name: String,
    owner: String,
    /// Why it can never match on the engine at hand; `None` when it can.
    never_here: Option<String>,
    #[serde(skip)]
    rule: Rule,
    #[serde(skip)]
    uid: Option<u32>,
}

/// Reads it, and takes down what is wrong with it.
pub(super) fn look(problems: &mut Vec<String>) -> PolicyStatus {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let mut status = look_with(Policy::load(Standing::Root), &passwd, problems);
    if status.wants_annotations().next().is_some() {
        status.podman = podman_version().filter(|version| gives_the_images(version));
        status.crio = crio::place().is_some();
    }
    status
}

/// What the Podman of this machine says of itself.
fn podman_version() -> Option<String> {
    let places = FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join("podman"));
    let podman = places.into_iter().find(|path| path.is_file())?;
    let output = Command::new(podman).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().strip_prefix("podman version ")?.to_owned())
}

/// Whether a Podman of this version may give an image's annotations to its
/// containers (podman#18542).
fn gives_the_images(version: &str) -> bool {
    let numbers = version.rsplitn(2, '.').last().and_then(parse_version);
    numbers.is_none_or(|numbers| numbers < PODMAN_VOUCHES_SINCE)
}

fn look_with(
    policy: Result<Option<Policy>, Error>,
    passwd: &[u8],
    problems: &mut Vec<String>,
) -> PolicyStatus {
    let (state, rules) = match policy {
        Ok(None) => (State::None, Vec::new()),
        Ok(Some(policy)) => (State::InForce, policy.rules),
        Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            (State::Unreadable, Vec::new())
        }
        Err(error) => {
            problems.push(format!("nobody is served by the policy: {error}"));
            (State::Refused, Vec::new())
        }
    };
    let rules = rules.into_iter().map(|rule| RuleStatus {
        name: rule.name.clone(),
        owner: rule.owner.to_string(),
        never_here: None,
        uid: rule.owner.uid(passwd),
        rule,
    });
    let status = PolicyStatus {
        state,
        rules: rules.collect(),
        podman: None,
        crio: false,
    };
    for rule in status.rules.iter().filter(|rule| rule.uid.is_none()) {
        problems.push(format!(
            "rule {} of the policy gives nothing: its owner {} is no user in /etc/passwd\n  \
             correct it in {}",
            rule.name,
            rule.owner,
            policy::PATH
        ));
    }
    status
}

/// What of an engine decides which rules can match.
#[derive(Debug, Clone, Copy)]
pub(super) struct EngineFacts {
    /// The uid it runs as.
    pub(super) uid: u32,
    /// The version of its API.
    pub(super) api: (u32, u32),
}

impl EngineFacts {
    /// Those of a Docker engine: a rootless one is its socket's owner.
    pub(super) fn of_docker(socket: &Path, rootless: bool, api: (u32, u32)) -> Self {
        let owner = std::fs::metadata(socket).map(|socket| socket.uid());
        let uid = owner.ok().filter(|_| rootless).unwrap_or_default();
        Self { uid, api }
    }
}

impl PolicyStatus {
    /// Takes down which rules can never match on an engine.
    pub(super) fn note_engine(&mut self, engine: EngineFacts) {
        for rule in &mut self.rules {
            rule.never_here = rule.never(engine);
        }
    }

    /// Whether there is one that holds.
    pub(in crate::command) fn is_in_force(&self) -> bool {
        self.state == State::InForce
    }

    /// Where it is, and how much.
    pub(in crate::command) fn summary(&self) -> String {
        let path = policy::PATH;
        match (self.state, self.rules.len()) {
            (State::None, _) => "none".to_owned(),
            (State::InForce, 1) => format!("{path}: 1 rule"),
            (State::InForce, rules) => format!("{path}: {rules} rules"),
            (State::Refused, _) => format!("{path}: refused"),
            (State::Unreadable, _) => format!("{path}: root's alone to read"),
        }
    }

    /// The rules that can never match on the engine at hand, or with this
    /// machine's Podman, with the reason.
    pub(in crate::command) fn notes(&self) -> impl Iterator<Item = String> {
        let rules = self.rules.iter();
        let here = rules.filter_map(|rule| {
            let why = rule.never_here.as_ref()?;
            Some(format!("rule {} never matches here: {why}", rule.name))
        });
        let podman = self.podman.iter().flat_map(|version| {
            self.wants_annotations().map(move |rule| {
                format!(
                    "rule {} never matches with Podman {version}: before 4.7 an image may set \
                     annotations",
                    rule.name
                )
            })
        });
        let crio = self.wants_annotations().filter(|_| self.crio).map(|rule| {
            format!(
                "rule {} never matches with CRI-O: it is not known that no image may set \
                 annotations there",
                rule.name
            )
        });
        here.chain(podman).chain(crio)
    }

    fn wants_annotations(&self) -> impl Iterator<Item = &RuleStatus> {
        let rules = self.rules.iter();
        rules.filter(|rule| !rule.rule.conditions.annotations.is_empty())
    }
}

impl RuleStatus {
    fn never(&self, engine: EngineFacts) -> Option<String> {
        let EngineFacts { uid, api } = engine;
        let wanted = &self.rule.conditions;
        if uid != 0 && self.uid != Some(uid) {
            return Some(format!("the engine is that of uid {uid} alone"));
        }
        if wanted.engine_user.is_some_and(|wanted| wanted != uid) {
            return Some(format!("the engine runs as uid {uid}"));
        }
        if !wanted.annotations.is_empty() && api < ANNOTATIONS_SINCE {
            let (major, minor) = api;
            return Some(format!(
                "the engine knows no annotations (API {major}.{minor})"
            ));
        }
        None
    }
}

impl fmt::Display for PolicyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "policy     {}", self.summary())?;
        for note in self.notes() {
            writeln!(f, "           {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "\
        [[rule]]\nname = \"annotated\"\nowner = \"me\"\nrole = \"web\"\n\
        [rule.match]\nannotations = { a = \"b\" }\n\
        [[rule]]\nname = \"rootful\"\nowner = 7\nrole = \"web\"\n\
        [rule.match]\nengine_user = 0\n\
        [[rule]]\nname = \"rootless\"\nowner = \"me\"\nrole = \"web\"\n\
        [rule.match]\nengine_user = 1000\n\
        [[rule]]\nname = \"image\"\nowner = \"me\"\nrole = \"web\"\n\
        [rule.match]\nimage = \"i\"\n";

    fn looked_at(text: &str, problems: &mut Vec<String>) -> PolicyStatus {
        let policy = Policy::from_toml(text.as_bytes());
        let policy = policy.map(Some).map_err(|source| Error::Invalid {
            path: policy::PATH.into(),
            source,
        });
        look_with(policy, b"me:x:1000:1000::/home/me:\n", problems)
    }

    fn on(engine: EngineFacts) -> String {
        let mut status = looked_at(RULES, &mut Vec::new());
        status.note_engine(engine);
        status.to_string()
    }

    #[test]
    fn rules_that_can_never_match_on_an_engine_are_told_with_the_reason() {
        let old = EngineFacts {
            uid: 0,
            api: (1, 41),
        };
        insta::assert_snapshot!(on(old), @"
        policy     /etc/docker-jackin/policy.toml: 4 rules
                   rule annotated never matches here: the engine knows no annotations (API 1.41)
                   rule rootless never matches here: the engine runs as uid 0
        ");
        let rootless = EngineFacts {
            uid: 1000,
            api: (1, 45),
        };
        insta::assert_snapshot!(on(rootless), @"
        policy     /etc/docker-jackin/policy.toml: 4 rules
                   rule rootful never matches here: the engine is that of uid 1000 alone
        ");
    }

    #[test]
    fn scenario_54_annotations_do_not_count_with_a_podman_that_takes_them_from_images() {
        for (version, gives) in [
            ("4.3.1", true),
            ("4.6.2", true),
            ("4.7.0", false),
            ("5.4.2", false),
            ("odd", true),
        ] {
            assert_eq!(gives_the_images(version), gives, "{version}");
        }
        let mut status = looked_at(RULES, &mut Vec::new());
        status.podman = Some("4.3.1".to_owned());
        let notes: Vec<_> = status.notes().collect();
        let note = "rule annotated never matches with Podman 4.3.1: before 4.7 an image may set annotations";
        assert_eq!(notes, [note]);
        status.podman = None;
        status.crio = true;
        let notes: Vec<_> = status.notes().collect();
        let note = "rule annotated never matches with CRI-O: it is not known that no image may set annotations there";
        assert_eq!(notes, [note]);
    }

    #[test]
    fn no_policy_is_no_problem_and_a_refused_one_is_told_with_its_line() {
        let mut problems = Vec::new();
        let none = look_with(Ok(None), b"", &mut problems);
        assert_eq!(
            (none.to_string().as_str(), problems.len()),
            ("policy     none\n", 0)
        );

        let refused = looked_at("\nrule = 7\n", &mut problems);
        insta::assert_snapshot!(refused.to_string(), @"policy     /etc/docker-jackin/policy.toml: refused");
        insta::assert_snapshot!(problems.join("\n"), @"nobody is served by the policy: /etc/docker-jackin/policy.toml, line 2: invalid type: integer `7`, expected a sequence");
    }

    #[test]
    fn an_owner_whom_nobody_knows_is_a_problem() {
        let mut problems = Vec::new();
        let text = RULES.replacen("\"me\"", "\"you\"", 1);
        looked_at(&text, &mut problems);
        insta::assert_snapshot!(problems.join("\n"), @"
        rule annotated of the policy gives nothing: its owner you is no user in /etc/passwd
          correct it in /etc/docker-jackin/policy.toml
        ");
    }

    #[test]
    fn a_policy_that_only_root_may_read_is_no_problem() {
        let mut problems = Vec::new();
        let denied = policy::unread(policy::PATH)(io::ErrorKind::PermissionDenied.into());
        let status = look_with(Err(denied), b"", &mut problems);
        insta::assert_snapshot!(status.to_string(), @"policy     /etc/docker-jackin/policy.toml: root's alone to read");
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn programs_read_the_rules_as_json() {
        let mut status = looked_at(RULES, &mut Vec::new());
        status.note_engine(EngineFacts {
            uid: 0,
            api: (1, 45),
        });
        let json = serde_json::to_value(status).unwrap();
        assert_eq!(json["state"], "in-force");
        let rule = serde_json::json!(
            {"name": "rootless", "owner": "me", "never_here": "the engine runs as uid 0"}
        );
        assert_eq!(json["rules"][2], rule);
    }
}
