//! Renewing a login that is due, or has ended, before it is forwarded.

use std::time::{Duration, SystemTime};

use jackin_oci_hook::published::LoginId;

use super::renew::{self, Occasion};
use super::{Logins, Machine, Renewal, State, id_of, millis, timing};
use crate::agent::Agent;
use crate::agent::login::{Found, HostLogin};
use crate::delivery::fingerprint;
use crate::host::Host;

/// How long a launch waits for the vendor's program.
const LIMIT: Duration = Duration::from_secs(20);

/// That the vendor's program was asked to renew a login, to be written down
/// where the login is still as it was.
#[derive(Debug)]
pub struct Attempt {
    login: LoginId,
    fingerprint: String,
    at: SystemTime,
    /// The longest time before its end at which it is renewed.
    ahead: Duration,
    failed: String,
}

/// Asks the vendor's program to renew the host's login of `agent` if that is
/// due, and waits for it, 20 s at most. `None` when nobody was asked: it is not
/// due, cannot be read, or was asked for not long ago.
pub fn renew_in_time(agent: Agent, host: &Host, now: SystemTime) -> Option<Attempt> {
    let ahead = agent.description().renewal?.ahead;
    let Ok(Found::Login(login)) = agent.host_login(host) else {
        return None;
    };
    login.renewing.as_ref()?;
    let id = id_of(agent, &login.origin);
    if !may_be_due(&login, ahead, now) || !is_due(&login, known(host, &id).as_ref(), ahead, now) {
        return None;
    }
    let asked = agent.description().what_is_asked();
    let failed = match renew::ask(agent, &Machine::of(host), Occasion::End, LIMIT) {
        Ok(()) => format!("`{asked}` has ended, and the login is as it was"),
        Err(error) => error.to_string(),
    };
    tracing::debug!(%agent, "asked to renew the login before it is forwarded");
    Some(Attempt {
        fingerprint: fingerprint::of(&login.content),
        login: id,
        at: now,
        ahead,
        failed,
    })
}

fn known(host: &Host, id: &LoginId) -> Option<State> {
    let logins = Logins::of_user(host.uid()).ok()?;
    logins.get(id)?.state()
}

/// Whether a login is due, whenever it was first seen.
fn may_be_due(login: &HostLogin, ahead: Duration, now: SystemTime) -> bool {
    login.expires.is_some_and(|ends| ends <= now + ahead)
}

/// Whether a login is due. When it was first seen is known of one that is
/// published alone.
fn is_due(login: &HostLogin, known: Option<&State>, ahead: Duration, now: SystemTime) -> bool {
    let mark = fingerprint::of(&login.content);
    let published = known.and_then(|state| {
        let published = state.published.as_ref()?;
        (published.fingerprint == mark).then_some((published, state.renewal.as_ref()))
    });
    match published {
        Some((published, renewal)) => {
            let now = millis(now);
            timing::next(published, renewal, ahead, now).is_some_and(|next| next <= now)
        }
        None => may_be_due(login, ahead, now),
    }
}

impl Logins {
    /// Writes down that the renewal of a login was asked for, unless that has
    /// another login by now: so it is not asked for again at once.
    pub fn note(&self, attempt: &Attempt) {
        let Ok(_lock) = self.lock() else { return };
        let Some(folder) = self.get(&attempt.login) else {
            return;
        };
        let Some(state) = folder.state() else { return };
        if let Some(state) = with_attempt(state, attempt) {
            // It is asked for once more, then.
            let _ = folder.write_state(&state);
        }
    }
}

