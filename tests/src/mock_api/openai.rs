//! `OpenAI`'s Responses API, which Codex asks, and OpenCode; and the little of
//! the vendor's backend that a Codex logged in by `ChatGPT` wants to see.

use serde_json::{Value, json};

use super::{ANSWER, answer, events};
use crate::http::Response;

pub(super) fn respond(method: &str, path: &str, request: &Value) -> Option<Response> {
    match (method, path) {
        ("POST", path) if path.ends_with("/responses") => Some(response(request)),
        // Codex tries a WebSocket first. This answer sends it to POST at once;
        // any other makes it try again for minutes.
        ("GET", path) if path.ends_with("/responses") => Some(answer(426, &json!({}))),
        ("GET", path) if path.ends_with("/wham/accounts/check") => {
            let none = json!({ "accounts": [], "account_ordering": [] });
            Some(answer(200, &none))
        }
        _ => None,
    }
}

/// The events of a streamed response, as the Responses API documents them.
fn response(request: &Value) -> Response {
    let text = json!({ "type": "output_text", "text": ANSWER, "annotations": [] });
    let message = |status: &str, content: Value| {
        json!({
            "type": "message", "role": "assistant", "id": "msg_1",
            "status": status, "content": content,
        })
    };
    let (begun, done) = (
        message("in_progress", json!([])),
        message("completed", json!([text])),
    );
    let empty = json!({ "type": "output_text", "text": "", "annotations": [] });
    let place = json!({ "item_id": "msg_1", "output_index": 0, "content_index": 0 });
    let in_place = |mut event: Value| {
        for (name, value) in place.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    };
    events(&[
        json!({ "type": "response.created", "response": whole(request, "in_progress", &json!([])) }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": begun }),
        in_place(json!({ "type": "response.content_part.added", "part": empty })),
        in_place(json!({ "type": "response.output_text.delta", "delta": ANSWER })),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": done }),
        json!({ "type": "response.completed", "response": whole(request, "completed", &json!([done])) }),
    ])
}

fn whole(request: &Value, status: &str, output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": status,
        "model": request["model"], "output": output,
        "usage": {
            "input_tokens": 1, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": 1, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": 2,
        },
    })
}
