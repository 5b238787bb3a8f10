//! `sync`: the host's session for a container, or the one that it has by now.
//!
//! An agent in a container may renew its login, and its user may log in there
//! by hand. What is newer is kept when the container starts again. Which that
//! is, is told by the host's login first: when that is the one of the last
//! start, whatever differs from it in the container came later. When both have
//! changed, the times in them decide, and where there are none, the host's
//! wins, since that is what the mode asks for.
//!
//! A container's login goes back to that container and nowhere else.

use std::time::{Duration, SystemTime};

use jackin_oci_hook::payload::{Delivery, Payload};
use jackin_oci_hook::published::LoginId;
use jackin_oci_hook::secret::Secret;

use super::login::{AuthLine, Login, Outlook, from};
use super::{Circumstances, fingerprint};
use crate::agent::Agent;
use crate::agent::login::{FileLogin, Found, HostLogin, Origin};
use crate::auth::mode::{ChosenMode, Mode};
use crate::failure::{Failure, Kind};
use crate::live::{self, Publication};
use crate::source::Shell;
use crate::span;

/// A login of the host's that is forwarded to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where it lies on the host.
    pub origin: Origin,
    /// When it ends; `None` when it does not, or does not say.
    pub ends: Option<SystemTime>,
    /// The login that the container follows; `None` when it has a copy.
    pub follows: Option<LoginId>,
    /// By what its account is known again.
    pub account: Option<String>,
}

/// The largest file of a container's that is looked at, in bytes: as much as
/// is read on the host.
const OWN_LIMIT: usize = 256 << 10;

/// How long before its end a login is warned about. Its agent may be renewing
/// it then, and a container would soon be logged out.
pub const SOON: Duration = Duration::from_secs(30 * 60);

/// An end further off than this is not worth a word.
const FAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The login of an agent in `sync`.
///
/// # Errors
/// The host has a login that cannot or must not be read.
pub(super) fn login(
    circumstances: &Circumstances<'_>,
    chosen: &ChosenMode,
) -> Result<Login, Failure> {
    let agent = chosen.auth_mode.agent();
    let found = agent.host_login(circumstances.host).map_err(|error| {
        let message = format!("failed to read {agent}'s login on this host: {error}");
        Failure::new(Kind::Configuration, message).hint(error.remedy())
    })?;
    let own = own(circumstances, agent);
    let last = circumstances.logins_at_launch.get(agent.word());
    Ok(match (found, own) {
        (Found::Login(host), Some(own)) if own.is_newer(&host, last.map(String::as_str)) => {
            let seen = fingerprint::of(&host.content);
            kept(circumstances, chosen, &own, Some(seen))
        }
        (Found::Login(host), _) => forwarded(circumstances, chosen, host),
        (Found::Missing(_), None) => missing(chosen),
        (Found::Missing(_), Some(own)) => kept(circumstances, chosen, &own, last.cloned()),
        (Found::Unusable { origin, why }, own) => {
            let mut login = match own {
                Some(own) => kept(circumstances, chosen, &own, last.cloned()),
                None => unusable(chosen),
            };
            login.warnings.push(format!(
                "{origin} {why}, so nothing is forwarded; log in with `{}` on this host",
                agent.description().log_in
            ));
            login
        }
    })
}

/// What the container has by now, where the host's login cannot be read.
pub(super) fn last(circumstances: &Circumstances<'_>, chosen: &ChosenMode) -> Option<Login> {
    let agent = chosen.auth_mode.agent();
    let seen = circumstances.logins_at_launch.get(agent.word()).cloned();
    let own = own(circumstances, agent)?;
    Some(kept(circumstances, chosen, &own, seen))
}

/// A login that the container has, and that would let its agent start.
struct Own<'a> {
    content: &'a Secret,
    login: FileLogin,
    /// The login that it followed, and so has nothing of its own.
    followed: Option<&'a LoginId>,
}

/// What the container has by now, if it had a login of this mode's before.
/// What another mode had given it goes with that mode.
fn own<'a>(circumstances: &Circumstances<'a>, agent: Agent) -> Option<Own<'a>> {
    let Shell::Gone(payload) = circumstances.shell else {
        return None;
    };
    let mode = circumstances.modes_at_launch.get(agent.word())?;
    let delivery = delivery(payload, agent).filter(|_| mode == Mode::Sync.word())?;
    let content = delivery.secret()?;
    let followed = match delivery {
        Delivery::Live { login, .. } => Some(login),
        _ => None,
    };
    // It comes from inside the container, and may be anything.
    if content.expose().len() > OWN_LIMIT {
        return None;
    }
    let login = agent.login_in(content.expose().as_bytes()).ok()?;
    let of_use = login.is_of_use(circumstances.now);
    of_use.then_some(Own {
        content,
        login,
        followed,
    })
}

