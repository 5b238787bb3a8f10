//! A stand-in for the vendors' APIs: 401 without a credential, a short answer
//! with one, and a record of what was asked and by whom.

mod amp;
mod anthropic;
mod openai;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tiny_http::{Header, Request, Response, Server};

use crate::canary::Canary;

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

    fn read(request: &mut Request) -> Result<(Self, Value)> {
        let mut body = Vec::new();
        // What follows the question for a WebSocket has no end.
        let mut headers = request.headers().iter();
        if !headers.any(|header| header.field.equiv("upgrade")) {
            request.as_reader().read_to_end(&mut body)?;
        }
        let mut whole = request.url().as_bytes().to_vec();
        let mut credentials = BTreeMap::new();
        for header in request.headers() {
            let name = header.field.as_str().as_str().to_ascii_lowercase();
            whole.extend_from_slice(format!("\n{name}: {}", header.value).as_bytes());
            if CREDENTIALS.contains(&name.as_str()) {
                credentials.insert(name, header.value.to_string());
            }
        }
        whole.push(b'\n');
        whole.extend_from_slice(&body);
        let path = request.url().split('?').next().unwrap_or_default();
        let asked = Self {
            what: format!("{} {path}", request.method()),
            credentials,
            whole,
        };
        Ok((asked, serde_json::from_slice(&body).unwrap_or_default()))
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
        let server = Server::http("127.0.0.1:0").map_err(|error| anyhow!("{error}"))?;
        let address = server.server_addr().to_ip();
        let port = address.ok_or_else(|| anyhow!("no port"))?.port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        thread::spawn(move || {
            for request in server.incoming_requests() {
                let record = Arc::clone(&record);
                // One that is slow to ask keeps nobody else waiting, and a
                // client that hangs up is its own affair.
                thread::spawn(move || serve(request, &record));
            }
        });
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

fn serve(mut request: Request, record: &Mutex<Vec<Asked>>) -> Result<()> {
    let (asked, body) = Asked::read(&mut request)?;
    let response = respond(&asked, &body);
    record
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(asked);
    request.respond(response)?;
    Ok(())
}

fn respond(asked: &Asked, body: &Value) -> Answer {
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

type Answer = Response<Cursor<Vec<u8>>>;

fn answer(status: u16, body: &Value) -> Answer {
    typed(status, "application/json", body.to_string())
}

/// A stream of events, each with its `type` as its name.
fn events(events: &[Value]) -> Answer {
    let lines = events.iter().map(|event| {
        let name = event["type"].as_str().unwrap_or_default();
        format!("event: {name}\ndata: {event}\n\n")
    });
    typed(200, "text/event-stream", lines.collect())
}

fn typed(status: u16, content: &str, body: String) -> Answer {
    let response = Response::from_string(body).with_status_code(status);
    match Header::from_bytes("content-type", content) {
        Ok(header) => response.with_header(header),
        Err(()) => response,
    }
}

fn error(kind: &str, text: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": text } })
}
