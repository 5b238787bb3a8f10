//! What keeps the logins up to date that containers follow.

use std::path::Path;

use jackin_oci_hook::passwd;

use super::Patient;
use super::report::Finding;
use crate::agent::Agent;
use crate::live::leases::may_live;
use crate::live::watcher::{self, WatcherInfo};
use crate::live::{LoginFolder, Logins, Renewal, State, from_millis};
use crate::span;

/// Where systemd keeps the names of those whose services outlive their
/// sessions, as `loginctl enable-linger` writes it.
const LINGERING: &str = "/var/lib/systemd/linger";

/// The folders that end with their users' sessions.
const SESSIONS: &str = "/run/user";

/// Looks at it. A folder that cannot be used is told of elsewhere.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let uid = patient.host.uid();
    let Ok(logins) = Logins::of_user(uid) else {
        return Vec::new();
    };
    let needed: Vec<_> = logins.all().into_iter().filter(is_followed).collect();
    if needed.is_empty() {
        return vec![Finding::ok("no container follows a login of this host")];
    }
    let running = watcher::is_running(uid);
    let mut found = vec![watching(patient, running.as_ref())];
    found.extend(needed.iter().filter_map(|login| match login.state() {
        Some(state) => trouble(patient, &state),
        None => Some(unknown(login)),
    }));
    found.extend(session_end(logins.path(), uid));
    found
}

fn is_followed(login: &LoginFolder) -> bool {
    let leases = login.leases();
    leases.iter().any(may_live)
}

/// Whether what keeps logins up to date runs.
fn watching(patient: &Patient, running: Option<&WatcherInfo>) -> Finding {
    let Some(WatcherInfo { pid, since, .. }) = running else {
        let says = "nothing keeps the logins up to date that running containers follow";
        return Finding::warning(says, "start it again: docker jackin sync");
    };
    let since = span::from_now(*since, patient.now);
    Finding::ok(format!("kept up to date by process {pid}, started {since}"))
}

/// A login of which another version has written down what is known.
fn unknown(login: &LoginFolder) -> Finding {
    let leases = login.leases();
    let ids = leases.iter().map(|lease| lease.container.as_str());
    let ids = ids.collect::<Vec<_>>().join(" ");
    let says = "what is known of a login is of another version, so nothing keeps it up to date";
    Finding::warning(
        says,
        format!("restart what follows it: docker restart {ids}"),
    )
}

/// What keeps a login from being the host's, or from being renewed.
fn trouble(patient: &Patient, state: &State) -> Option<Finding> {
    let agent = Agent::from_word(&state.agent)?;
    let description = agent.description();
    if let Some(trouble) = &state.trouble {
        let since = from_millis(trouble.since)?;
        let since = span::from_now(since, patient.now);
        let says = format!(
            "{agent}: {}, seen {since}; containers keep the login before it",
            trouble.what
        );
        let next = format!("log in on this host: {}", description.log_in);
        return Some(Finding::warning(says, next));
    }
    let published = state.published.as_ref()?;
    let renewal = state.renewal.as_ref();
    let renewal = renewal.filter(|renewal| renewal.fingerprint == published.fingerprint)?;
    let failed = renewal.failed.as_ref()?;
    let asked = asked(patient, renewal);
    let says = format!("{agent}: the login is not renewed{asked}: {failed}");
    let next = format!(
        "see what it says: {}\nor log in again on this host: {}",
        description.renew, description.log_in
    );
    Some(Finding::warning(says, next))
}

/// `, asked twice`, and when again.
fn asked(patient: &Patient, renewal: &Renewal) -> String {
    let times = match renewal.attempts {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        many => format!("{many} times"),
    };
    let next = renewal.next.and_then(from_millis);
    let next = next.filter(|next| *next > patient.now);
    let next = next.map(|next| format!(", again {}", span::from_now(next, patient.now)));
    format!(", asked {times}{}", next.unwrap_or_default())
}

/// What becomes of the containers when the user's session ends.
fn session_end(logins: &Path, uid: u32) -> Option<Finding> {
    let users = std::fs::read("/etc/passwd").ok()?;
    let name = passwd::by_uid(&users, uid)?.name;
    let name = String::from_utf8(name).ok()?;
    let ends = ends_with_the_session(logins, Path::new(LINGERING), &name);
    ends.then(|| {
        Finding::ok(
            "when your last session ends, running containers are logged out with it",
        )
        .next("have them go on following: loginctl enable-linger\nor bring them back afterwards: docker jackin sync --now CONTAINER")
    })
}

/// Whether a folder ends with the sessions of the user of this name.
fn ends_with_the_session(folder: &Path, lingering: &Path, name: &str) -> bool {
    folder.starts_with(SESSIONS) && !lingering.join(name).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_of_a_session_that_does_not_linger_ends_with_it() {
        let lingering = tempfile::tempdir().unwrap();
        std::fs::write(lingering.path().join("stays"), "").unwrap();
        let ends =
            |folder: &str, name| ends_with_the_session(Path::new(folder), lingering.path(), name);
        let session = "/run/user/1000/docker-jackin/logins";
        assert!(ends(session, "me"));
        assert!(!ends(session, "stays"));
        assert!(!ends("/dev/shm/docker-jackin-1000/logins", "me"));
        assert!(!ends("/run/docker-jackin/logins", "root"));
    }
}
