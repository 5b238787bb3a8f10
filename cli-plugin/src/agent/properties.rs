//! What holds of every login file, whatever else stands in it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Agent, jwt};

/// What no container may see, wherever it stands.
const CANARY: &str = "canary-refresh";

/// A login of the agent's, and the path to the object that holds its tokens.
fn login(agent: Agent) -> (Value, &'static str) {
    match agent {
        Agent::Claude => (
            json!({"claudeAiOauth": {"accessToken": "access", "refreshToken": CANARY}}),
            "/claudeAiOauth",
        ),
        Agent::Codex => (
            json!({
                "auth_mode": "chatgpt",
                "tokens": {
                    "id_token": jwt::made_of(&json!({})),
                    "access_token": "access",
                    "refresh_token": CANARY,
                },
                "last_refresh": "2026-01-02T03:04:05Z",
            }),
            "/tokens",
        ),
        Agent::Amp => (json!({"apiKey@https://ampcode.com/": "access"}), ""),
        Agent::Opencode => (
            json!({"openai": {
                "type": "oauth", "access": "access", "refresh": CANARY, "expires": 1,
            }}),
            "/openai",
        ),
    }
}

/// Every character of every key as an escape, which means the same.
fn escaped(text: &str) -> String {
    let escape = |word: &str| {
        let units = word.chars().map(|c| format!("\\u{:04x}", u32::from(c)));
        units.collect::<String>()
    };
    ["refreshToken", "refresh_token", "refresh"]
        .into_iter()
        .fold(text.to_owned(), |text, key| {
            text.replace(&format!("\"{key}\""), &format!("\"{}\"", escape(key)))
        })
}

proptest! {
    #[test]
    fn scenario_41a_no_file_lets_its_refresh_token_through(
        agent in prop::sample::select(Agent::ALL.to_vec()),
        beside in "[a-zA-Z_]{0,4}([rR]efresh|REFRESH)[a-zA-Z_]{0,6}",
        root in "[a-zA-Z]{1,12}",
        escape in any::<bool>(),
    ) {
        let (mut file, tokens) = login(agent);
        let tokens = file.pointer_mut(tokens).unwrap().as_object_mut().unwrap();
        tokens.entry(beside).or_insert(json!(CANARY));
        let beside_the_login = json!({"type": "unknown", "token": CANARY});
        file.as_object_mut().unwrap().entry(root).or_insert(beside_the_login);
        let text = file.to_string();
        let text = if escape { escaped(&text) } else { text };
        let read = agent.login_in(text.as_bytes()).unwrap();
        prop_assert!(!read.content.expose().contains(CANARY), "{}", read.content.expose());
        prop_assert!(read.content.expose().contains("access"));
        // What is forwarded is a login itself, and the same one.
        let again = agent.login_in(read.content.expose().as_bytes()).unwrap();
        prop_assert_eq!(again.content.expose(), read.content.expose());
        prop_assert!(again.renewing.is_none(), "nothing of it is renewed");
    }

    #[test]
    fn a_copy_has_the_refresh_token_and_no_more_of_the_file_than_is_forwarded(
        agent in prop::sample::select(vec![Agent::Claude, Agent::Codex, Agent::Opencode]),
        root in "[a-zA-Z]{1,12}",
        escape in any::<bool>(),
    ) {
        let (mut file, _) = login(agent);
        let beside_the_login = json!({"type": "unknown", "token": "beside"});
        file.as_object_mut().unwrap().entry(root).or_insert(beside_the_login);
        let text = file.to_string();
        let text = if escape { escaped(&text) } else { text };
        let read = agent.login_in(text.as_bytes()).unwrap();
        let copied = read.renewing.unwrap();
        prop_assert!(copied.expose().contains(CANARY) && !copied.expose().contains("beside"));
        // Without what renews it, it is what is forwarded.
        let again = agent.login_in(copied.expose().as_bytes()).unwrap();
        prop_assert_eq!(again.content.expose(), read.content.expose());
        let renewing = again.renewing.unwrap();
        prop_assert_eq!(renewing.expose(), copied.expose());
    }

    #[test]
    fn scenario_28_nothing_that_is_read_makes_a_reader_panic(
        agent in prop::sample::select(Agent::ALL.to_vec()),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(login) = agent.login_in(&bytes) {
            prop_assert!(!login.content.expose().is_empty());
        }
    }
}

#[test]
fn scenario_24_debug_shows_no_part_of_a_login() {
    for agent in Agent::ALL {
        let (file, _) = login(agent);
        let read = agent.login_in(file.to_string().as_bytes()).unwrap();
        let shown = format!("{read:?}");
        assert!(!shown.contains("access"), "{shown}");
    }
}