/// What was bound in the place of an agent's credential file.
pub(super) fn bound(payload: &Payload, agent: Agent) -> Option<&Secret> {
    delivery(payload, agent)?.secret()
}

/// How the secret in the place of an agent's credential file came there.
fn delivery(payload: &Payload, agent: Agent) -> Option<&Delivery> {
    let place = agent.description().credential_file.in_container();
    let files = payload.files.iter().filter(|file| file.place == place);
    let mut deliveries = files.map(|file| &file.delivery);
    deliveries.find(|delivery| delivery.secret().is_some())
}

impl Own<'_> {
    /// Whether it came after the host's login. `last` is the fingerprint of
    /// what the host had when the container was started last.
    fn is_newer(&self, host: &HostLogin, last: Option<&str>) -> bool {
        let was = |content: &Secret| last.is_some_and(|last| fingerprint::of(content) == last);
        if self.followed.is_some() || was(self.content) {
            return false;
        }
        if was(&host.content) {
            return true;
        }
        let stamps = self.login.stamp.zip(host.stamp);
        stamps.is_some_and(|(own, host)| own > host)
    }
}

fn forwarded(circumstances: &Circumstances<'_>, chosen: &ChosenMode, host: HostLogin) -> Login {
    let agent = chosen.auth_mode.agent();
    let publication = Publication::of(agent, circumstances.host, &host);
    let session = Session {
        origin: host.origin.clone(),
        ends: host.expires,
        follows: Some(publication.id.clone()),
        account: publication.account.clone(),
    };
    let seen = fingerprint::of(&host.content);
    let setting = circumstances.setting(agent);
    let mut payload = agent.sync(host, circumstances.host, &setting);
    live::follow(&mut payload, agent, &publication.id);
    let text = format!("forwarded host session (sync){}", from(chosen));
    let mut login = Login::new(agent, payload, text, Outlook::LoggedIn);
    login.source = Some(session.origin.to_string());
    login.fingerprint = Some(seen);
    if let Some(ends) = session.ends {
        tell_its_end(&mut login, agent, ends, circumstances.now);
    }
    login.session = Some(session);
    login.live = Some(publication);
    login
}

/// Says when a login ends, and warns of an end that has come or is near.
fn tell_its_end(login: &mut Login, agent: Agent, ends: SystemTime, now: SystemTime) {
    let left = ends.duration_since(now).unwrap_or_default();
    if left > FAR {
        return;
    }
    let (verb, when, warned) = match now.duration_since(ends) {
        Ok(past) => (
            "ended",
            format!("{} ago", span::in_words(past)),
            "has ended",
        ),
        Err(_) => ("ends", format!("in {}", span::in_words(left)), "ends"),
    };
    let AuthLine { text, outlook, .. } = &mut login.line;
    text.extend([", ", verb, " ", &when]);
    if left <= SOON {
        *outlook = Outlook::Doubtful;
        login.warnings.push(format!(
            "{agent}'s login on this host {warned} {when}; `{}` renews it",
            agent.description().renew
        ));
    }
}

fn kept(
    circumstances: &Circumstances<'_>,
    chosen: &ChosenMode,
    own: &Own<'_>,
    seen: Option<String>,
) -> Login {
    let agent = chosen.auth_mode.agent();
    let setting = circumstances.setting(agent);
    let mut payload = agent.with_file(own.content.clone(), &setting);
    if let Some(login) = own.followed {
        // It goes on to follow, and has what comes to be there.
        live::follow(&mut payload, agent, login);
    }
    let text = format!("the container's own session is kept (sync){}", from(chosen));
    let mut login = Login::new(agent, payload, text, Outlook::LoggedIn);
    login.source = Some("the container's own session".to_owned());
    login.fingerprint = seen;
    login
}

fn missing(chosen: &ChosenMode) -> Login {
    let agent = chosen.auth_mode.agent();
    let text = format!(
        "no host session to forward (sync), log in with `{}` on this host{}",
        agent.description().log_in,
        from(chosen)
    );
    Login::new(agent, Payload::default(), text, Outlook::Doubtful)
}

fn unusable(chosen: &ChosenMode) -> Login {
    let text = format!("no usable host session (sync){}", from(chosen));
    let agent = chosen.auth_mode.agent();
    Login::new(agent, Payload::default(), text, Outlook::Doubtful)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "own_session_tests.rs"]
mod own_tests;
