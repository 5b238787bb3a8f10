//! `OpenAI`'s side of a login with `ChatGPT`, as Codex renews it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::json_response;
use super::ledger::{Ledger, Login, Worth};
use crate::http::Response;

/// The names that Codex asks.
pub(super) const NAMES: [&str; 2] = ["auth.openai.com", "chatgpt.com"];

/// Where a login is renewed.
const TOKENS: &str = "POST auth.openai.com/oauth/token";

/// Where a program asks whose its login is.
const ACCOUNTS: &str = "GET chatgpt.com/backend-api/wham/accounts/check";

/// The account of every login.
const ACCOUNT: &str = "account-of-the-tests";

/// Codex's credential file with a login whose token says that it ends then.
pub fn credentials(login: &Login, ends: SystemTime) -> Value {
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": null,
        "tokens": {
            "id_token": token("identity", ends),
            "access_token": token(&login.access, ends),
            "refresh_token": login.refresh,
            "account_id": ACCOUNT,
        },
        "last_refresh": "2026-01-01T00:00:00.000000000Z",
    })
}

/// A token in three parts, of which Codex reads the second; the last is what
/// stands in the books.
fn token(signature: &str, ends: SystemTime) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let ends = ends.duration_since(UNIX_EPOCH).map_or(0, |at| at.as_secs());
    let head = part(json!({ "alg": "RS256", "typ": "JWT" }));
    let claims = part(json!({
        "exp": ends,
        "email": "somebody@example.org",
        "https://api.openai.com/auth": {
            "chatgpt_account_id": ACCOUNT,
            "chatgpt_plan_type": "plus",
            "chatgpt_user_id": "user-of-the-tests",
        },
    }));
    format!("{head}.{claims}.{signature}")
}

/// The answer to what Codex asks; `None` for what others do.
pub(super) fn answer(
    asked: &str,
    bearer: Option<&str>,
    body: &Value,
    ledger: &Ledger,
) -> Option<Response> {
    let (_, address) = asked.split_once(' ')?;
    let (host, _) = address.split_once('/')?;
    if !NAMES.contains(&host) {
        return None;
    }
    if asked == TOKENS {
        let refresh = body["refresh_token"].as_str().unwrap_or_default();
        return Some(match ledger.renew(refresh, "codex") {
            Some(login) => json_response(200, &renewed(&login)),
            None => json_response(401, &refused("refresh_token_reused")),
        });
    }
    let known = bearer.and_then(|bearer| bearer.rsplit('.').next());
    let worth = known.map(|known| ledger.ask(known, "codex", asked));
    Some(match (asked, worth) {
        (_, None | Some(Worth::Over | Worth::Unknown)) => {
            json_response(401, &refused("token_expired"))
        }
        (ACCOUNTS, _) => json_response(200, &accounts()),
        _ => json_response(404, &refused("not_found")),
    })
}

fn renewed(login: &Login) -> Value {
    // Whole seconds: what is rounded down ends no later than it should.
    let left = login.expires.duration_since(SystemTime::now());
    let left = Duration::from_secs(left.unwrap_or_default().as_secs());
    json!({
        "id_token": token("identity", login.expires),
        "access_token": token(&login.access, login.expires),
        "refresh_token": login.refresh,
        "expires_in": left.as_secs(),
    })
}

fn accounts() -> Value {
    json!({
        "accounts": [{
            "id": ACCOUNT,
            "account_user_id": "user-of-the-tests",
            "name": "Personal",
            "structure": "personal",
            "plan_type": "plus",
            "workspace_backend_origin": "https://chatgpt.com",
            "account_routing_override": "us",
        }],
        "account_ordering": [ACCOUNT],
    })
}

fn refused(code: &str) -> Value {
    json!({ "error": { "code": code, "message": "from the stand-in" } })
}
