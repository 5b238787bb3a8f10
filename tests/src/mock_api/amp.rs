//! Amp's API, as far as `amp usage` asks it.

use serde_json::json;

use super::{ANSWER, Answer, answer};

/// The answer to `POST /api/internal`.
pub(super) fn result() -> Answer {
    answer(
        200,
        &json!({ "ok": true, "result": { "displayText": ANSWER } }),
    )
}
