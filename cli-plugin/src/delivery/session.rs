//! `sync`: the host's session for a container, to follow or as a copy.
//!
//! A container that follows it has what the host has and nothing of its own.
//! With a copy, an agent may renew its login, and its user may log in there by
//! hand. What is newer is kept when the container starts again. Which that
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
use crate::auth::refresh::{self, ChosenRefresh, Refresh};
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
    /// Whether it was to be followed or copied, and who said so.
    pub refresh: ChosenRefresh,
    /// The login that the container follows; `None` when it has a copy.
    pub follows: Option<LoginId>,
    /// Whether the container has what renews it, which works once.
    pub renews: bool,
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
    let refresh = circumstances.refresh_of(agent);
    let own = own(circumstances, agent, refresh.refresh);
    let last = circumstances.logins_at_launch.get(agent.word());
    Ok(match (found, own) {
        (Found::Login(host), own) => {
            let offer = Offer::of(circumstances, agent, host, refresh);
            match own {
                Some(own) if own.is_newer(&offer, last.map(String::as_str)) => {
                    let seen = fingerprint::of(&offer.login.content);
                    kept(circumstances, chosen, &own, Some(seen))
                }
                _ => forwarded(circumstances, chosen, offer),
            }
        }
        (Found::Missing(_), None) => missing(chosen),
        (Found::Missing(origin), Some(own)) => {
            let mut login = kept(circumstances, chosen, &own, last.cloned());
            login.session = own.session(origin, refresh);
            if own.followed.is_some() {
                let log_in = agent.description().log_in;
                let more = format!(", and there is none: log in with `{log_in}` on this host");
                login.line.text.push_str(&more);
            }
            login
        }
        (Found::Unusable { origin, why }, own) => {
            let mut login = match own {
                Some(own) => {
                    let mut login = kept(circumstances, chosen, &own, last.cloned());
                    login.session = own.session(origin.clone(), refresh);
                    login
                }
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
    let refresh = circumstances.refresh_of(agent).refresh;
    let own = own(circumstances, agent, refresh)?;
    Some(kept(circumstances, chosen, &own, seen))
}

impl Circumstances<'_> {
    /// How the host's login of `agent` keeps up in the container.
    fn refresh_of(&self, agent: Agent) -> ChosenRefresh {
        let trace = refresh::trace(self.config, self.cell, agent);
        let refresh = trace.decided.word();
        tracing::debug!(agent = agent.word(), refresh, %trace, "chose the refresh");
        trace.into()
    }
}

/// The host's login in the form in which the container is to have it.
struct Offer {
    login: HostLogin,
    /// What is published of it, for a container that follows it.
    publication: Publication,
    refresh: ChosenRefresh,
    /// Whether what renews it is with it.
    renews: bool,
    /// Whether there is anything that renews it.
    is_renewable: bool,
}

impl Offer {
    fn of(
        circumstances: &Circumstances<'_>,
        agent: Agent,
        mut login: HostLogin,
        refresh: ChosenRefresh,
    ) -> Self {
        let publication = Publication::of(agent, circumstances.host, &login);
        let renewing = login.renewing.take();
        let is_renewable = renewing.is_some();
        let copies = refresh.refresh == Refresh::Copy && agent.description().renews_a_copy;
        let renewing = renewing.filter(|_| copies);
        let renews = renewing.is_some();
        if let Some(renewing) = renewing {
            login.content = renewing;
        }
        Self {
            login,
            publication,
            refresh,
            renews,
            is_renewable,
        }
    }
}

/// A login that the container has, and that would let its agent start.
struct Own<'a> {
    /// What it may keep of it.
    content: Secret,
    /// By what its times are known.
    login: FileLogin,
    /// The login of the host's that it is, where the container follows that.
    followed: Option<&'a LoginId>,
    /// Whether the container could make it its own.
    of_a_copy: bool,
}

/// What the container has by now, if it had a login of this mode's before.
/// What another mode had given it goes with that mode, and what renews it with
/// a copy.
fn own<'a>(circumstances: &Circumstances<'a>, agent: Agent, refresh: Refresh) -> Option<Own<'a>> {
    let Shell::Gone(payload) = circumstances.shell else {
        return None;
    };
    let mode = circumstances.modes_at_launch.get(agent.word())?;
    let delivery = delivery(payload, agent).filter(|_| mode == Mode::Sync.word())?;
    let content = delivery.secret()?;
    // It comes from inside the container, and may be anything.
    if content.expose().len() > OWN_LIMIT {
        return None;
    }
    let mut login = agent.login_in(content.expose().as_bytes()).ok()?;
    let (content, followed) = match (refresh, delivery) {
        (Refresh::Live, Delivery::Live { login, .. }) => (content.clone(), Some(login)),
        (Refresh::Live, _) => {
            login = agent.login_in(login.content.expose().as_bytes()).ok()?;
            (login.content.clone(), None)
        }
        (Refresh::Copy, _) => (content.clone(), None),
    };
    let of_use = followed.is_some() || login.is_of_use(circumstances.now);
    of_use.then_some(Own {
        content,
        login,
        followed,
        of_a_copy: refresh == Refresh::Copy && matches!(delivery, Delivery::Bind { .. }),
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
    /// The host's session, where the container follows that though it is away.
    fn session(&self, origin: Origin, refresh: ChosenRefresh) -> Option<Session> {
        Some(Session {
            origin,
            ends: None,
            refresh,
            follows: Some(self.followed?.clone()),
            renews: false,
            account: None,
        })
    }

    /// Whether it came after the host's login. `last` is the fingerprint of
    /// what the host had when the container was started last.
    fn is_newer(&self, host: &Offer, last: Option<&str>) -> bool {
        if !self.of_a_copy {
            return false;
        }
        let host = &host.login;
        let was = |content: &Secret| last.is_some_and(|last| fingerprint::of(content) == last);
        if was(&self.content) {
            return false;
        }
        if was(&host.content) {
            return true;
        }
        let stamps = self.login.stamp.zip(host.stamp);
        stamps.is_some_and(|(own, host)| own > host)
    }
}

fn forwarded(circumstances: &Circumstances<'_>, chosen: &ChosenMode, offer: Offer) -> Login {
    let agent = chosen.auth_mode.agent();
    let Offer {
        login: host,
        publication,
        refresh,
        renews,
        is_renewable,
    } = offer;
    let live = refresh.refresh == Refresh::Live;
    let text = format!("{}{}", manner(&refresh, chosen), from(chosen));
    let session = Session {
        origin: host.origin.clone(),
        ends: host.expires,
        refresh,
        follows: live.then(|| publication.id.clone()),
        renews,
        account: publication.account.clone(),
    };
    let seen = fingerprint::of(&host.content);
    let setting = circumstances.setting(agent);
    let mut payload = agent.sync(host, circumstances.host, &setting);
    if live {
        live::follow(&mut payload, agent, &publication.id);
    }
    let mut login = Login::new(agent, payload, text, Outlook::LoggedIn);
    login.source = Some(session.origin.to_string());
    login.fingerprint = Some(seen);
    // An end is put off before it comes: in the container, or on the host by
    // the vendor's own program. That cannot mend a login which has ended.
    let is_put_off = |left: Duration| match session.follows {
        None => renews,
        Some(_) => is_renewable && agent.description().renewal.is_some() && !left.is_zero(),
    };
    if let Some(ends) = session.ends {
        tell_its_end(&mut login, agent, ends, circumstances.now, is_put_off);
    }
    login.session = Some(session);
    login.live = live.then_some(publication);
    login
}

/// In which manner the host's session is forwarded.
fn manner(refresh: &ChosenRefresh, chosen: &ChosenMode) -> String {
    match (refresh.refresh, &refresh.scope) {
        (Refresh::Live, _) => "forwarded host session (sync)".to_owned(),
        (Refresh::Copy, None) => "copied host session (sync)".to_owned(),
        (Refresh::Copy, Some(scope)) => {
            let elsewhere = chosen.scope.as_ref() != Some(scope);
            let by = elsewhere.then(|| format!(" from {scope}"));
            let by = by.unwrap_or_default();
            format!("copied host session (sync_refresh = \"copy\"{by})")
        }
    }
}

/// Says when a login ends, and warns of an end that has come or is near, unless
/// one that is so far off is put off.
fn tell_its_end(
    login: &mut Login,
    agent: Agent,
    ends: SystemTime,
    now: SystemTime,
    is_put_off: impl Fn(Duration) -> bool,
) {
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
    if left <= SOON && !is_put_off(left) {
        *outlook = Outlook::Doubtful;
        login.warnings.push(format!(
            "{agent}'s login on this host {warned} {when}; {}",
            agent.description().what_renews()
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
    let (what, outlook) = match own.followed {
        Some(login) => {
            // It has again whatever is published next.
            live::follow(&mut payload, agent, login);
            ("still follows the host's session", Outlook::Doubtful)
        }
        None => ("the container's own session is kept", Outlook::LoggedIn),
    };
    let text = format!("{what} (sync){}", from(chosen));
    let mut login = Login::new(agent, payload, text, outlook);
    login.source = Some(match own.followed {
        Some(_) => "the host's session".to_owned(),
        None => "the container's own session".to_owned(),
    });
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

#[cfg(test)]
#[path = "followed_session_tests.rs"]
mod followed_tests;
