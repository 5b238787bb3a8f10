//! A stand-in for the vendor's API: 401 without a credential, a short answer
//! with one, and a record of what was asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tiny_http::{Header, Method, Request, Response, Server};

/// What the stand-in answers to any prompt.
pub const ANSWER: &str = "pong from the stand-in";

/// One request, as far as it says who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method and the path without its query.
    pub what: String,
    /// The `authorization` header.
    pub authorization: Option<String>,
    /// The `x-api-key` header.
    pub api_key: Option<String>,
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
                // A client that hangs up is its own affair.
                let _ = serve(request, &record);
            }
        });
        Ok(Self { port, asked })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The prompts that arrived.
    pub fn prompts(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let prompts = asked
            .iter()
            .filter(|asked| asked.what == "POST /v1/messages");
        prompts.cloned().collect()
    }
}

fn serve(mut request: Request, record: &Mutex<Vec<Asked>>) -> Result<()> {
    let mut body = String::new();
    request.as_reader().read_to_string(&mut body)?;
    let asked = describe(&request);
    let known = asked.authorization.is_some() || asked.api_key.is_some();
    let prompt = asked.what == "POST /v1/messages";
    record
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(asked);
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let response = match (known, prompt) {
        (false, _) => answer(401, &error("authentication_error", "no credential")),
        (true, false) => answer(404, &error("not_found_error", "not served here")),
        (true, true) if body["stream"] == true => stream(&body),
        (true, true) => answer(200, &message(&body, true)),
    };
    request.respond(response)?;
    Ok(())
}

fn describe(request: &Request) -> Asked {
    let header = |name: &'static str| {
        let mut headers = request.headers().iter();
        let found = headers.find(|header| header.field.equiv(name));
        found.map(|header| header.value.to_string())
    };
    let method = match request.method() {
        Method::Get => "GET".to_owned(),
        Method::Post => "POST".to_owned(),
        other => other.to_string(),
    };
    let path = request.url().split('?').next().unwrap_or_default();
    Asked {
        what: format!("{method} {path}"),
        authorization: header("authorization"),
        api_key: header("x-api-key"),
    }
}

type Answer = Response<std::io::Cursor<Vec<u8>>>;

fn answer(status: u16, body: &Value) -> Answer {
    typed(status, "application/json", body.to_string())
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

fn message(request: &Value, whole: bool) -> Value {
    let content = if whole {
        json!([{ "type": "text", "text": ANSWER }])
    } else {
        json!([])
    };
    let stop = if whole {
        json!("end_turn")
    } else {
        Value::Null
    };
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": request["model"],
        "content": content, "stop_reason": stop, "stop_sequence": null,
        "usage": { "input_tokens": 1, "output_tokens": 1 },
    })
}

/// The events of a streamed message, as the Messages API documents them.
fn stream(request: &Value) -> Answer {
    let text = json!({ "type": "text_delta", "text": ANSWER });
    let stop = json!({ "stop_reason": "end_turn", "stop_sequence": null });
    let events = [
        json!({ "type": "message_start", "message": message(request, false) }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": text }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": stop, "usage": { "output_tokens": 1 } }),
        json!({ "type": "message_stop" }),
    ];
    let lines = events.iter().map(|event| {
        let name = event["type"].as_str().unwrap_or_default();
        format!("event: {name}\ndata: {event}\n\n")
    });
    typed(200, "text/event-stream", lines.collect())
}
