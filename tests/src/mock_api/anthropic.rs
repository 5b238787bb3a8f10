//! Anthropic's Messages API, which Claude Code asks, and OpenCode.

use serde_json::{Value, json};

use super::{ANSWER, answer, events};
use crate::http::Response;

/// The answer to `POST /v1/messages`, streamed where that was asked for.
pub(crate) fn message(request: &Value) -> Response {
    if request["stream"] == true {
        stream(request)
    } else {
        let content = json!([{ "type": "text", "text": ANSWER }]);
        answer(200, &body(request, &content, &json!("end_turn")))
    }
}

fn body(request: &Value, content: &Value, stop: &Value) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": request["model"],
        "content": content, "stop_reason": stop, "stop_sequence": null,
        "usage": { "input_tokens": 1, "output_tokens": 1 },
    })
}

/// The events of a streamed message, as the Messages API documents them.
fn stream(request: &Value) -> Response {
    let start = body(request, &json!([]), &Value::Null);
    let text = json!({ "type": "text_delta", "text": ANSWER });
    let stop = json!({ "stop_reason": "end_turn", "stop_sequence": null });
    events(&[
        json!({ "type": "message_start", "message": start }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": text }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": stop, "usage": { "output_tokens": 1 } }),
        json!({ "type": "message_stop" }),
    ])
}
