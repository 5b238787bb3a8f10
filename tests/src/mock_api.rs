//! A stand-in for the vendors' APIs: 401 without a credential, a short answer
//! with one, and a record of what was asked and by whom.

mod amp;
pub(crate) mod anthropic;
mod openai;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::{Value, json};

use crate::canary::Canary;
use crate::http::{self, Request, Response};

/// What the stand-in answers to any prompt.
pub const ANSWER: &str = "pong from the stand-in";

/// The headers that any of the programs has for a credential, or for whom it
/// belongs to. A request without one of the first two is refused.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "x-api-key",
    "api-key",
    "chatgpt-account-id",
    "cookie",
    "openai-organization",
    "proxy-authorization",
    "x-goog-api-key",
];

/// One request, as far as it says who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method and the path without its query.
    pub what: String,
    /// The headers that bear a credential, by their names in lower case.
    pub credentials: BTreeMap<String, String>,
    /// All of it: the path with its query, every header, the body.
    whole: Vec<u8>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body is long, and the credentials are what matters.
        write!(f, "{} {:?}", self.what, self.credentials)
    }
}

impl Asked {
    /// Whether a secret is anywhere in the request.
    pub fn holds(&self, canary: &Canary) -> bool {
        canary.finder().is_in(&self.whole)
    }

    fn of(request: &Request) -> Self {
        let mut whole = request.uri().to_string().into_bytes();
        let mut credentials = BTreeMap::new();
        for (name, value) in request.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            whole.extend_from_slice(format!("\n{name}: {value}").as_bytes());
            if CREDENTIALS.contains(&name.as_str()) {
                credentials.insert(name.to_string(), value.into_owned());
            }
        }
        whole.push(b'\n');
        whole.extend_from_slice(request.body());
        Self {
            what: format!("{} {}", request.method(), request.uri().path()),
            credentials,
            whole,
        }
    }

    fn is_known(&self) -> bool {
        let mut bearers = CREDENTIALS[..2].iter();
        bearers.any(|name| self.credentials.contains_key(*name))
    }
}

/// A server on a port of its own; it ends with the process.
#[derive(Debug)]
pub struct MockApi {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl MockApi {
    /// Starts to serve on the loopback interface.
    pub fn start() -> Result<Self> {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let port = http::serve(move |request| serve(request, &record))?;
        Ok(Self { port, asked })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    /// What was asked of one method and path.
    pub fn asked_for(&self, what: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.what == what);
        asked
    }

    /// Forgets what was asked so far, and hands it out.
    pub fn take(&self) -> Vec<Asked> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *asked)
    }
}

fn serve(request: &Request, record: &Mutex<Vec<Asked>>) -> Response {
    let asked = Asked::of(request);
    let body = serde_json::from_slice(request.body()).unwrap_or_default();
    let response = respond(&asked, &body);
    record
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(asked);
    response
}

fn respond(asked: &Asked, body: &Value) -> Response {
    if !asked.is_known() {
        return answer(401, &error("authentication_error", "no credential"));
    }
    let Some((method, path)) = asked.what.split_once(' ') else {
        return answer(400, &Value::Null);
    };
    let served = match (method, path) {
        ("POST", "/v1/messages") => Some(anthropic::message(body)),
        ("POST", "/api/internal") => Some(amp::result()),
        _ => openai::respond(method, path, body),
    };
    served.unwrap_or_else(|| answer(404, &error("not_found_error", "not served here")))
}

fn answer(status: u16, body: &Value) -> Response {
    typed(status, "application/json", body.to_string())
}

/// A stream of events, each with its `type` as its name.
fn events(events: &[Value]) -> Response {
    let lines = events.iter().map(|event| {
        let name = event["type"].as_str().unwrap_or_default();
        format!("event: {name}\ndata: {event}\n\n")
    });
    typed(200, "text/event-stream", lines.collect())
}

fn typed(status: u16, content: &str, body: String) -> Response {
    // All of these are constants.
    http::response(status, content, body).unwrap_or_default()
}

fn error(kind: &str, text: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": text } })
}
