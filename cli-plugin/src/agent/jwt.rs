//! What a JSON Web Token says of itself (RFC 7519). No signature is verified:
//! the token is the user's own, and only its end is of interest.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::Zeroizing;

/// The claims that are looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// When the token ends; `None` when it does not say.
    pub(super) expires: Option<SystemTime>,
}

/// The claims of a token; `None` when it is none: three parts with dots
/// between them, of which the second is the claims' JSON.
pub(super) fn claims(token: &str) -> Option<Claims> {
    #[derive(Deserialize)]
    struct Wire {
        exp: Option<f64>,
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return None;
    };
    if header.is_empty() || signature.is_empty() {
        return None;
    }
    let payload = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
    let wire: Wire = serde_json::from_slice(&payload).ok()?;
    let since = wire.exp.map(Duration::try_from_secs_f64);
    let since = since.transpose().ok()?;
    Some(Claims {
        expires: since.and_then(|since| UNIX_EPOCH.checked_add(since)),
    })
}

/// A token with these claims, for tests.
#[cfg(test)]
pub(super) fn made_of(claims: &serde_json::Value) -> String {
    let part = |json: &str| BASE64_URL_SAFE_NO_PAD.encode(json);
    let header = part(r#"{"alg":"none"}"#);
    format!("{header}.{}.signature", part(&claims.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_says_when_it_ends() {
        let end = UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        let of = |value| claims(&made_of(&value)).unwrap().expires;
        assert_eq!(of(json!({"exp": 1_900_000_000})), Some(end));
        assert_eq!(of(json!({"sub": "me"})), None);
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        let whole = made_of(&json!({"exp": 1}));
        for broken in [
            String::new(),
            "opaque".to_owned(),
            "a.b".to_owned(),
            "a.%.c".to_owned(),
            format!("{whole}.more"),
            whole.trim_end_matches("signature").to_owned(),
            format!(".{}", whole.split_once('.').unwrap().1),
            made_of(&json!({"exp": "soon"})),
            made_of(&json!({"exp": -1})),
            made_of(&json!("no object")),
        ] {
            assert_eq!(claims(&broken), None, "{broken}");
        }
    }
}
