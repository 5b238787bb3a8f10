//! By what the account of a login is known again, without saying whose it is.

use jackin_oci_hook::secret::Secret;
use serde::Deserialize;

use crate::agent::login::HostLogin;
use crate::agent::{Agent, claude};
use crate::delivery::fingerprint;
use crate::host::Host;

/// By what the account is known again to which `login` of `agent` belongs;
/// `None` where the agent does not say.
pub(super) fn of(agent: Agent, host: &Host, login: &HostLogin) -> Option<String> {
    let account = match agent {
        Agent::Claude => of_claude(host),
        Agent::Codex => of_codex(&login.content),
        Agent::Amp | Agent::Opencode => None,
    }?;
    Some(fingerprint::of(&Secret::new(account)))
}

fn of_claude(host: &Host) -> Option<String> {
    let account = claude::account(host)?;
    let mut names = ["accountUuid", "emailAddress"].into_iter();
    names.find_map(|name| Some(account.get(name)?.as_str()?.to_owned()))
}

fn of_codex(content: &Secret) -> Option<String> {
    #[derive(Deserialize)]
    struct File {
        tokens: Tokens,
    }
    #[derive(Deserialize)]
    struct Tokens {
        account_id: String,
    }
    let file = serde_json::from_str::<File>(content.expose()).ok()?;
    Some(file.tokens.account_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::login::Origin;
    use std::fs;

    fn login(content: &str) -> HostLogin {
        HostLogin {
            content: Secret::new(content.to_owned()),
            renewing: None,
            origin: Origin::File("/x".into()),
            expires: None,
            stamp: None,
        }
    }

    #[test]
    fn an_account_is_known_again_and_not_named() {
        let home = tempfile::tempdir().unwrap();
        let host = Host::new(home.path(), "/", []);
        let claude = |account: &str| {
            let text = format!(r#"{{"oauthAccount":{account}}}"#);
            fs::write(home.path().join(".claude.json"), text).unwrap();
            of(Agent::Claude, &host, &login("{}"))
        };
        let mine = claude(r#"{"accountUuid":"canary-a","emailAddress":"me@x"}"#).unwrap();
        assert_eq!(mine.len(), 16);
        assert_eq!(
            claude(r#"{"emailAddress":"me@y","accountUuid":"canary-a"}"#),
            Some(mine.clone())
        );
        assert_ne!(claude(r#"{"emailAddress":"me@x"}"#), Some(mine));
        assert_eq!(claude("null"), None);
    }

    #[test]
    fn codex_says_in_its_login_whose_it_is() {
        let host = Host::new("/nonexistent", "/", []);
        let codex = |text: &str| of(Agent::Codex, &host, &login(text));
        let mine = codex(r#"{"tokens":{"account_id":"a","access_token":"1"}}"#);
        assert!(mine.is_some());
        assert_eq!(
            codex(r#"{"tokens":{"account_id":"a","access_token":"2"}}"#),
            mine
        );
        assert_ne!(codex(r#"{"tokens":{"account_id":"b"}}"#), mine);
        assert_eq!(codex(r#"{"OPENAI_API_KEY":"k"}"#), None);
    }
}
