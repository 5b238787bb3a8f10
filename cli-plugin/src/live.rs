//! Logins that containers follow: what is published of each for them, who
//! follows it, and what keeps it up to date.
//!
//! What lies where is told in [`jackin_oci_hook::published`]. The user's side
//! has two more things in a login's folder: `state.json` ([`State`]) and
//! `wanted/`, with a file for each container that may still come.

mod account;
mod asked;
mod attempt;
mod background;
mod dialogue;
pub mod leases;
mod lock;
mod logins;
mod private_file;
pub mod renew;
mod state;
pub mod timing;
mod wanted;
mod watch;
pub mod watcher;

use std::time::SystemTime;

use jackin_oci_hook::payload::{Delivery, Payload};
use jackin_oci_hook::published::LoginId;
use jackin_oci_hook::secret::Secret;
use sha2::{Digest, Sha256};

pub use asked::Asked;
pub use attempt::{Attempt, renew_in_time};
pub use logins::{Lock, LoginFolder, Logins};
pub use state::{Machine, Published, Renewal, State, Trouble, from_millis, millis};
pub use wanted::Wanted;

use crate::agent::Agent;
use crate::agent::login::{HostLogin, Origin};
use crate::host::Host;

/// A login of this host's, as it is to be published.
#[derive(Debug)]
pub struct Publication {
    /// Its id.
    pub id: LoginId,
    /// The agent.
    pub agent: Agent,
    /// Where it lies on the host.
    pub origin: Origin,
    /// The credential file, less what renews the login.
    pub content: Secret,
    /// When the login ends; `None` when it does not, or does not say.
    pub expires: Option<SystemTime>,
    /// By what its account is known again; `None` where the agent does not say.
    pub account: Option<String>,
}

impl Publication {
    /// What is to be published of a login of `agent` that was found on `host`.
    pub fn of(agent: Agent, host: &Host, login: &HostLogin) -> Self {
        Self {
            id: id_of(agent, &login.origin),
            agent,
            origin: login.origin.clone(),
            content: login.content.clone(),
            expires: login.expires,
            account: account::of(agent, host, login),
        }
    }
}

/// Has a container follow `login` where its payload brings the credential file
/// of `agent`.
pub fn follow(payload: &mut Payload, agent: Agent, login: &LoginId) {
    let place = agent.description().credential_file.in_container();
    for file in payload.files.iter_mut().filter(|file| file.place == place) {
        if let Delivery::Bind { content } = &mut file.delivery {
            let content = std::mem::take(content);
            let login = login.clone();
            file.delivery = Delivery::Live { login, content };
        }
    }
}

/// The logins that a payload's container follows, with whose they are.
pub fn followed(payload: &Payload) -> impl Iterator<Item = (Agent, &LoginId)> {
    payload.files.iter().filter_map(|file| {
        let Delivery::Live { login, .. } = &file.delivery else {
            return None;
        };
        let mut agents = Agent::ALL.into_iter();
        let place = |agent: &Agent| agent.description().credential_file.in_container();
        let agent = agents.find(|agent| place(agent) == file.place)?;
        Some((agent, login))
    })
}

/// Gives a container a copy of a login that it would follow.
pub fn copy_instead(payload: &mut Payload, login: &LoginId) {
    for file in &mut payload.files {
        if let Delivery::Live {
            login: followed,
            content,
        } = &mut file.delivery
            && followed == login
        {
            let content = std::mem::take(content);
            file.delivery = Delivery::Bind { content };
        }
    }
}

/// The id of the login of `agent` that lies at `origin`.
pub fn id_of(agent: Agent, origin: &Origin) -> LoginId {
    let digest = Sha256::digest(format!("{agent}\0{origin:?}"));
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[..16]);
    LoginId::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_followed_or_copied_in_the_same_place_with_the_same_bytes() {
        let setting = crate::agent::login::Setting::default();
        for agent in Agent::ALL {
            let payload = || agent.with_file(Secret::new("canary".to_owned()), &setting);
            let (copied, mut followed) = (payload(), payload());
            let id = id_of(agent, &Origin::File("/h/x".into()));
            follow(&mut followed, agent, &id);
            let live = followed.files.iter().filter(|file| match &file.delivery {
                Delivery::Live { login, content } => *login == id && content.expose() == "canary",
                _ => false,
            });
            assert_eq!(live.count(), 1, "{agent}");
            let told: Vec<_> = super::followed(&followed).collect();
            assert_eq!(told, [(agent, &id)]);
            assert_eq!(super::followed(&copied).count(), 0);
            let other = id_of(agent, &Origin::File("/h/y".into()));
            let before = followed.clone();
            copy_instead(&mut followed, &other);
            assert_eq!(followed, before, "{agent}");
            copy_instead(&mut followed, &id);
            assert_eq!(followed, copied, "{agent}");
        }
    }

    #[test]
    fn a_login_has_the_same_id_each_time_and_no_other_login_has_it() {
        let at = |path: &str| Origin::File(path.into());
        let id = id_of(Agent::Claude, &at("/h/x"));
        assert_eq!(id, id_of(Agent::Claude, &at("/h/x")));
        for other in [
            id_of(Agent::Codex, &at("/h/x")),
            id_of(Agent::Claude, &at("/h/y")),
            id_of(Agent::Claude, &Origin::Keychain("/h/x".to_owned())),
        ] {
            assert_ne!(id, other);
        }
    }
}