fn with_attempt(state: State, attempt: &Attempt) -> Option<State> {
    let of_this = |mark: &str| mark == attempt.fingerprint;
    let published = state.published.as_ref()?;
    let at = millis(attempt.at);
    let former = state.renewal.as_ref();
    let former = former.filter(|former| of_this(&former.fingerprint));
    let asked_since = former.is_some_and(|former| former.last >= at);
    if !of_this(&published.fingerprint) || asked_since {
        return None;
    }
    let attempts = former.map_or(1, |former| former.attempts.saturating_add(1));
    let mut renewal = Renewal {
        fingerprint: attempt.fingerprint.clone(),
        attempts,
        last: at,
        next: None,
        failed: Some(attempt.failed.clone()),
    };
    renewal.next = timing::next(published, Some(&renewal), attempt.ahead, at);
    Some(State {
        renewal: Some(renewal),
        ..state
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::login::Origin;
    use crate::live::{Published, from_millis};
    use jackin_oci_hook::secret::Secret;

    const AHEAD: Duration = Duration::from_secs(180);
    const HOUR: u64 = 3600 * 1000;
    const NOW: u64 = 500_000 * HOUR;

    fn login(ends: Option<u64>) -> HostLogin {
        HostLogin {
            content: Secret::new("login".to_owned()),
            renewing: None,
            origin: Origin::File("/x".into()),
            expires: ends.and_then(from_millis),
            stamp: None,
        }
    }

    fn state(content: &str, since: u64, ends: u64) -> State {
        State {
            schema: 1,
            agent: "claude".to_owned(),
            origin: "/x".to_owned(),
            machine: Machine::of(&Host::new("/h", "/", [])),
            published: Some(Published {
                fingerprint: fingerprint::of(&Secret::new(content.to_owned())),
                expires: Some(ends),
                account: None,
                since,
            }),
            logged_out: None,
            trouble: None,
            renewal: None,
        }
    }

    fn attempt(at: u64) -> Attempt {
        Attempt {
            login: id_of(Agent::Claude, &Origin::File("/x".into())),
            fingerprint: fingerprint::of(&Secret::new("login".to_owned())),
            at: from_millis(at).unwrap(),
            ahead: AHEAD,
            failed: "why".to_owned(),
        }
    }

    #[test]
    fn nobody_is_asked_for_a_login_that_nothing_renews() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".claude")).unwrap();
        let host = Host::new(home.path(), "/", []);
        let attempt = |renews: &str| {
            let text =
                format!(r#"{{"claudeAiOauth":{{"accessToken":"a",{renews}"expiresAt":5}}}}"#);
            std::fs::write(home.path().join(".claude/.credentials.json"), text).unwrap();
            renew_in_time(Agent::Claude, &host, SystemTime::now())
        };
        assert!(attempt("").is_none());
        let failed = attempt(r#""refreshToken":"r","#).unwrap().failed;
        assert_eq!(failed, "`claude` is not in PATH");
    }

    #[test]
    fn a_login_that_nobody_knows_is_due_its_agents_time_before_its_end() {
        let now = from_millis(NOW).unwrap();
        for (ends, due) in [
            (None, false),
            (Some(NOW - HOUR), true),
            (Some(NOW + 179_000), true),
            (Some(NOW + 181_000), false),
        ] {
            assert_eq!(is_due(&login(ends), None, AHEAD, now), due, "{ends:?}");
        }
    }

    #[test]
    fn one_that_is_published_is_due_as_it_is_for_those_who_keep_it_up_to_date() {
        let now = from_millis(NOW).unwrap();
        let ends = NOW + 60_000;
        let young = state("login", NOW, ends);
        assert!(!is_due(&login(Some(ends)), Some(&young), AHEAD, now));
        let old = state("login", NOW - HOUR, ends);
        assert!(is_due(&login(Some(ends)), Some(&old), AHEAD, now));
        let asked = with_attempt(old, &attempt(NOW - 1000)).unwrap();
        assert!(!is_due(&login(Some(ends)), Some(&asked), AHEAD, now));
        let other = state("other", NOW, ends);
        assert!(is_due(&login(Some(ends)), Some(&other), AHEAD, now));
    }

    #[test]
    fn an_attempt_is_noted_for_the_login_that_is_still_there() {
        let before = state("login", NOW - HOUR, NOW);
        let once = with_attempt(before, &attempt(NOW)).unwrap();
        let renewal = once.renewal.clone().unwrap();
        assert_eq!((renewal.attempts, renewal.last), (1, NOW));
        assert_eq!(renewal.failed.as_deref(), Some("why"));
        assert_eq!(renewal.next, Some(NOW + 60_000));
        let twice = with_attempt(once.clone(), &attempt(NOW + 1)).unwrap();
        assert_eq!(twice.renewal.unwrap().attempts, 2);
        assert_eq!(with_attempt(once, &attempt(NOW)), None, "noted already");
        let renewed = state("other", NOW, NOW + HOUR);
        assert_eq!(with_attempt(renewed, &attempt(NOW)), None);
    }
}
