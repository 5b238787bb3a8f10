//! Admission by the policy: a container without a ticket that a rule matches.

use std::fs::File;
use std::io;

use super::{Admission, Applicant, Error};
use crate::config;
use crate::container_user::ContainerUser;
use crate::file;
use crate::passwd;
use crate::payload::Payload;
use crate::policy::{self, Facts, Missed, OnFailure, Owner, Policy, Rule};
use crate::record::{Origin, Record};
use crate::runtime::log::Log;
use crate::runtime::resolver;
use crate::standing::Standing;
use crate::ticket::PolicyRequest;

/// Why a rule's owner gives nothing. The next command is theirs.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The rule names nobody of this host's.
    #[error(
        "that is no user in /etc/passwd; correct the owner in {}",
        policy::PATH
    )]
    UnknownOwner,
    /// Nobody can be asked.
    #[error(
        "no resolver is set in {}; set it with: sudo docker jackin install",
        config::PATH
    )]
    NoResolver,
    /// The resolver gave nothing.
    #[error("{0}; as that user, `docker jackin doctor` says what is wrong")]
    Resolver(#[from] resolver::Error),
}

/// A rule, as far as it says how a container is served.
#[derive(Debug, PartialEq, Eq)]
pub struct ByRule {
    /// Whose home in the container the files go to.
    pub(super) user: Option<ContainerUser>,
    owner: Owner,
    uid: Option<u32>,
    asked: PolicyRequest,
    on_failure: OnFailure,
}

/// The rule that counts for a container, if there is one.
///
/// A policy that is refused serves nobody, and keeps nobody from starting.
pub(super) fn find(applicant: &Applicant<'_>, log: &Log) -> Result<Option<ByRule>, Error> {
    if !policy::is_there() {
        return Ok(None);
    }
    let (standing, policy, passwd) = match read() {
        Ok(Some(read)) => read,
        Ok(None) => return Ok(None),
        Err(error) => {
            log.warn(&format!("nobody is served by the policy: {error}"));
            return Ok(None);
        }
    };
    let annotations = applicant.spec.annotations();
    let annotations = annotations.map_err(|source| applicant.invalid(source))?;
    let engine = applicant.engine;
    let facts = Facts {
        annotations: &annotations,
        annotations_are_the_users: engine.annotations_are_the_users,
        image: engine.image.as_deref(),
        image_id: engine.image_id.as_deref(),
        standing,
        passwd: &passwd,
    };
    let decision = policy::decide(&policy, &facts);
    for verdict in decision.trace {
        if verdict.missed == Some(Missed::AnnotationsOfTheImage) {
            log.warn(&format!(
                "the container is not served by rule {} of the policy: it has the annotations, and \
                 on this engine its image may have set them",
                verdict.rule
            ));
        }
    }
    Ok(decision.rule.map(|rule| ByRule::of(rule, &facts)))
}

fn read() -> Result<Option<(Standing, Policy, Vec<u8>)>, policy::Error> {
    let standing = Standing::of_this_process().map_err(policy::unread("/proc/self/uid_map"))?;
    let Some(policy) = Policy::load(standing)? else {
        return Ok(None);
    };
    let passwd = users().map_err(policy::unread("/etc/passwd"))?;
    Ok(Some((standing, policy, passwd)))
}

fn users() -> io::Result<Vec<u8>> {
    file::read_start(File::open("/etc/passwd")?, passwd::MAX_SIZE)
}

impl ByRule {
    fn of(rule: &Rule, facts: &Facts<'_>) -> Self {
        Self {
            user: rule.user.clone(),
            owner: rule.owner.clone(),
            uid: rule.owner.uid(facts.passwd),
            asked: rule.request(facts.image),
            on_failure: rule.on_failure,
        }
    }

    pub(super) fn starts_without(&self) -> bool {
        self.on_failure == OnFailure::Start
    }

    /// What a record says of it; nothing was ever served for an unknown owner.
    pub(super) fn origin(&self) -> Option<Origin> {
        Some(Origin::Policy {
            owner: self.uid?,
            asked: self.asked.clone(),
        })
    }

    fn failed(&self, source: RuleError) -> Error {
        Error::Rule {
            rule: self.asked.rule.clone(),
            owner: self.owner.to_string(),
            source,
        }
    }
}

impl Admission<'_> {
    /// The record of a container that a rule gives something to. What another
    /// rule left in the container's files before is taken back.
    pub(super) fn resolve(&self, rule: &ByRule, former: Option<Record>) -> Result<Record, Error> {
        let origin = rule.origin();
        let origin = origin.ok_or_else(|| rule.failed(RuleError::UnknownOwner))?;
        let resolver = self.resolver;
        let resolver = resolver.ok_or_else(|| rule.failed(RuleError::NoResolver))?;
        let resolved = resolver::resolve_rule(resolver, origin.owner(), &rule.asked, self.log);
        let (request, payload) = resolved.map_err(|error| rule.failed(error.into()))?;
        let mut record = former.unwrap_or_else(|| Record {
            origin: origin.clone(),
            request: None,
            payload: Payload::default(),
            user: None,
            configured: Vec::new(),
            hook_alone: false,
            surplus: Vec::new(),
        });
        record.origin = origin;
        record.request = Some(request);
        record.user.clone_from(&rule.user);
        record.renew(payload);
        Ok(record)
    }
}
