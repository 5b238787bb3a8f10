//! How a vendor that keeps books answers: a token is worth what they say.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::ledger::{Ledger, Login, Worth};
use super::{TOKENS, error, json_response, of_any, openai};
use crate::http::{Request, Response};
use crate::mock_api::anthropic;

/// Where a prompt goes.
const MESSAGES: &str = "POST api.anthropic.com/v1/messages";

/// Where a program asks whose its login is.
const PROFILE: &str = "GET api.anthropic.com/api/oauth/profile";

/// The answer of a vendor that keeps books.
pub(super) fn answer(
    asked: &str,
    bearer: Option<&str>,
    request: &Request,
    asker: &str,
    ledger: &Ledger,
) -> Response {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    if asked == TOKENS {
        let refresh = body["refresh_token"].as_str().unwrap_or_default();
        return match ledger.renew(refresh, asker) {
            Some(login) => json_response(200, &renewed(&login)),
            None => json_response(400, &json!({ "error": "invalid_grant" })),
        };
    }
    if let Some(response) = openai::answer(asked, bearer, &body, ledger) {
        return response;
    }
    let worth = bearer.map(|bearer| ledger.ask(bearer, asker, asked));
    match (asked, worth) {
        (_, Some(Worth::Over | Worth::Unknown)) | (MESSAGES, None) => {
            json_response(401, &error("authentication_error"))
        }
        (MESSAGES, _) => anthropic::message(&body),
        (PROFILE, Some(Worth::Good(login))) => json_response(200, &profile(login)),
        (asked, _) => {
            let (status, body) = of_any(asked);
            json_response(status, &body)
        }
    }
}

/// What renews a login, as the vendor's own program reads it.
fn renewed(login: &Login) -> Value {
    let left = login.expires.duration_since(SystemTime::now());
    json!({
        "token_type": "Bearer",
        "access_token": login.access,
        "refresh_token": login.refresh,
        "expires_in": left.unwrap_or_default().as_secs_f64().round(),
        "scope": "user:inference user:profile",
    })
}

/// Whose login it is: another account for another login.
fn profile(login: u64) -> Value {
    json!({
        "account": {
            "uuid": format!("00000000-0000-4000-8000-{login:012}"),
            "email": format!("somebody-{login}@example.org"),
            "display_name": "Somebody",
            "has_claude_max": true,
        },
        "organization": {
            "uuid": format!("00000000-0000-4000-9000-{login:012}"),
            "organization_type": "claude_max",
            "rate_limit_tier": "default_claude_max_5x",
        },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::body::Bytes;

    use super::super::ledger::Reuse;
    use super::*;
    use crate::canary::Canary;

    fn ledger(lifetime: u64) -> Ledger {
        let canary = || Canary::new().unwrap();
        let lifetime = Duration::from_secs(lifetime);
        Ledger::new(canary(), canary(), lifetime, Reuse::Refused)
    }

    fn status(ledger: &Ledger, asked: &str, bearer: Option<&str>, body: &Value) -> u16 {
        let request = hyper::Request::new(Bytes::from(body.to_string()));
        let answer = answer(asked, bearer, &request, "a container", ledger);
        answer.status().as_u16()
    }

    #[test]
    fn a_prompt_is_answered_with_a_good_token_alone() {
        let (good, over) = (ledger(3600), ledger(0));
        let ask = |ledger, bearer: &str| status(ledger, MESSAGES, Some(bearer), &json!({}));
        assert_eq!(ask(&good, &good.log_in().access), 200);
        assert_eq!(ask(&over, &over.log_in().access), 401);
        assert_eq!(ask(&good, "made up"), 401);
        assert_eq!(status(&good, MESSAGES, None, &json!({})), 401);
        assert_eq!(good.answered()["a container"], 1);
        assert_eq!(over.refused()[0].asker, "a container");
    }

    #[test]
    fn a_spent_refresh_token_is_punished() {
        let ledger = ledger(3600);
        let body = json!({ "refresh_token": ledger.log_in().refresh });
        assert_eq!(status(&ledger, TOKENS, None, &body), 200);
        assert_eq!(status(&ledger, TOKENS, None, &body), 400);
        assert_eq!(ledger.refused()[0].what, "invalid_grant");
    }
}
