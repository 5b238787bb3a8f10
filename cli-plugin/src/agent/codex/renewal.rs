//! How Codex renews its login without a prompt, and without a model's turn: by
//! the server that its editors talk to, in JSON-RPC, line by line.
//!
//! Measured with 0.169.0. The server ends when its input does, and does not
//! begin what it was told a moment before; what it has begun it finishes.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::agent::{Dialogue, Renewal};

/// From here on to the end of a token Codex renews it as soon as it starts,
/// and a session in a container looks whether there is a new one.
const OWN_MARGIN: Duration = Duration::from_secs(300);

/// The id of the one question whose answer matters.
const QUESTION: u8 = 2;

/// What renews it. Two processes that renew at the same time spend the same
/// refresh token, so it is renewed before any other process would.
pub(super) const RENEWAL: Renewal = Renewal {
    program: "codex",
    arguments: &["app-server"],
    ahead: OWN_MARGIN.saturating_mul(2),
    dialogue: Some(Dialogue { says, is_answer }),
    when_refused: None,
};

/// Asks whose the login is, and has it renewed first: unless that happens
/// anyway, which would renew it twice.
fn says(left: Duration) -> String {
    let client = json!({
        "name": env!("CARGO_PKG_NAME"),
        "title": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
    });
    let lines = [
        json!({ "id": 1, "method": "initialize", "params": { "clientInfo": client } }),
        json!({ "method": "initialized" }),
        json!({
            "id": QUESTION,
            "method": "account/read",
            "params": { "refreshToken": left > OWN_MARGIN },
        }),
    ];
    lines.map(|line| format!("{line}\n")).concat()
}

/// Whether this answers the question, in whatever way.
fn is_answer(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Message {
        id: u8,
    }
    // The server asks questions itself, with ids of its own.
    #[derive(Deserialize)]
    struct Question {
        #[serde(rename = "method")]
        _method: String,
    }
    serde_json::from_slice::<Message>(line).is_ok_and(|message| message.id == QUESTION)
        && serde_json::from_slice::<Question>(line).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_forced(left: u64) -> bool {
        let says = says(Duration::from_secs(left));
        let last = says.lines().last().unwrap();
        let last: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(
            (&last["id"], &last["method"]),
            (&json!(2), &json!("account/read"))
        );
        last["params"]["refreshToken"].as_bool().unwrap()
    }

    #[test]
    fn what_codex_renews_as_it_starts_is_not_renewed_again() {
        for left in [0, 1, 299, 300] {
            assert!(!is_forced(left), "{left}");
        }
        for left in [301, 600, u64::MAX] {
            assert!(is_forced(left), "{left}");
        }
        assert!(RENEWAL.ahead > OWN_MARGIN, "else a container asks first");
    }

    #[test]
    fn it_is_told_in_whole_lines() {
        let says = says(Duration::MAX);
        assert!(says.ends_with("}\n"));
        let methods = says.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["method"].as_str().unwrap().to_owned()
        });
        let methods: Vec<_> = methods.collect();
        assert_eq!(methods, ["initialize", "initialized", "account/read"]);
    }

    #[test]
    fn an_answer_may_be_an_error_and_is_no_question() {
        for (line, answer) in [
            (r#"{"id":2,"result":{"account":null}}"#, true),
            (
                r#"{"error":{"code":-32603,"message":"timed out"},"id":2}"#,
                true,
            ),
            (r#"{"id":1,"result":{}}"#, false),
            (
                r#"{"id":2,"method":"attestation/generate","params":{}}"#,
                false,
            ),
            (r#"{"method":"configWarning","params":{"id":2}}"#, false),
            (r#"{"id":"2","result":{}}"#, false),
            ("", false),
            ("{", false),
        ] {
            assert_eq!(is_answer(line.as_bytes()), answer, "{line}");
        }
    }
}
